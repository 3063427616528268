# SPDX-License-Identifier: ISC
"""weir-http(7) has every path, method, key and null of the daemon's answers, and nothing else."""

import contextlib
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from test_weirctl import WEIRCTL
from weirtest import peers, wait
from weirtest.asking import ask, connections, control_path, get
from weirtest.drains import take
from weirtest.following import follow
from weirtest.house import exchange, house, listener
from weirtest.settings import DEADLINE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "man" / "weir-http.7").read_text(encoding="utf-8")
STREAMS = {("GET", "/"), ("GET", "/metrics"), ("GET", "/v1/events")}  # answers that are not JSON


class Maybe:
    """A value that may be null. The test must see it both with a value and as null."""

    def __init__(self, schema):
        self.schema = schema
        self.seen = set()


class Each:
    """An object whose keys are words that are documented elsewhere: reasons, timers."""

    def __init__(self, schema):
        self.schema = schema


def follow_schema(value, schema, where):
    """Asserts that the value has exactly these keys, each of its type."""
    if isinstance(schema, Maybe):
        schema.seen.add(value is None)
        if value is not None:
            follow_schema(value, schema.schema, where)
    elif isinstance(schema, Each):
        assert isinstance(value, dict), where
        for key, one in value.items():
            follow_schema(one, schema.schema, f"{where}.{key}")
    elif isinstance(schema, dict):
        assert isinstance(value, dict) and value.keys() == schema.keys(), (where, value)
        for key, one in schema.items():
            follow_schema(value[key], one, f"{where}.{key}")
    elif isinstance(schema, list):
        assert isinstance(value, list), where
        for one in value:
            follow_schema(one, schema[0], f"{where}[]")
    else:
        assert type(value) is schema, (where, value)  # pylint: disable=unidiomatic-typecheck


def keys_of(schema):
    """Each key in the schema, with the schema of its value."""
    if isinstance(schema, (Maybe, Each)):
        yield from keys_of(schema.schema)
    elif isinstance(schema, list):
        for one in schema:
            yield from keys_of(one)
    elif isinstance(schema, dict):
        for key, one in schema.items():
            yield key, one
            yield from keys_of(one)


DRAIN = {"state": str, "grace_ms": Maybe(int), "left_ms": Maybe(int), "pairs_open": int, "end_pairs": bool,
         "kept": [{"name": str, "address": str}]}
STATUS = {
    "version": str, "node": str, "state": str, "left_ms": Maybe(int), "ready": bool, "generation": int, "uptime_ms": int,
    "workers": int, "listeners": int, "servers": {"usable": int, "all": int},
    "pairs": {"open": int, "max": int, "half_closed": int, "accepted": int, "ended": Each(int)},
    "drain": Maybe(DRAIN), "reload": Maybe({"at": str, "ok": bool}), "timers_p99_us": Maybe(int), "log_level": str}
LISTENERS = {"listeners": [{
    "name": str, "listen": [str], "upstream": Maybe(str), "pairs": {"open": int, "max": int, "accepted": int},
    "bytes": {way: {"copied": int, "spliced": int} for way in ("up", "down")},
    "ended": [{"by": str, "reason": str, "pairs": int}]}]}
SERVER = {
    "name": str, "address": str, "usable": bool, "told": str, "check": str, "ejected": bool, "backup": bool, "weight": int,
    "weight_config": int, "weight_told": Maybe(int), "pairs": int, "max_pairs": int, "connects_failed": int,
    "failed_in_row": int}
UPSTREAMS = {"upstreams": [{"name": str, "waiting": int, "servers": [SERVER]}]}
WAY = {"bytes": int, "bytes_per_s": int, "quiet_ms": Maybe(int), "waiting": int, "spliced": bool, "held_by": Maybe(str)}
PAIR = {
    "id": int, "listener": str, "client": str, "upstream": Maybe(str), "server": Maybe(str), "server_name": Maybe(str),
    "state": str, "age_ms": int, "up": WAY, "down": WAY, "timers": Each({"left_ms": int})}
