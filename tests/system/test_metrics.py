# SPDX-License-Identifier: ISC
"""GET /metrics: what Prometheus reads, at both doors."""

import contextlib
import http.client
import json
import os
import re
import resource
import socket
import subprocess
import threading
import time
from pathlib import Path

from weirtest import address, exposition, peers, proc, wait
from weirtest.asking import ask, ask_on, control_path
from weirtest.clock import within
from weirtest.daemon import Free
from weirtest.house import FAILED, exchange, house, listener
from weirtest.settings import DEADLINE, SANITIZER, scaled

ROOT = Path(__file__).resolve().parents[2]


def scrape(here):
    answer = ask(here.weir, "GET", "/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"] == exposition.TYPE
    return exposition.Metrics(answer.text)


def ended(here):
    return sum(value for _, value in scrape(here).all("weir_pairs_ended_total"))


def serve_and_end(here):
    """One pair that moves five bytes each way, and ends."""
    before = ended(here)
    with here.client() as sock:
        exchange(sock)
        peers.fin(sock)
        assert peers.read_end(sock)[1] == "fin"
    wait.until(lambda: ended(here) == before + 1, "its end is counted")


def test_values_move_with_the_pairs_and_go_on_over_reloads():
    with house(errors=FAILED, workers=2, max_pairs=100, node="left") as here:
        server = here.weir.settings["upstreams"][0]["servers"][0]
        names = {"upstream": "app", "server": server if isinstance(server, str) else server["address"]}
        version, = (labels["version"] for labels, _ in scrape(here).all("weir_build_info"))
        serve_and_end(here)
        exchange(here.client(), b"x" * 95)
        wait.until(lambda: scrape(here).get("weir_bytes_total", listener="web", direction="down") == 100,
                   "bytes that the client has are counted a moment later")
        now = scrape(here)
        assert now.get("weir_build_info", version=version, node="left") == 1
        assert now.get("weir_ready") == 1 and now.get("weir_workers") == 2 and now.get("weir_pairs_max") == 100
        assert now.get("weir_config_generation") == 1
        assert (now.get("weir_reloads_total", result="ok"), now.get("weir_reloads_total", result="failed")) == (0, 0)
        assert now.get("weir_pairs_open", listener="web") == 1 and now.get("weir_pairs_total", listener="web") == 2
        assert now.all("weir_pairs_ended_total") == [({"listener": "web", "by": "client", "reason": "eof"}, 1)]
        assert [now.get("weir_bytes_total", listener="web", direction=way) for way in ("up", "down")] == [100, 100]
        assert now.get("weir_server_up", **names) == 1 and now.get("weir_server_pairs_open", **names) == 1
        assert now.get("weir_server_connect_seconds_count", **names) == 2
        assert 0 < now.get("weir_server_connect_seconds_sum", **names) < DEADLINE
        assert now.get("weir_log_dropped_total") == 0
        here.reload(listeners=[listener("web", str(here.weir.address)), listener("second", str(here.free()), max_pairs=7)])
        assert scrape(here).get("weir_last_reload_successful") == 1 and scrape(here).get("weir_listeners") == 2
        here.fail("max_pairs", max_pairs=0)
        serve_and_end(here)
        now = scrape(here)
        assert now.get("weir_last_reload_successful") == 0
        assert now.all("weir_listener_pairs_max") == [({"listener": "second"}, 7)]
        assert now.get("weir_last_reload_timestamp_seconds") >= now.get("process_start_time_seconds")
        assert now.get("weir_config_generation") == 2
        assert (now.get("weir_reloads_total", result="ok"), now.get("weir_reloads_total", result="failed")) == (1, 1)
        assert now.get("weir_pairs_total", listener="web") == 3 and now.get("weir_pairs_total", listener="second") == 0
        assert now.get("weir_pairs_ended_total", listener="web", by="client", reason="eof") == 2
        assert now.get("weir_bytes_total", listener="web", direction="up") == 105


def test_lateness_is_told_by_timer():
    with house(timeouts={"idle": "300ms"}) as here:
        with within(time.monotonic(), 0.3):
            sock = here.client()
            exchange(sock)
        peers.read_end(sock)
        wait.until(lambda: ended(here) == 1, "its end is counted")
        now = scrape(here)
        counts = {labels["timer"]: value for labels, value in now.all("weir_timer_lateness_seconds_count")}
        assert {timer for timer, count in counts.items() if count} == {"idle"} and counts["idle"] == 1
        buckets = [(labels["le"], value) for labels, value in now.all("weir_timer_lateness_seconds_bucket")
                   if labels["timer"] == "idle"]
        assert [value for _, value in buckets] == sorted(value for _, value in buckets)
        assert buckets[-1] == ("+Inf", 1) and now.get("weir_timer_lateness_seconds_sum", timer="idle") >= 0


