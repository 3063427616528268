# SPDX-License-Identifier: ISC
"""Active checks of servers on the real daemon: the choice of servers, the log, and what a reload keeps."""

import collections
import contextlib
import os
import re
import shutil
import subprocess
import time

import pytest

from weirtest import address, peers, wait
from weirtest.house import Callers, exchange, house, say, upstream
from weirtest.rig import relay
from weirtest.settings import SANITIZER, scaled

# Checks are frequent; their timeout is long enough for a Python server on a busy machine.
CHECK = {"every": "50ms", "timeout": "5s", "rise": 2, "fall": 2}
WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(3, marks=pytest.mark.workers)))
PING = {"send": "PING\r\n", "expect": "+PONG"}


def app(*servers, check=None, **more):
    return {**upstream(*servers), "check": {**CHECK, **(check or {})}, **more}


class Counting(peers.Server):
    """An echo that keeps the time of each connection; checks are connections too."""

    def __init__(self, folder, serve=peers.echo, **options):
        self.came = []
        self._work = serve
        super().__init__("tcp4", folder, self._count, **options)

    def _count(self, sock):
        self.came.append(time.monotonic())
        self._work(sock)


class Switch:
    """A server that can be killed and started again at its address."""

    def __init__(self, folder, serve=peers.echo):
        self.folder = folder
        self.serve = serve
        self.server = Counting(folder, serve)
        self.address = self.server.address

    def __str__(self):
        return str(self.address)

    def kill(self):
        self.server.close()
        self.server = None

    def start(self):
        self.server = Counting(self.folder, self.serve, at=self.address)

    def close(self):
        if self.server:
            self.server.close()


def switch(here, serve=peers.echo):
    return here.stack.enter_context(contextlib.closing(Switch(here.weir.folder, serve)))


def refusing(here):
    return here.stack.enter_context(contextlib.closing(peers.RefusingUpstream("tcp4", here.weir.folder)))


def until_status(weir, text):
    wait.until(lambda: any(text in one for one in weir.notices[-3:]), text)


# ---- the choice of a server


@WORKERS
def test_one_of_three_servers_is_dead_and_no_client_fails(workers, report):
    with house(workers=workers) as here:
        dead = refusing(here)
        here.reload(upstreams=[app(dead, here.server(), here.server())])
        down = here.weir.record("server_down", upstream="app", server=str(dead))
        assert (down["why"], down["errno"], down["checks"]) == ("connect_failed", "ECONNREFUSED", "1")
        for _ in range(scaled(300, 60)):
            with here.client() as sock:
                exchange(sock)
        until_status(here.weir, "2 of 3 servers usable")
        assert not [one for one in here.weir.records("close") if "tried" in one]


@WORKERS
def test_servers_are_killed_and_restarted_under_load(workers, report):
    """After `fall` checks weir sends no client to a dead server; until then, the client gets the next server."""
    with house(workers=workers) as here:
        servers = [switch(here) for _ in range(3)]
        here.reload(upstreams=[app(*servers)])
        callers = Callers(here.weir.address)
        callers.wait_served(20)
        for nth in range(scaled(4, 2)):
            one = servers[nth % 2]
            n_down = len(here.weir.records("server_down", server=str(one)))
            # No pair may be open when its server is killed: its client would fail.
            callers.stop()
            one.kill()
            callers = Callers(here.weir.address)
            down = here.weir.record("server_down", nth=n_down, server=str(one))
            assert down["checks"] == "2"
            callers.wait_served(20)
            one.start()
            up = here.weir.record("server_up", nth=n_down, server=str(one))
            assert (up["why"], up["checks"]) == ("connected", "2")
            callers.wait_served(20)
        callers.stop()
        assert callers.refused == 0


def test_a_server_that_is_down_is_not_tried(report):
    with house() as here:
        dead = switch(here)
        here.reload(upstreams=[app(dead, here.server(), check={"every_down": "1h"})])
        with here.client() as sock:
            exchange(sock)
        dead.kill()
        here.weir.record("server_down", server=str(dead))
        dead.start()
        for _ in range(20):
            with here.client() as sock:
                exchange(sock)
        assert not dead.server.came


def test_when_all_are_down_clients_are_reset_at_once():
    with house() as here:
        here.reload(upstreams=[app(refusing(here), check={"every_down": "1h"})])
        here.weir.record("server_down")
        with here.client() as sock:
            assert peers.end_of(sock) == "rst"
        here.weir.close_line(by="weir", reason="no_server")


