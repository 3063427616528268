# SPDX-License-Identifier: ISC
"""weirlab's API compared with toxiproxy's documentation and tests: fields, statuses, texts of errors."""

import http.client
import json
import subprocess
import urllib.parse

import pytest

from weirtest import address, peers
from weirtest.lab import WEIRLAB, Lab, where
from weirtest.settings import DEADLINE

UPSTREAM = "127.0.0.1:1"


@pytest.fixture(name="lab")
def fixture_lab():
    with Lab("-seed", "1") as lab:
        yield lab


@pytest.fixture(name="free_port")
def fixture_free_port():
    """A function that gives ports which are free at every address; they stay the test's own until it ends."""
    kept = []

    def free_port():
        kept.append(address.low("::"))
        return kept[-1].sockaddr[1]

    return free_port


def is_up(proxy):
    try:
        with peers.connect(where(proxy)):
            return True
    except ConnectionRefusedError:
        return False


def test_version_is_that_of_toxiproxy_and_each_answer_has_an_id(lab):
    status, headers, text = lab.raw("GET", "/version")
    assert status == 200 and headers["Content-Type"].startswith("application/json")
    assert json.loads(text)["version"].startswith("2.")
    assert headers["X-Toxiproxy-Request-Id"]


def test_browsers_are_refused(lab):
    status, _, text = lab.raw("GET", "/proxies", **{"User-Agent": "Mozilla/5.0 (X11)"})
    assert (status, text) == (403, "User agent not allowed\n")
    assert lab.raw("GET", "/proxies", **{"User-Agent": "curl Mozilla/5.0"})[0] == 200


@pytest.mark.parametrize("method, path, status", (
    ("GET", "/", 404), ("GET", "/nothing", 404), ("GET", "/proxies/a/b", 404), ("PUT", "/proxies", 405),
    ("GET", "/proxies/", 404), ("GET", "//proxies", 404), ("GET", "/metrics/", 404), ("GET", "/proxies/..", 404),
    ("DELETE", "/proxies", 405), ("GET", "/reset", 405), ("GET", "/populate", 405), ("POST", "/version", 405)))
def test_unknown_paths_and_methods(lab, method, path, status):
    assert lab.raw(method, path)[0] == status


def test_a_request_that_is_none_is_told_as_any_error(lab):
    assert lab.ask("GET", "http://x/version")[0] == 200
    status, answer = lab.ask("GET", "https://x/version")
    assert status == answer["status"] == 400 and "the target must be a path, which begins with a '/'" in answer["error"]
    with peers.connect(address.tcp("127.0.0.1", lab.port)) as sock:
        sock.sendall(b"POST /populate HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n")
        head, _, body = sock.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ") and b"application/json" in head
    assert json.loads(body) == {"error": "the body is longer than 4096 KiB; send less", "status": 413}


def test_a_thousand_proxies_are_made_at_once(lab):
    items = [{"name": f"p{n}", "listen": "localhost:0", "upstream": UPSTREAM, "enabled": False} for n in range(1000)]
    assert lab.ask("POST", "/populate", items)[0] == 201 and len(lab.get("/proxies")) == 1000


def test_a_client_may_keep_600_connections(lab):
    kept = [http.client.HTTPConnection("127.0.0.1", lab.port, timeout=DEADLINE) for _ in range(600)]
    for _ in range(2):
        for connection in kept:
            connection.auto_open = connection.sock is None  # no second connect: it would hide a close
            connection.request("GET", "/version", headers={"User-Agent": "test"})
            assert connection.getresponse().read()
    for connection in kept:
        connection.close()