TCP = {"rtt_us": int, "retransmits": int}
PAIR_TCP = {**PAIR, "client_tcp": Maybe(TCP), "server_tcp": Maybe(TCP)}
PAIRS = {"pairs": [PAIR], "next": Maybe(int)}
PAIRS_TCP = {"pairs": [PAIR_TCP], "next": Maybe(int)}
ERROR = {"error": str}
ERRORS = {"error": str, "errors": [str]}
READY = {"ready": bool, "state": str}

OF_SERVER = "/v1/upstreams/*/servers/*"
SCHEMAS = {  # by method and path, then by status; a path has several if its answer depends on the query
    ("GET", "/healthz"): {200: [{"alive": bool}]},
    ("GET", "/readyz"): {200: [READY], 503: [{**READY, **ERROR}]},
    ("GET", "/v1/status"): {200: [STATUS]},
    ("GET", "/v1/listeners"): {200: [LISTENERS]},
    ("GET", "/v1/upstreams"): {200: [UPSTREAMS]},
    ("PATCH", OF_SERVER): {200: [SERVER], 400: [ERROR], 404: [ERROR]},
    ("GET", "/v1/pairs"): {200: [PAIRS, PAIRS_TCP], 400: [ERROR]},
    ("DELETE", "/v1/pairs"): {200: [{"told": int}], 400: [ERROR]},
    ("GET", "/v1/pairs/*"): {200: [PAIR_TCP], 404: [ERROR]},
    ("DELETE", "/v1/pairs/*"): {200: [{"told": int}], 404: [ERROR]},
    ("PUT", "/v1/log"): {200: [{"level": str}], 400: [ERROR]},
    ("POST", "/v1/reload"): {200: [{"generation": int}], 409: [ERRORS]},
    ("POST", "/v1/drain"): {200: [DRAIN], 400: [ERROR], 409: [ERRORS]},
    ("POST", "/v1/undrain"): {200: [DRAIN], 409: [ERRORS]},
}
REFERENCES = {  # where the text of an item says that its answer is that of another path: the text, and that path
    ("GET", "/v1/status"): (".Pa /v1/drain\nanswers it", ("POST", "/v1/drain")),
    ("PATCH", OF_SERVER): ("with the server as above", ("GET", "/v1/upstreams")),
    ("GET", "/v1/pairs/*"): ("That pair, with\n.Ql tcp_info", ("GET", "/v1/pairs")),
    ("DELETE", "/v1/pairs"): ("The same for all", ("DELETE", "/v1/pairs/*")),
    ("POST", "/v1/undrain"): ("answered as a drain is", ("POST", "/v1/drain")),
}
WORDS = {  # other words that are marked in an item: members of its body, filters, a reason
    ("PATCH", OF_SERVER): {"state", "weight"},
    ("GET", "/v1/pairs"): {"listener", "upstream", "server", "client", "state", "idle_over", "older_than", "limit", "after"},
    ("DELETE", "/v1/pairs"): {"limit"},
    ("DELETE", "/v1/pairs/*"): {"admin"},
    ("POST", "/v1/drain"): {"grace", "end_pairs"},
}
STATS = {
    "time": str, "event": str, "node": str, "version": str, "started": int, "state": str, "ready": bool, "generation": int,
    "uptime_ms": int, "left_ms": Maybe(int), "pairs": {"open": int, "max": int, "half_closed": int, "accepted": int},
    "ended": Each(int), "late_bounds_us": [int], "late": Each([int]), "loop_delay_us": int, "log_dropped": int,
    "listeners": [{"name": str, "open": int, "accepted": int, "up": int, "down": int}],
    "servers": [{"upstream": str, "name": str, "usable": bool, "pairs": int}], "bytes": {"up": int, "down": int}}
EVENTS = {"stats": STATS, "dropped": {"time": str, "event": str, "events": int},
          "end": {"time": str, "event": str, "reason": str}}


def section(name):
    return PAGE.split(f"\n.Sh {name}\n")[1].split("\n.Sh ")[0]