# ---- what is checked


def answering(answer):
    """A server's work: it sends this once the client has sent something."""
    def serve(sock):
        if sock.recv(100):
            sock.sendall(answer)
            sock.recv(100)
    return serve


@pytest.mark.parametrize("answer, why", ((b"+PONG\r\n", None), (b"x" * 4096 + b"+PONG", "wrong_answer"),
                                         (b"-NOAUTH\r\n", "no_answer")))
def test_the_answer_decides(answer, why):
    with house() as here:
        # If more bytes may make the answer right, a check waits until its timeout. So the timeout is short here, but
        # long enough for a server on a busy machine.
        check = {**PING, "timeout": "2s"}
        server = here.server(answering(answer))
        here.reload(upstreams=[app(server, check=check)])
        if why:
            down = here.weir.record("server_down", why=why)
            assert down["answer"] == answer[:64].decode()
        else:
            other = here.server(answering(b"no"))
            here.reload(upstreams=[app(server, other, check=check)])
            here.weir.record("server_down", server=str(other))
            assert not here.weir.records("server_down", server=str(server))


def test_another_address_is_checked_in_its_place():
    with house() as here:
        server, health = here.server(), switch(here)
        app_ = app(server)
        app_["servers"][0]["check"] = {"address": str(health)}
        here.reload(upstreams=[app_])
        wait.until(lambda: health.server.came, "a check")
        health.kill()
        here.weir.record("server_down", server=str(server))


def test_a_server_whose_check_is_off_is_not_checked():
    with house() as here:
        server = here.stack.enter_context(contextlib.closing(Counting(here.weir.folder)))
        dead = refusing(here)
        app_ = app(server, dead)
        app_["servers"][0]["check"] = "off"
        here.reload(upstreams=[app_])
        here.weir.record("server_down", server=str(dead))
        assert not server.came


def test_a_check_ends_by_a_reset():
    with house() as here:
        ends = []
        server = here.server(lambda sock: ends.append(peers.end_of(sock)))
        here.reload(upstreams=[app(server)])
        wait.until(lambda: len(ends) > 3, "checks")
        assert set(ends) == {"rst"}


@pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed")
def test_a_redis_is_up_while_it_answers(tmp_path):
    port = address.free("tcp4", str(tmp_path)).sockaddr[1]

    def start():
        process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                    "--dir", str(tmp_path)], stdout=subprocess.DEVNULL)
        here.stack.callback(lambda: (process.kill(), process.wait()))
        return process

    with house() as here:
        here.reload(upstreams=[app(f"127.0.0.1:{port}", check=PING)])
        here.weir.record("server_down", why="connect_failed")
        first = start()
        here.weir.record("server_up", why="answered")
        with here.client() as sock:
            sock.sendall(b"PING\r\n")
            assert peers.read_exactly(sock, 7) == b"+PONG\r\n"
        first.kill()
        first.wait()
        here.weir.record("server_down", nth=1)


def test_a_check_costs_seven_system_calls(tmp_path, report):
    """Calls that wait or set the timer do not count: checks that are due together share them."""
    expected = ["socket", "setsockopt", "setsockopt", "connect", "epoll_ctl", "setsockopt", "close"]
    file = tmp_path / "trace"
    prefix = ("strace", "-D", "-f", "-q", "-e", "trace=network,close,epoll_ctl,epoll_wait,epoll_pwait", "-o", str(file))
    env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"} if SANITIZER else {}
    with relay(servers=[lambda *where: Counting(where[1], at=address.low("127.0.0.1"))],
               upstream_settings={"check": CHECK}, daemon={"prefix": prefix, "env": env}) as rig:
        wait.until(lambda: len(rig.upstream.came) > scaled(30, 10), "checks")
        pid = rig.weir.pid
    end = re.compile(rf"^{pid} +\+\+\+ exited", re.M)
    wait.until(lambda: end.search(file.read_text(encoding="ascii")), "the whole trace")
    calls = [match.group(1) for match in re.finditer(rf"^{pid} +(\w+)\(", file.read_text(encoding="ascii"), re.M)]
    starts = [at for at, name in enumerate(calls)
              if name == "socket" and calls[at + 1:at + 3] == ["setsockopt", "setsockopt"]]
    laps = collections.Counter(tuple(name for name in calls[begin:end] if not name.startswith("epoll_w")
                                     and not name.startswith("epoll_p"))
                               for begin, end in zip(starts, starts[1:]))
    usual, times = laps.most_common(1)[0]
    report(f"a check: {len(usual)} calls, {times} of {sum(laps.values())} times: {' '.join(usual)}")
    assert list(usual) == expected