def test_a_proxy_is_made_shown_and_deleted(lab):
    status, made = lab.ask("POST", "/proxies", {"name": "a", "listen": "localhost:0", "upstream": UPSTREAM})
    assert status == 201
    assert made == {"name": "a", "listen": made["listen"], "upstream": UPSTREAM, "enabled": True, "toxics": []}
    assert made["listen"].startswith("127.0.0.1:") and not made["listen"].endswith(":0")
    assert is_up(made)
    assert lab.ask("GET", "/proxies") == (200, {"a": made})
    assert lab.ask("GET", "/proxies/a") == (200, made)
    assert lab.ask("DELETE", "/proxies/a") == (204, None)
    assert not is_up(made)
    assert lab.ask("GET", "/proxies/a") == (404, {"error": "proxy not found", "status": 404})
    assert lab.ask("DELETE", "/proxies/a")[0] == 404


@pytest.mark.parametrize("body, error", (
    ("", "bad request body: EOF"), ("  ", "bad request body: EOF"), ('{"name": "a"', "bad request body: unexpected EOF"),
    ("{}", "missing required field: name"), ("null", "missing required field: name"),
    ('{"name": "a"}', "missing required field: upstream"),
    ('{"name": 5}', "bad request body: json: cannot unmarshal number into Go struct field Proxy.name of type string"),
    ('{"enabled": "yes"}',
     "bad request body: json: cannot unmarshal string into Go struct field Proxy.enabled of type bool"),
    ("[]", "bad request body: json: cannot unmarshal array into Go value of type toxiproxy.Proxy")))
def test_a_wrong_proxy_is_told_in_gos_words(lab, body, error):
    assert lab.ask("POST", "/proxies", body) == (400, {"error": error, "status": 400})
    assert lab.get("/proxies") == {}


@pytest.mark.parametrize("fields, says", (
    ({"name": "x" * 1025}, "name: it is longer than 1024 bytes"), ({"name": ".."}, "name: '.' and '..' cannot be in a path"),
    ({"listen": "unix:", "enabled": False}, "listen: address unix:: "), ({"upstream": "unix:"}, "upstream: address unix:: "),
    ({"toxics": [{"type": "latency", "name": "x" * 1025}]}, "name: it is longer than 1024 bytes")))
def test_what_could_not_be_used_is_refused_with_a_remedy(lab, fields, says):
    body = {"name": "a", "listen": "localhost:0", "upstream": UPSTREAM, **fields}
    for path, sent in ("/proxies", body), ("/populate", [body]):
        status, answer = lab.ask("POST", path, sent)
        assert status == 400 and answer["error"].startswith(f"bad request body: {says}")
    assert lab.get("/proxies") == {}


def test_the_longest_names_can_be_asked_for(lab):
    name = " " * 1024  # in a path, each of these is three bytes
    lab.proxy(UPSTREAM, name)
    path = urllib.parse.quote(name)
    lab.post(f"/proxies/{path}/toxics", {"type": "latency", "name": name})
    assert lab.do("DELETE", f"/proxies/{path}/toxics/{path}") is None and lab.do("DELETE", f"/proxies/{path}") is None


def test_an_update_to_a_unix_socket_is_checked(lab, tmp_path):
    lab.proxy(UPSTREAM)
    lab.toxic("blackhole", after_ms=60_000)
    before = lab.get("/proxies/p")
    for listen, says in ((f"unix:{tmp_path}/s", "type blackhole: a UNIX socket cannot keep silent"), ("unix:", "listen: address")):
        status, answer = lab.ask("PATCH", "/proxies/p", {"listen": listen})
        assert status == 400 and answer["error"].startswith(f"bad request body: {says}")
    assert lab.get("/proxies/p") == before and is_up(before)


@pytest.mark.parametrize("kind", ("cut", "refuse"))
def test_the_toxicity_of_own_types_is_from_0_to_1(lab, kind):
    lab.proxy(UPSTREAM)
    error = {"error": f"bad request body: toxicity of {kind}: write a number from 0 to 1", "status": 400}
    for toxicity in 7, -1:
        assert lab.ask("POST", "/proxies/p/toxics", {"type": kind, "toxicity": toxicity}) == (400, error)
    lab.toxic(kind, after_ms=60_000)
    assert lab.ask("PATCH", f"/proxies/p/toxics/{kind}_downstream", {"toxicity": 2}) == (400, error)