def documented():
    """The text of each item of PATHS, by method and path; a segment that is a name is written "*"."""
    items = {}
    for item in section("PATHS").split("\n.It Ic ")[1:]:
        method, target = item.split("\n")[0].split(" ", 1)
        path = re.sub(r" Ns Ar [A-Z]+", "*", re.sub(r"( Ns Op )? ?\?.*", "", target)).replace(" Ns Ic ", "")
        assert re.fullmatch(r"/[\w/*]*", path) and (method, path) not in items, target
        items[method, path] = item
    return items


def known():
    """The methods and paths in the daemon's table."""
    text = (ROOT / "src" / "control" / "paths.c").read_text(encoding="utf-8")
    rows = re.findall(r"\{HTTP_VERB_(\w+), \{(.*?)\}, \w+,\s+\w+\}", text)
    return [(verb, "/" + "/".join(re.findall(r'"(.*?)"', segments))) for verb, segments in rows]


def keys_in(text):
    marked = re.findall(r"^\.(?:It |P[oq] )?Cm (.*)$", text, re.MULTILINE)
    return set(re.findall(r"\w+", " ".join(marked))) | set(re.findall(r"\\\(dq(\w+)\\\(dq:", text))


def null_keys_in(text):
    """The keys in clauses that have "null"; a clause ends with a semicolon or a dot at the end of a line."""
    clauses = re.split(r"[;.]\n", text + "\n")
    return set().union(*(keys_in(clause) for clause in clauses if "null" in clause))


def check_keys(schema, text, where, nulls=True):
    for key, one in keys_of(schema):
        assert key in keys_in(text), (where, key)
        if nulls and isinstance(one, Maybe):
            assert key in null_keys_in(text), (where, key, "may be null")


def test_each_key_is_in_the_manual_and_each_null():
    items = documented()
    assert SCHEMAS.keys() | STREAMS == items.keys()
    for path, by_status in SCHEMAS.items():
        text = items[path]
        keys = {key for key, _ in keys_of([schema for schemas in by_status.values() for schema in schemas])}
        assert keys_in(text) <= keys | WORDS.get(path, set()), path
        if path in REFERENCES:
            phrase, other = REFERENCES[path]
            assert phrase in text, path
            text += "\n" + items[other]
        for status, schemas in by_status.items():
            for schema in schemas:
                check_keys(schema, text if status == 200 else section("DESCRIPTION") + text, (path, status))
    events = section("EVENTS")
    for name, schema in EVENTS.items():
        head, *rest = events.split("\n.It Cm ")
        text = next(item for item in rest if item.startswith(name + "\n"))
        check_keys(schema, head + "\n" + text, name, nulls=False)  # the text says "As in /v1/status"
    assert "As in\n.Pa /v1/status" in events


def test_the_manual_has_the_paths_and_the_methods_that_the_daemon_has():
    items = documented()
    assert sorted(items) == sorted(known())
    assert set(re.findall(r"^\.Pa (/(?:v1/|readyz|metrics)\S*)", PAGE, re.MULTILINE)) <= {path for _, path in items}
    with house() as here:
        for path in {path for _, path in items}:
            methods = {method for method, one in items if one == path}
            other = next(method for method in ("PUT", "PATCH", "POST") if method not in methods)
            answer = ask(here.weir, other, path.replace("*", "x"))
            assert answer.status == 405 and answer.json.keys() == ERROR.keys(), path
            assert set(answer.headers["Allow"].split(", ")) == methods | ({"HEAD"} if "GET" in methods else set()), path
        assert ask(here.weir, "GET", "/").status == ask(here.weir, "GET", "/metrics").status == 200
        assert ask(here.weir, "GET", "/v1").status == 404
        error = ask(here.weir, "GET", "/v1/pairs?nothing=1").error
        for name in re.findall(r"\w+", error.split(" known are ")[1].replace(" and ", ", ")):
            assert re.search(rf"^\.(It )?Cm ([\w ,]+ )?{name}\b|^\.Ql {name}=", items["GET", "/v1/pairs"], re.MULTILINE), name