# ---- reloads


@WORKERS
def test_a_reload_under_load_keeps_states_and_leaves_no_gap(workers, report):
    """The server counts its connections: checks still make new ones after the reloads."""
    with house(workers=workers) as here:
        server = here.stack.enter_context(contextlib.closing(Counting(here.weir.folder)))
        dead = refusing(here)
        settings = [app(dead, server, check={"every": "200ms"})]
        here.reload(upstreams=settings)
        here.weir.record("server_down", server=str(dead))
        wait.until(lambda: len(server.came) > 2, "checks")
        callers = Callers(here.weir.address)
        for nth in range(scaled(12, 4)):
            here.reload(upstreams=settings, timeouts={"idle": f"{60 + nth}s"})
        wait.until(lambda: callers.served > scaled(100, 20) or callers.failures, "clients")
        callers.stop()
        assert not callers.failures and not callers.refused
        report(f"{callers.served} clients meanwhile")
        assert len(here.weir.records("server_down")) == 1
        assert not here.weir.records("server_up")
        assert not [one for one in here.weir.records("close") if "tried" in one]
        due = len(server.came) + 3
        wait.until(lambda: len(server.came) >= due, "checks go on")


def test_a_reload_makes_no_check_of_its_own():
    with house() as here:
        server = here.stack.enter_context(contextlib.closing(Counting(here.weir.folder)))
        settings = [app(server, check={"every": "1h"})]
        here.reload(upstreams=settings)  # the first check is due within the hour
        for nth in range(5):
            here.reload(upstreams=settings, timeouts={"idle": f"{60 + nth}s"})
        came = len(server.came)
        here.reload(upstreams=settings)
        assert len(server.came) == came <= 1


def test_a_reload_that_takes_the_check_away_lets_the_server_be_up():
    with house() as here:
        dead = refusing(here)
        here.reload(upstreams=[app(dead)])
        here.weir.record("server_down")
        here.reload(upstreams=[upstream(dead)])
        here.weir.record("server_up", why="no_check")


# ---- on_down


@WORKERS
@pytest.mark.parametrize("on_down", ("keep", "end"))
def test_open_pairs_of_a_server_that_goes_down(on_down, workers):
    with house(workers=workers) as here:
        health = switch(here)
        server, other = here.server(say(b"1")), here.server(say(b"2"))
        app_ = app(server, other, on_down=on_down, balance="first")
        app_["servers"][0]["check"] = {"address": str(health)}
        here.reload(upstreams=[app_])
        socks = [here.client() for _ in range(5)]
        assert {sock.recv(1) for sock in socks} == {b"1"}
        health.kill()
        here.weir.record("server_down", server=str(server))
        if on_down == "end":
            for sock in socks:
                assert peers.read_end(sock)[1] in ("fin", "rst")
            for sock in socks:
                here.weir.close_line(by="weir", reason="server_down", client=peers.name(sock))
        else:
            for sock in socks:
                exchange(sock)
        with here.client() as sock:
            assert sock.recv(1) == b"2"


@pytest.mark.parametrize("on_down", ("keep", "end"))
def test_open_pairs_of_a_server_that_a_reload_removes(on_down):
    with house() as here:
        server, other = here.server(say(b"1")), here.server(say(b"2"))
        here.reload(upstreams=[{**upstream(server), "on_down": on_down}])
        sock = here.client()
        assert sock.recv(1) == b"1"
        here.reload(upstreams=[{**upstream(other), "on_down": on_down}])
        if on_down == "end":
            assert peers.end_of(sock) in ("fin", "rst")
            here.weir.close_line(by="weir", reason="server_down")
        else:
            exchange(sock)


def test_a_quiet_pair_ends_by_fins_with_its_server():
    with house() as here:
        health, server = switch(here), here.server()
        app_ = app(server, on_down="end")
        app_["servers"][0]["check"] = {"address": str(health)}
        here.reload(upstreams=[app_])
        sock = here.client()
        exchange(sock)
        time.sleep(1.1)  # a pair is quiet if no byte was moved for 1 s
        health.kill()
        assert peers.end_of(sock) == "fin"