def test_a_proxy_that_is_there_is_a_conflict(lab):
    lab.proxy(UPSTREAM, "a")
    body = {"name": "a", "listen": "localhost:0", "upstream": UPSTREAM}
    assert lab.ask("POST", "/proxies", body) == (409, {"error": "proxy already exists", "status": 409})


def test_names_match_in_any_case_unknown_fields_and_what_follows_are_ignored(lab):
    body = '{"NAME": "a", "Listen": "localhost:0", "upStream": "127.0.0.1:1", "what": [1], "enabled": null} x'
    status, made = lab.ask("POST", "/proxies", body)
    assert status == 201 and made["name"] == "a" and made["enabled"]


def test_a_port_that_is_taken_is_told_in_gos_words(lab):
    taken = lab.proxy(UPSTREAM, "a")
    assert lab.ask("POST", "/proxies", {"name": "b", "listen": str(taken), "upstream": UPSTREAM}) == (
        500, {"error": f"listen tcp {taken}: bind: address already in use", "status": 500})
    assert list(lab.get("/proxies")) == ["a"]


@pytest.mark.parametrize("listen, error", (
    ("nowhere", "listen tcp: address nowhere: missing port in address"),
    ("1:2:3", "listen tcp: address 1:2:3: too many colons in address"),
    ("[::1:80", "listen tcp: address [::1:80: missing ']' in address"),
    ("[::1]80:", "listen tcp: address [::1]80:: missing port in address"),
    ("[::1]:8:0", "listen tcp: address [::1]:8:0: too many colons in address"),
    ("[[::1]:80", "listen tcp: address [[::1]:80: unexpected '[' in address"),
    ("a]:80", "listen tcp: address a]:80: unexpected ']' in address"),
    ("localhost:no", "listen tcp: address tcp/no: unknown port"),
    ("localhost:-1", "listen tcp: address -1: invalid port"),
    ("localhost:99999", "listen tcp: address 99999: invalid port")))
def test_an_address_that_is_none_is_told_in_gos_words(lab, listen, error):
    assert lab.ask("POST", "/proxies", {"name": "b", "listen": listen, "upstream": UPSTREAM}) == (
        500, {"error": error, "status": 500})


@pytest.mark.parametrize("listen, shown", (
    (":{}", "[::]:{}"), ("localhost:+{}", "127.0.0.1:{}"), ("0.0.0.0:{}", "[::]:{}"), ("[::]:{}", "[::]:{}"), ("localhost:{}", "127.0.0.1:{}"),
    ("[::1]:{}", "[::1]:{}"), ("127.0.0.1:{}", "127.0.0.1:{}")))
def test_addresses_are_as_go_writes_them(lab, free_port, listen, shown):
    port = free_port()
    body = {"name": "a", "listen": listen.format(port), "upstream": UPSTREAM}
    assert lab.post("/proxies", body)["listen"] == shown.format(port)
    assert lab.ask("POST", "/populate", [body])[1]["proxies"][0]["listen"] == shown.format(port)


def test_a_disabled_proxy_does_not_listen_until_it_is_enabled(lab, free_port):
    port = free_port()
    made = lab.post("/proxies", {"name": "a", "listen": f"localhost:{port}", "upstream": UPSTREAM, "enabled": False})
    assert made["listen"] == f"127.0.0.1:{port}" and not made["enabled"] and not is_up(made)
    assert lab.ask("POST", "/proxies/a", {"enabled": True})[1]["enabled"] and is_up(made)
    assert not lab.ask("PATCH", "/proxies/a", {"enabled": False})[1]["enabled"]
    assert not is_up(made)


def test_an_update_moves_a_proxy_and_keeps_its_toxics(lab):
    before = lab.proxy(UPSTREAM)
    lab.toxic("latency", latency=5)
    status, after = lab.ask("PATCH", "/proxies/p", {"listen": "localhost:0", "upstream": "127.0.0.1:2"})
    assert status == 200 and where(after).text != before.text and after["upstream"] == "127.0.0.1:2"
    assert [toxic["name"] for toxic in after["toxics"]] == ["latency_downstream"]