def test_an_odd_address_is_escaped():
    with house() as here:
        path = f"{here.weir.folder}/a\"b\\c d{{}}=,\u00e4"
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
            server.bind(path)
            server.listen()
            here.reload(upstreams=[{"name": "app", "servers": [{"address": f"unix:{path}"}]}])
            client = here.client()
            wait.until(lambda: scrape(here).get("weir_server_pairs_open", upstream="app", server=f"unix:{path}") == 1,
                       "a pair there")
            client.close()


def test_a_server_that_was_told_to_drain_is_not_up():
    with house() as here:
        here.reload(upstreams=[{"name": "app", "servers": [{"name": "a", "address": str(here.server())}]}])
        assert ask(here.weir, "PATCH", "/v1/upstreams/app/servers/a", {"state": "drain"}).status == 200
        assert scrape(here).get("weir_server_up", upstream="app", server="a") == 0


def test_a_server_that_refuses_is_ejected():
    with house() as here:
        here.reload(upstreams=[{"name": "app", "eject": {"failures": 3, "within": "1000s", "for": "1000s"}, "servers": [
            {"name": "dead", "address": str(here.free())}, {"name": "a", "address": str(here.server())}]}])
        for _ in range(6):
            exchange(here.client())
        dead, alive = ({"upstream": "app", "server": name} for name in ("dead", "a"))
        wait.until(lambda: scrape(here).get("weir_server_ejections_total", **dead) == 1, "it is ejected")
        now = scrape(here)
        assert [now.get(f"weir_server_{what}", **dead) for what in ("ejected", "up")] == [1, 0]
        assert now.get("weir_server_connects_failed_total", **dead) >= 3  # clients may come before all workers know it
        assert [now.get(f"weir_server_{what}", **alive) for what in ("ejected", "up", "connects_failed_total")] == [0, 1, 0]
        assert now.get("weir_server_connect_seconds_count", **alive) == 6
        assert now.get("weir_server_connect_seconds_count", **dead) == 0


def test_what_cannot_be_accepted_is_counted_and_what_waits_for_a_rate_is_not():
    with house(listeners=[listener("web", Free("tcp4"), rate={"accept": "2/s"})]) as here:
        before = proc.settled_fds(here.weir.pid)
        clients = [here.client() for _ in range(3)]
        for sock in clients:
            exchange(sock)
        here.weir.record("rate_reached")
        assert scrape(here).get("weir_accept_rests_total") == 0
        # The fd of the scrape may stay open after its answer; if it were closed later, a client could have it.
        wait.until(lambda: proc.fds(here.weir.pid) <= before + 2 * len(clients), "the pairs alone have fds")
        allowed = resource.prlimit(here.weir.pid, resource.RLIMIT_NOFILE)
        used = {int(fd) for fd in os.listdir(f"/proc/{here.weir.pid}/fd")}
        none_is_free = min(set(range(len(used) + 1)) - used)
        resource.prlimit(here.weir.pid, resource.RLIMIT_NOFILE, (none_is_free, allowed[1]))
        late = here.client()
        here.weir.record("accept_resting", errno="EMFILE")
        resource.prlimit(here.weir.pid, resource.RLIMIT_NOFILE, allowed)
        exchange(late)
        assert scrape(here).get("weir_accept_rests_total") >= 1


def test_checks_are_counted_where_there_are_some():
    with house() as here:
        dead, alive = {"name": "dead", "address": str(here.free())}, {"name": "a", "address": str(here.server())}
        here.reload(upstreams=[{"name": "app", "check": {"every": "20ms", "every_down": "20ms", "rise": 2, "fall": 2},
                                "servers": [dead, alive, {"name": "off", "address": str(here.server()),
                                                          "check": "off"}]}])

        def of(name, what):
            return scrape(here).get(f"weir_server_{what}", upstream="app", server=name)

        wait.until(lambda: of("dead", "checks_failed_total") >= 3 and of("a", "checks_total") >= 3, "some checks")
        assert [of("dead", what) for what in ("check_up", "up", "checks_not_made_total")] == [0, 0, 0]
        assert [of("a", what) for what in ("check_up", "up", "checks_failed_total")] == [1, 1, 0]
        assert [of("off", what) for what in ("check_up", "up", "checks_total")] == [None, 1, None]
        now = scrape(here)
        assert (now.get("weir_servers"), now.get("weir_servers_usable")) == (3, 2)