class Asker:
    """Sends requests, and compares each answer with its schema."""

    def __init__(self, here):
        self.here = here
        self.seen = set()

    def __call__(self, method, target, status=200, body=None, nth=0):
        path = re.sub(r"^(/v1/upstreams)/.*", r"\1/*/servers/*" if target.count("/") > 2 else r"\1",
                      re.sub(r"^/v1/pairs/.*", "/v1/pairs/*", target.split("?")[0]))
        answer = ask(self.here.weir, method, target, body)
        assert answer.status == status, (target, answer.text)
        follow_schema(answer.json, SCHEMAS[method, path][status][nth], (method, path, status))
        self.seen.add((method, path, status))
        return answer.json


def stall(here, sock):
    """Sends until weir stops reading from the client, because the server does not read."""
    sock.setblocking(False)

    def is_held():
        with contextlib.suppress(BlockingIOError):
            while True:
                sock.send(bytes(65536))
        return get(here.weir, "/v1/pairs?listener=still")["pairs"][0]["up"]["held_by"]
    wait.until(is_held, "its server holds it up")


def open_pairs(here):
    """
    Opens four pairs: over TCP, over UNIX, with a stalled server, and with a client that sends no first bytes. One more
    pair is ended by its timer, so that weir has a lateness to report.
    """
    tcp, unix, still, routed = (here.client(here.listens[name]) for name in ("web", "local", "still", "routed"))
    exchange(tcp)
    exchange(unix)
    stall(here, still)
    with here.client(here.listens["brief"]) as sock:
        peers.read_end(sock)
    wait.until(lambda: get(here.weir, "/v1/status")["timers_p99_us"] is not None, "a timer has struck")
    wait.until(lambda: len(get(here.weir, "/v1/pairs")["pairs"]) == 4, "four pairs")
    return tcp, unix, still, routed


def look(asks):
    for path in ("/healthz", "/v1/status", "/v1/listeners", "/v1/upstreams", "/v1/pairs"):
        asks("GET", path)
    asks("GET", "/v1/pairs?tcp_info=true", nth=1)


def look_at_pairs(asks):
    look(asks)
    last = asks("GET", "/v1/pairs?limit=1")["next"]
    assert asks("GET", f"/v1/pairs?tcp_info=true&limit=1&after={last}", nth=1)["next"]
    assert asks("GET", "/v1/pairs?all=true") and asks("GET", "/v1/pairs?nothing=1", 400)
    ids = {pair["listener"]: pair["id"] for pair in asks("GET", "/v1/pairs")["pairs"]}
    for pair in ids.values():
        asks("GET", f"/v1/pairs/{pair}")
    asks("DELETE", f"/v1/pairs/{ids['web']}")
    asks("DELETE", "/v1/pairs", 400)
    assert asks("DELETE", "/v1/pairs?listener=local")["told"] == 1
    for method in ("GET", "DELETE"):
        asks(method, "/v1/pairs/999999", 404)


def tell(asks, here):
    for weight in (5, None):
        asks("PATCH", "/v1/upstreams/app/servers/a", body={"weight": weight, "state": "auto"})
        asks("GET", "/v1/upstreams")
    asks("PATCH", "/v1/upstreams/app/servers/a", 400, {"state": "x"})
    asks("PATCH", "/v1/upstreams/app/servers/x", 404, {"state": "up"})
    asks("PUT", "/v1/log", body={"level": "debug"})
    asks("PUT", "/v1/log", 400, {"level": "x"})
    asks("POST", "/v1/reload")
    here.fail("max_pairs", max_pairs=0)
    asks("POST", "/v1/reload", 409)
    look(asks)


def go_out_of_service_and_back(asks, here):
    asks("GET", "/readyz")
    asks("POST", "/v1/drain", 400, {"grace": "x"})
    asks("POST", "/v1/drain", body={"grace": "1h"})
    asks("GET", "/readyz", 503)
    with follow(here.weir) as follower:
        follow_schema(follower.next("stats").data, STATS, "stats")
    asks("GET", "/v1/status")
    asks("POST", "/v1/drain", body={"grace": "0s"})
    look(asks)
    with contextlib.closing(take(here.listens["web"])):
        asks("POST", "/v1/undrain", 409)
    asks("POST", "/v1/undrain")