def test_an_update_of_one_address_keeps_the_other(lab):
    before = lab.proxy(UPSTREAM)
    after = lab.do("PATCH", "/proxies/p", {"listen": "localhost:0"})
    assert where(after).text != before.text and after["upstream"] == UPSTREAM
    after = lab.do("PATCH", "/proxies/p", {"upstream": "127.0.0.1:2"})
    assert after["upstream"] == "127.0.0.1:2" and after["enabled"]


def test_toxics_in_an_update_are_ignored(lab):
    lab.proxy(UPSTREAM)
    lab.toxic("latency", latency=5)
    shown = lab.get("/proxies/p")
    shown["toxics"][0]["attributes"]["latency"] = 99
    shown["toxics"].append({"type": "nonsense"})
    assert lab.ask("POST", "/proxies/p", shown)[1]["toxics"][0]["attributes"]["latency"] == 5


def test_updates_that_are_wrong(lab):
    lab.proxy(UPSTREAM)
    assert lab.ask("PATCH", "/proxies/p", "") == (400, {"error": "bad request body: EOF", "status": 400})
    assert lab.ask("PATCH", "/proxies/q", {}) == (404, {"error": "proxy not found", "status": 404})
    assert lab.ask("PATCH", "/proxies/p", {"listen": "x"}) == (
        500, {"error": "address x: missing port in address", "status": 500})
    assert lab.get("/proxies/p")["enabled"]


def test_a_proxy_and_its_toxics_are_made_together_or_not_at_all(lab):
    body = {"name": "a", "listen": "localhost:0", "upstream": UPSTREAM, "toxics": [
        {"type": "latency", "attributes": {"latency": 7}}, {"type": "timeout", "stream": "upstream"}]}
    made = lab.post("/proxies", body)
    assert {toxic["name"] for toxic in made["toxics"]} == {"latency_downstream", "timeout_upstream"}
    body["name"] = "b"
    body["toxics"].append({"type": "no"})
    assert lab.ask("POST", "/proxies", body) == (400, {"error": "invalid toxic type", "status": 400})
    body["toxics"][2] = {"type": "latency"}
    assert lab.ask("POST", "/proxies", body) == (409, {"error": "toxic already exists", "status": 409})
    assert list(lab.get("/proxies")) == ["a"]


def test_a_stream_is_shown_as_it_was_written(lab):
    """Toxiproxy compares the stream in lower case, but keeps it as written, also in the name that it makes of it."""
    lab.proxy(UPSTREAM)
    made = lab.toxic("latency", stream="UpStream", latency=5)
    assert (made["stream"], made["name"]) == ("UpStream", "latency_UpStream")
    assert lab.get("/proxies/p")["toxics"] == [made] == [lab.update("latency_UpStream", toxicity=1)]
    assert lab.ask("GET", "/proxies/p/toxics/latency_upstream")[0] == 404
    status, answer = lab.ask("POST", "/proxies/p/toxics", {"type": "latency", "stream": "upstream "})
    assert status == 400 and answer["error"] == "stream was invalid, can be either upstream or downstream"


def test_populate_makes_leaves_and_replaces(lab, free_port):
    items = [{"name": "a", "listen": f"localhost:{free_port()}", "upstream": UPSTREAM},
             {"name": "b", "listen": f"localhost:{free_port()}", "upstream": UPSTREAM, "enabled": False}]
    status, made = lab.ask("POST", "/populate", items)
    assert status == 201 and [proxy["name"] for proxy in made["proxies"]] == ["a", "b"]
    assert [proxy["enabled"] for proxy in made["proxies"]] == [True, False]
    lab.toxic("latency", "a", latency=5)
    lab.toxic("latency", "b", latency=5)
    items[1]["upstream"] = "127.0.0.1:2"
    items[1]["toxics"] = [{"type": "slicer", "attributes": {"average_size": 3}}]
    status, made = lab.ask("POST", "/populate", items)
    assert status == 201 and [[toxic["type"] for toxic in proxy["toxics"]] for proxy in made["proxies"]] == [
        ["latency"], ["slicer"]]
    assert lab.ask("POST", "/populate", "[]") == (201, {"proxies": []})