def test_who_waits_is_counted_whatever_comes_of_it():
    with house(timeouts={"queue": "500ms"}) as here:
        here.reload(upstreams=[{"name": "app", "queue_max": 1, "servers": [
            {"address": str(here.server()), "max_pairs": 1}]}])

        def queue():
            now = scrape(here)
            return [now.get(f"weir_upstream_{what}", upstream="app")
                    for what in ("waiting", "waited_total", "queue_full_total", "queue_timeouts_total")]

        assert queue() == [0, 0, 0, 0]
        first = here.client()
        exchange(first)
        with within(time.monotonic(), 0.5):
            waits = here.client()
            wait.until(lambda: queue()[1] == 1, "it waits")
            peers.end_of(here.client())
        peers.end_of(waits)
        # On a busy machine `waits` may have timed out before the next client came; then that one waited, too.
        wait.until(lambda: queue()[3] == queue()[1], "the end of their time is counted")
        waiting, waited, full, over = queue()
        assert waiting == 0 and waited + full == 2 and over == waited
        with within(time.monotonic(), 0.5):
            waits = here.client()
            wait.until(lambda: queue()[1] + queue()[2] == 3, "it waits, too")
            first.close()
            exchange(waits)
        assert queue()[3] == over


def test_each_thread_is_told():
    with house(workers=3) as here:
        for _ in range(9):
            exchange(here.client())
        wait.until(lambda: scrape(here).get("weir_loop_delay_seconds_count", worker="main") >= 1, "a second")
        now = scrape(here)
        workers = ["0", "1", "2"]
        for family in ("worker_cpu_seconds_total", "loop_delay_seconds_count", "control_slice_seconds_count"):
            found = {labels["worker"]: value for labels, value in now.all(f"weir_{family}")}
            assert sorted(found) == [*workers, "main"] and found["main"] > 0
        for family in ("worker_pairs_open", "worker_pairs_total"):
            found = {labels["worker"]: value for labels, value in now.all(f"weir_{family}")}
            assert sorted(found) == workers and sum(found.values()) == 9
        assert now.get("process_threads") == len(os.listdir(f"/proc/{here.weir.pid}/task"))


def test_pipes_are_told():
    def take(sock):
        while sock.recv(1 << 20):
            pass

    with house(serve=take, relay={"splice": "auto"}) as here:
        def of(what):
            return scrape(here).get(f"weir_pipes_{what}", worker="0")

        assert (of("lent"), of("free")) == (0, 0)
        sock = here.client()
        for _ in range(1000):
            sock.sendall(bytes(1 << 20))
            if scrape(here).get("weir_spliced_bytes_total", listener="web", direction="up") > 0:
                break
        else:
            raise AssertionError("nothing was spliced")
        wait.until(lambda: (of("lent"), of("free")) == (0, 1), "the pipe is empty")


def test_what_waits_in_a_pipe_is_told_until_it_is_out():
    """The server stops reading while its bytes are spliced: its pair and the sum show the same count."""
    stops, goes_on = threading.Event(), threading.Event()

    def take(sock):
        while sock.recv(1 << 20):
            if stops.is_set():
                goes_on.wait(DEADLINE)

    with house(serve=take, relay={"splice": "auto"}) as here:
        def waits():
            way = json.loads(ask(here.weir, "GET", "/v1/pairs").text)["pairs"][0]["up"]
            return way["spliced"] and 0 < way["waiting"] == scrape(here).get("weir_waiting_bytes")

        with here.client() as sock:
            end = time.monotonic() + DEADLINE
            while scrape(here).get("weir_spliced_bytes_total", listener="web", direction="up") == 0:
                assert time.monotonic() < end, "nothing was spliced"
                sock.sendall(bytes(1 << 20))
            stops.set()
            sock.settimeout(0)
            while not waits():
                assert time.monotonic() < end, "what waits is not told"
                with contextlib.suppress(BlockingIOError):
                    sock.send(bytes(1 << 20))
            goes_on.set()
            wait.until(lambda: scrape(here).get("weir_waiting_bytes") == 0, "all is out")


def test_the_door_that_shows_has_them_too_and_head_has_no_body():
    with house() as here:
        port = here.free().sockaddr[1]
        here.reload(http={"listen": f"127.0.0.1:{port}"})
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, DEADLINE)) as connection:
            answer = ask_on(connection, "GET", "/metrics")
            assert answer.status == 200 and exposition.Metrics(answer.text).get("weir_ready") == 1
            assert answer.headers["Transfer-Encoding"] == "chunked"
            head = ask_on(connection, "HEAD", "/metrics")
            assert (head.status, head.text, head.headers["Content-Type"]) == (200, "", exposition.TYPE)
            assert ask_on(connection, "GET", "/healthz").status == 200
            assert ask_on(connection, "POST", "/metrics").status == 405