def end_of_events(asks, here):
    with follow(here.weir, "?event=close&event=stats") as follower:
        here.client(here.listens["web"]).close()
        last = follower.next("close")
        follow_schema(follower.next("stats").data, STATS, "stats")
    wait.until(lambda: connections(here.weir) == 0, "weir has let go of the follower")
    with here.client(here.listens["web"]) as sock:
        missed = peers.name(sock)
    here.weir.close_line(client=missed)
    with follow(here.weir, "?event=close", {"Last-Event-ID": last.id}) as follower:
        follow_schema(follower.next("dropped").data, EVENTS["dropped"], "dropped")
        held = here.client(here.listens["web"])
        exchange(held)
        here.weir.signal(signal.SIGTERM)
        here.weir.notice("STOPPING=1")
        asks("POST", "/v1/drain", 409)
        asks("POST", "/v1/undrain", 409)
        held.close()
        follow_schema(follower.next("end").data, EVENTS["end"], "end")


def test_each_answer_has_the_keys_of_its_schema_and_their_types():
    with house(errors=("reload_failed", "undrain_failed"), relay={"high_water_mark": "64k"}, workers=2,
               timeouts={"drain": "1h"}, drain={"idle_first": "none"}) as here:
        asks = Asker(here)
        look(asks)
        here.listens = {"web": here.weir.address, "local": here.free("unix"),
                        **{name: here.free() for name in ("still", "routed", "brief")}}
        still = here.stack.enter_context(contextlib.closing(peers.Upstream("tcp4", here.weir.folder)))
        here.reload(
            listeners=[listener("web", str(here.listens["web"])), listener("local", str(here.listens["local"]), "local"),
                       listener("still", str(here.listens["still"]), "still"),
                       listener("brief", str(here.listens["brief"]), timeouts={"idle": "10ms"}),
                       {"name": "routed", "listen": str(here.listens["routed"]), "timeouts": {"preface": "1h"},
                        "routes": [{"sni": ["a.test"], "upstream": "app"}]}],
            upstreams=[{"name": "app", "servers": [{"name": "a", "address": str(here.server())}]},
                       {"name": "local", "servers": [{"address": str(here.server(transport="unix"))}]},
                       {"name": "still", "servers": [{"address": str(still)}]}])
        open_pairs(here)
        look_at_pairs(asks)
        tell(asks, here)
        go_out_of_service_and_back(asks, here)
        assert asks("DELETE", "/v1/pairs?all=true")["told"] >= 1
        end_of_events(asks, here)
    assert asks.seen == {(*path, status) for path, by_status in SCHEMAS.items() for status in by_status}
    for path, by_status in SCHEMAS.items():
        for key, one in keys_of(list(by_status.values())):
            assert not isinstance(one, Maybe) or one.seen == {True, False}, (path, key, one.seen)


def examples():
    """Each command of the section EXAMPLES, with the answer in the block after it."""
    blocks = [block.replace("\\e", "\\")
              for block in re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", section("EXAMPLES"), re.M)]
    assert all(block.startswith(("curl ", "weirctl ")) for block in blocks[::2]) and len(blocks) % 2 == 0
    return list(zip(blocks[::2], blocks[1::2]))


def shape(answer):
    """The answer without what differs between machines: numbers, and where a line is folded."""
    return re.sub(r"\d+", "0", "".join(answer.split()))


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl: scripts/setup test")
def test_each_example_is_answered_as_it_is_written():
    with house() as here:
        here.reload(upstreams=[{"name": "app", "servers": [{"name": "a", "address": str(here.server())}]}])
        exchange(here.client())
        for command, answer in examples():
            line = command.replace("/run/weir/control", control_path(here.weir))
            line = re.sub("^weirctl ", f"'{WEIRCTL}' -s '{control_path(here.weir)}' ", line)
            done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=DEADLINE, check=True)
            assert shape(done.stdout) == shape(answer) and not done.stderr, command