@pytest.mark.parametrize("body, status, error", (
    ("", 400, "bad request body: EOF"), ("{}", 400, None),
    ([{"name": "a", "upstream": UPSTREAM}, {"upstream": "x"}], 400, "missing required field: name at proxy 2"),
    ([{"name": "a"}], 400, "missing required field: upstream at proxy 1"),
    ([{"name": "a", "upstream": UPSTREAM, "toxics": [{"type": "x"}]}], 400, "invalid toxic type")))
def test_populate_looks_at_all_before_it_makes_one(lab, body, status, error):
    got, answer = lab.ask("POST", "/populate", body)
    assert got == status == answer["status"] and (error is None or answer["error"] == error)
    assert answer["proxies"] is None and lab.get("/proxies") == {}


def test_populate_keeps_what_was_made_before_an_error(lab):
    taken = lab.proxy(UPSTREAM, "taken")
    status, answer = lab.ask("POST", "/populate", [
        {"name": "a", "listen": "localhost:0", "upstream": UPSTREAM},
        {"name": "b", "listen": str(taken), "upstream": UPSTREAM}])
    assert status == 500 and "address already in use" in answer["error"]
    assert [proxy["name"] for proxy in answer["proxies"]] == ["a"] and set(lab.get("/proxies")) == {"taken", "a"}


@pytest.mark.parametrize("enabled", (True, False))
def test_populate_that_cannot_replace_a_proxy_leaves_it(lab, free_port, enabled):
    taken = lab.proxy(UPSTREAM, "taken")
    lab.proxy(UPSTREAM, "keep", listen=f"localhost:{free_port()}", enabled=enabled,
              toxics=[{"type": "latency", "attributes": {"latency": 7}}])
    before = lab.get("/proxies")
    status, answer = lab.ask("POST", "/populate", [{"name": "keep", "listen": str(taken), "upstream": UPSTREAM}])
    assert status == 500 and "address already in use" in answer["error"] and answer["proxies"] == []
    assert lab.get("/proxies") == before


DEFAULTS = {
    "noop": {},
    "latency": {"latency": 0, "jitter": 0}, "bandwidth": {"rate": 0}, "slow_close": {"delay": 0},
    "timeout": {"timeout": 0}, "reset_peer": {"timeout": 0}, "limit_data": {"bytes": 0},
    "slicer": {"average_size": 0, "size_variation": 0, "delay": 0}}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_toxic_has_its_defaults_is_changed_and_goes(lab, kind):
    lab.proxy(UPSTREAM)
    made = {"name": f"{kind}_downstream", "type": kind, "stream": "downstream", "toxicity": 1,
            "attributes": dict(DEFAULTS[kind])}
    path = f"/proxies/p/toxics/{kind}_downstream"
    assert lab.ask("POST", "/proxies/p/toxics", {"type": kind}) == (200, made)
    assert lab.ask("GET", "/proxies/p/toxics") == (200, [made]) and lab.ask("GET", path) == (200, made)
    assert lab.get("/proxies/p")["toxics"] == [made]
    for number, method in enumerate(("POST", "PATCH"), 7):
        for name in DEFAULTS[kind]:
            made["attributes"][name] = number
        assert lab.ask(method, path, {"attributes": made["attributes"], "name": "x", "type": "y", "stream": "z"}) == (
            200, made)
    made["toxicity"] = 0.25
    assert lab.ask("POST", path, {"toxicity": 0.25}) == (200, made)
    assert lab.ask("DELETE", path) == (204, None) and lab.get("/proxies/p/toxics") == []