def test_the_process_is_told():
    with house() as here:
        before = scrape(here)
        pid = here.weir.pid
        for _ in range(300):
            here.client()
        wait.until(lambda: scrape(here).get("weir_pairs_open", listener="web") == 300, "300 pairs")
        now = scrape(here)
        assert 600 <= now.get("process_open_fds") - before.get("process_open_fds") <= 610
        assert now.get("process_open_fds") - 2 <= len(os.listdir(f"/proc/{pid}/fd")) <= now.get("process_open_fds") + 2
        assert now.get("process_max_fds") >= now.get("process_open_fds")
        assert now.get("process_cpu_seconds_total") > 0
        assert now.get("process_start_time_seconds") == before.get("process_start_time_seconds") > 1.7e9
        assert now.get("process_virtual_memory_bytes") > now.get("process_resident_memory_bytes") > 1e6


def test_many_listeners_and_servers_come_in_parts():
    count = scaled(1000, 100)
    with house() as here:
        target = str(here.server())
        servers = [{"name": f"s{i}", "address": f"127.0.{1 + i // 250}.{1 + i % 250}:9", "weight": 0}
                   for i in range(count - 1)] + [{"name": "s", "address": target}]
        here.reload(
            listeners=[listener("web", str(here.weir.address))] +
            [listener(f"l{i}", f"unix:{here.weir.folder}/{i}") for i in range(1, count // 10)],
            upstreams=[{"name": "app", "servers": servers},
                       {"name": "unused", "servers": [{"name": "s", "address": target}]}])
        exchange(here.client())
        now = scrape(here)
        assert len(now.all("weir_pairs_open")) == count // 10 and len(now.all("weir_upstream_waiting")) == 2
        assert [(labels["server"], value) for labels, value in now.all("weir_server_up")] == \
            [(f"s{i}", 0) for i in range(count - 1)] + [("s", 1)] * 2
        assert now.get("weir_server_pairs_open", upstream="app", server="s") == 1
        if not SANITIZER:
            used = [scrape(here).get("process_cpu_seconds_total") for _ in range(6)]
            assert min(after - before for before, after in zip(used, used[1:])) < 0.02


def test_who_goes_in_the_middle_is_forgotten():
    with house() as here:
        here.reload(upstreams=[{"name": "app", "servers": [
            {"name": f"s{i}", "address": f"127.0.1.{i}:9", "weight": i % 2} for i in range(1, 201)]}])
        for taken in (0, 1, 5000, 60000):
            with peers.connect(address.unix(control_path(here.weir))) as sock:
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                if taken:
                    peers.read_exactly(sock, taken)
        now = scrape(here)
        assert len(now.all("weir_server_up")) == 200
        wait.until(lambda: scrape(here).get("process_open_fds") <= now.get("process_open_fds"), "no fd is left behind")


def test_the_manual_has_each_of_them():
    page = (ROOT / "man" / "weir-http.7").read_text(encoding="utf-8")
    listed = re.findall(r"^\.It Cm ((?:weir|process)_\w+)((?: Ns Bro .*)?)$", page, re.MULTILINE)
    with house() as here:
        now = scrape(here)
    assert [name for name, _ in listed] == list(now.families)
    for name, labels in listed:
        sample = next((one for suffix in ("", "_count") for one, _ in now.all(name + suffix)), None)
        if sample is not None:
            assert sorted(re.findall(r"Ar (\w+)", labels)) == sorted(sample), name


def test_there_are_no_more_samples_than_the_manual_says():
    """Every family is there, a listener was renamed, and pairs have ended for few of the possible reasons."""
    page = (ROOT / "man" / "weir-http.7").read_text(encoding="utf-8")
    bound, = re.findall(r"^\.Em ([0-9LUSCW +]+)$", page, re.MULTILINE)[-1:]
    with house(workers=3) as here:
        servers = [{"name": f"s{i}", "address": str(here.free())} for i in range(20)]
        here.reload(upstreams=[{"name": "app", "check": {"every": "1h"}, "servers": servers},
                               {"name": "more", "servers": servers}],
                    listeners=[listener("new", str(here.weir.address))])
        text = ask(here.weir, "GET", "/metrics").text
    counts = {"L": 2, "U": 2, "S": 40, "C": 20, "W": 3}
    most = eval(re.sub(r"[LUSCW]", lambda name: f"*{counts[name[0]]}", bound))  # pylint: disable=eval-used
    samples = sum(not line.startswith("#") for line in text.splitlines())
    assert most - 300 < samples <= most, (samples, most)


def test_promtool_finds_nothing():
    with house() as here:
        here.reload(upstreams=[{**here.weir.settings["upstreams"][0], "check": {"every": "1h"}}])
        serve_and_end(here)
        text = ask(here.weir, "GET", "/metrics").text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                          timeout=DEADLINE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