@pytest.mark.parametrize("body, status, error", (
    ("", 400, "bad request body: EOF"), ({}, 400, "invalid toxic type"),
    ({"type": "down"}, 400, "invalid toxic type"),
    ({"type": "latency", "stream": "sideways"}, 400, "stream was invalid, can be either upstream or downstream"),
    ({"type": "latency", "attributes": {"latency": "1"}}, 400,
     "bad request body: json: cannot unmarshal string into Go struct field .attributes.latency of type int64"),
    ({"type": "latency", "attributes": {"latency": 1.5}}, 400,
     "bad request body: json: cannot unmarshal number into Go struct field .attributes.latency of type int64"),
    ({"type": "latency", "toxicity": 1e39}, 400,
     "bad request body: json: cannot unmarshal number into Go struct field ToxicWrapper.toxicity of type float32"),
    ({"type": "latency", "name": "there"}, 409, "toxic already exists")))
def test_a_wrong_toxic_is_told(lab, body, status, error):
    lab.proxy(UPSTREAM)
    lab.post("/proxies/p/toxics", {"name": "there", "type": "slicer", "stream": "UPSTREAM"})
    assert lab.ask("POST", "/proxies/p/toxics", body) == (status, {"error": error, "status": status})
    assert [toxic["name"] for toxic in lab.get("/proxies/p/toxics")] == ["there"]


def test_toxics_that_are_not_there(lab):
    lab.proxy(UPSTREAM)
    for method in ("GET", "POST", "PATCH", "DELETE"):
        assert lab.ask(method, "/proxies/p/toxics/t", {}) == (404, {"error": "toxic not found", "status": 404})
        assert lab.ask(method, "/proxies/q/toxics/t", {}) == (404, {"error": "proxy not found", "status": 404})
    assert lab.ask("GET", "/proxies/q/toxics")[0] == lab.ask("POST", "/proxies/q/toxics", {})[0] == 404


def test_a_toxic_that_is_changed_wrongly_stays_as_it_is(lab):
    lab.proxy(UPSTREAM)
    lab.toxic("latency", latency=5, jitter=1)
    assert lab.ask("PATCH", "/proxies/p/toxics/latency_downstream", {"attributes": {"latency": 9, "jitter": "x"}})[0] == 400
    assert lab.get("/proxies/p/toxics/latency_downstream")["attributes"] == {"latency": 5, "jitter": 1}


def test_a_toxic_that_is_no_object_is_told(lab):
    lab.proxy(UPSTREAM)
    lab.toxic("latency")
    error = "bad request body: json: cannot unmarshal array into Go value of type "
    assert lab.ask("POST", "/proxies/p/toxics", "[]")[1]["error"] == error + "toxics.ToxicWrapper"
    assert lab.ask("PATCH", "/proxies/p/toxics/latency_downstream", "[]")[1]["error"] == error + (
        r'struct { Attributes interface {} "json:\"attributes\""; Toxicity float32 "json:\"toxicity\"" }')


def test_attributes_match_in_any_case_and_unknown_ones_are_ignored(lab):
    lab.proxy(UPSTREAM)
    assert lab.toxic("latency", LATENCY=5, what=3)["attributes"] == {"latency": 5, "jitter": 0}


def test_upstream_toxics_come_before_downstream_ones(lab):
    lab.proxy(UPSTREAM)
    lab.toxic("latency")
    lab.toxic("timeout", stream="upstream")
    lab.toxic("slicer", stream="upstream")
    assert [toxic["type"] for toxic in lab.get("/proxies/p/toxics")] == ["timeout", "slicer", "latency"]


def test_reset_enables_all_and_takes_all_toxics_away(lab):
    lab.proxy(UPSTREAM, "a")
    lab.proxy(UPSTREAM, "b", enabled=False)
    lab.toxic("latency", "a")
    assert lab.ask("POST", "/reset") == (204, None)
    assert all(proxy["enabled"] and not proxy["toxics"] for proxy in lab.get("/proxies").values())


def test_names_may_have_any_characters(lab):
    lab.proxy(UPSTREAM, "a/b ü")
    assert lab.get("/proxies/a%2Fb%20%C3%BC")["name"] == "a/b ü"
    lab.post("/proxies/a%2Fb%20%C3%BC/toxics", {"type": "latency", "name": "x/y"})
    assert lab.do("DELETE", "/proxies/a%2Fb%20%C3%BC/toxics/x%2Fy") is None


def test_metrics_always_answer_and_count_when_asked_to():
    with Lab() as lab:
        assert lab.raw("GET", "/metrics")[0] == 200
    with Lab("-proxy-metrics", "-runtime-metrics") as lab:
        server = peers.Server("tcp4", None, peers.echo)
        at = lab.proxy(server.address)
        with peers.connect(at) as sock:
            sock.sendall(b"x" * 1000)
            peers.read_exactly(sock, 1000)
            text = lab.raw("GET", "/metrics")[2]
        server.close()
    labels = f'listener="{at}",proxy="p",upstream="{server.address}"'
    for what in ("received", "sent"):
        for direction in ("upstream", "downstream"):
            assert f'toxiproxy_proxy_{what}_bytes_total{{direction="{direction}",{labels}}} 1000' in text
    assert {f"process_{what}" for what in (
        "cpu_seconds_total", "open_fds", "max_fds", "virtual_memory_bytes", "resident_memory_bytes")} == {
            line.split()[0] for line in text.splitlines() if line.startswith("process_")}


# ---- the command line ----

def test_config_makes_proxies(tmp_path):
    config = tmp_path / "c.json"
    config.write_text(json.dumps([{"name": "a", "listen": "localhost:0", "upstream": UPSTREAM}]))
    for option in (("-config", str(config)), ("--config", str(config)), (f"-config={config}",), (f"--config={config}",)):
        with Lab(*option) as lab:
            assert list(lab.get("/proxies")) == ["a"]


@pytest.mark.parametrize("text, says", (("[", "unexpected EOF"), ('[{"name": "a"}]', "missing required field")))
def test_a_wrong_config_is_told_and_weirlab_runs(tmp_path, text, says):
    config = tmp_path / "c.json"
    config.write_text(text)
    with Lab("-config", str(config)) as lab:
        assert lab.get("/proxies") == {}
        assert lab.said(says)
    with Lab("-config", str(tmp_path / "none")) as lab:
        assert lab.said("No such file")


def test_the_log_is_as_much_as_log_level_says():
    with Lab(env={"LOG_LEVEL": "debug"}) as lab:
        lab.proxy(UPSTREAM)
    assert lab.said("proxy p: listens on")
    done = subprocess.run([WEIRLAB, "-port", "x"], env={"LOG_LEVEL": "disabled"}, capture_output=True, text=True,
                          timeout=DEADLINE, check=False)
    assert done.returncode == 1 and done.stderr == ""
    done = subprocess.run([WEIRLAB, "-port", "x"], env={"LOG_LEVEL": "bogus"}, capture_output=True, text=True,
                          timeout=DEADLINE, check=False)
    assert "LOG_LEVEL=bogus is none; write error, warn, info, debug, trace or disabled\n" in done.stderr


@pytest.mark.parametrize("words, says", (
    (("-what",), "there is no option -what"), (("-host",), "-host needs a value"), (("x",), "x: there are only options"),
    (("-seed", "x"), "-seed x: write a whole number"), (("-proxy-metrics=x",), "write true or false")))
def test_a_wrong_command_line_is_told(words, says):
    done = subprocess.run([WEIRLAB, *words], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 2 and says in done.stderr and "usage: weirlab" in done.stderr


def test_version_and_help():
    for words, says in ((("-version",), "toxiproxy 2."), (("--version=true",), "weirlab "), (("-h",), "usage: ")):
        done = subprocess.run([WEIRLAB, *words], capture_output=True, text=True, timeout=DEADLINE, check=True)
        assert says in done.stdout


def test_a_port_that_is_taken_ends_it():
    with Lab() as lab:
        done = subprocess.run([WEIRLAB, "-port", str(lab.port)], capture_output=True, text=True, timeout=DEADLINE,
                              check=False)
    assert done.returncode == 1 and "choose another -host or -port" in done.stderr
    assert f"localhost:{lab.port}" in done.stderr
