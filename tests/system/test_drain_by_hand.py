# SPDX-License-Identifier: ISC
"""POST /v1/drain and /v1/undrain: weir is out of service and back, while its process and its pairs go on."""

import contextlib
import signal
import time

import pytest

from weirtest import address, config, peers, transfer, wait
from weirtest.asking import Answer, Connection, ask, control_path, get
from weirtest.clock import Watch, pace, within
from weirtest.daemon import Free, Weir
from weirtest.drains import drain, is_refused, state, take, undrain
from weirtest.house import exchange, house, listener
from weirtest.settings import DEADLINE, LATE

WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(3, marks=pytest.mark.workers)))
HOUR = 3600 * 1000


@WORKERS
def test_without_a_grace_nobody_new_is_let_in_and_pairs_live_on(workers):
    with house(workers=workers) as here:
        pairs = [here.client() for _ in range(8)]
        for pair in pairs:
            exchange(pair)
        assert drain(here.weir) == {"state": "drained", "grace_ms": 0, "left_ms": None, "pairs_open": 8,
                                    "end_pairs": False, "kept": []}
        assert is_refused(here.weir.address) and state(here.weir) == "drained"
        here.weir.record("drain", pairs="8")
        here.weir.record("drained", pairs="8")
        here.weir.record("listening_ends", listener="web")
        here.weir.notice("STATUS=Drained by hand: 1 listener")
        for pair in pairs:
            exchange(pair)
        assert undrain(here.weir)["pairs_open"] == 8
        assert state(here.weir) == "running"
        here.weir.record("undrain", pairs="8")
        pairs += [here.client() for _ in range(8)]
        for pair in pairs:
            exchange(pair)
        assert get(here.weir, "/v1/status")["pairs"]["open"] == 16


def test_clients_are_let_in_during_the_grace_and_then_refused(report):
    with house() as here:
        answer = drain(here.weir, grace="1h")
        assert (answer["state"], answer["grace_ms"]) == ("drain_grace", HOUR) and answer["left_ms"] <= HOUR
        assert state(here.weir) == "drain_grace"
        for _ in range(20):
            exchange(here.client())
        watch = Watch(0.5)
        assert drain(here.weir, grace="500ms")["left_ms"] <= 500
        here.weir.record("drained")
        watch.judge(time.monotonic() - watch.start)
        assert is_refused(here.weir.address) and state(here.weir) == "drained"
        report(f"listeners closed {watch.lates[0] * 1e3:.1f} ms after the grace")


def test_the_grace_is_that_of_the_config_if_none_is_said():
    with house(timeouts={"drain": "2h"}, drain={"grace": "1h"}) as here:
        assert drain(here.weir)["grace_ms"] == HOUR
        here.weir.notice("STATUS=Draining by hand, still accepting, 3")
        exchange(here.client())
        undrain(here.weir)
        assert ask(here.weir, "POST", "/v1/drain").json["grace_ms"] == HOUR  # without a body


def test_a_drain_again_replaces_the_grace_and_adds_end_pairs():
    with house(timeouts={"drain": "2h"}, drain={"idle_first": "none"}) as here:
        pair = here.client()
        exchange(pair)
        assert drain(here.weir, grace="1h")["grace_ms"] == HOUR
        again = drain(here.weir)
        assert again["grace_ms"] == HOUR and again["left_ms"] < HOUR and not again["end_pairs"]
        assert drain(here.weir, grace="3h")["left_ms"] > HOUR
        assert drain(here.weir, end_pairs=True)["end_pairs"]
        assert drain(here.weir, end_pairs=False)["end_pairs"]
        shut = drain(here.weir, grace="0s")
        assert (shut["state"], shut["grace_ms"], shut["end_pairs"]) == ("drained", 0, True)
        left = shut["left_ms"]
        assert HOUR < left <= 2 * HOUR
        assert drain(here.weir, grace="1h", end_pairs=True)["left_ms"] <= left
        exchange(pair)
        assert undrain(here.weir)["left_ms"] is None
        assert not drain(here.weir)["end_pairs"]


def test_a_drain_again_logs_what_is_left_of_the_grace():
    with house() as here:
        drain(here.weir, grace="1h")
        here.weir.record("drain", grace_ms="3600000.000")
        left = drain(here.weir)["left_ms"]
        again = here.weir.record("drain", nth=1).number("grace_ms")
        assert left <= again < HOUR
        drain(here.weir, grace="2h")
        here.weir.record("drain", grace_ms="7200000.000")


def test_no_time_is_left_once_no_pair_is_open():
    with house(timeouts={"drain": "2h"}, drain={"idle_first": "none"}) as here:
        pair = here.client()
        exchange(pair)
        assert drain(here.weir, grace="0s", end_pairs=True)["left_ms"] > HOUR
        assert get(here.weir, "/v1/status")["left_ms"] > HOUR
        pair.close()
        here.weir.close_line()
        wait.until(lambda: get(here.weir, "/v1/status")["left_ms"] is None, "no time left")
        assert drain(here.weir, end_pairs=True)["left_ms"] is None
        assert "\nweir_left_seconds " not in ask(here.weir, "GET", "/metrics").text


def test_undrain_without_a_drain_changes_nothing():
    with house() as here:
        undrain(here.weir)
        here.client().close()
        here.weir.close_line()
        assert len(here.weir.records("listening")) == 1 and not here.weir.records("undrain")


@pytest.mark.parametrize("body", (
    '{"grace": 10}', '{"grace": "10"}', '{"grace": "none"}', '{"grace": "-1s"}', '{"grace": null}', '{"end_pairs": 1}',
    '{"end_pairs": "yes"}', '{"end_pair": true}', '[]', '"10s"', '{'))
def test_what_is_no_drain_changes_nothing(body):
    with house() as here:
        answer = ask(here.weir, "POST", "/v1/drain", body)
        assert answer.status == 400 and answer.error
        assert ask(here.weir, "POST", "/v1/undrain", '{"grace": "1s"}').status == 400
        assert state(here.weir) == "running" and not here.weir.records("drain")
        exchange(here.client())


def test_end_pairs_ends_idle_ones_first_and_the_others_within_the_budget(report):
    with house(timeouts={"drain": "4s"}, drain={"grace": "1s", "idle_first": "1s", "spread": "0s"}) as here:
        idle, busy = here.client(), here.client()
        exchange(idle)
        exchange(busy)
        task = transfer.Task(pace, busy, DEADLINE, 0.05, 0.7)
        time.sleep(1.1)
        watch = Watch(3)
        answer = drain(here.weir, grace="0s", end_pairs=True)
        assert 0 < answer["left_ms"] <= 3000
        assert peers.read_end(idle) == (b"", "fin")
        first = here.weir.close_line(reason="drain", timer="drain", by="weir")
        assert first.number("late_us") < LATE * 1e6
        with contextlib.suppress(ConnectionResetError):
            while busy.recv(65536):
                pass
        passed = time.monotonic() - watch.start
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            task.result()
        watch.judge(passed)
        here.weir.record("close", nth=1, reason="drain", timer="drain")
        wait.until(lambda: get(here.weir, "/v1/status")["pairs"]["open"] == 0, "all places back")
        undrain(here.weir)
        exchange(here.client())
        report(f"the last pair ended {watch.lates[0] * 1e3:.1f} ms after the budget")


def test_end_pairs_may_come_when_it_is_drained_already():
    with house(timeouts={"drain": "60s"}, drain={"idle_first": "200ms"}) as here:
        pair = here.client()
        exchange(pair)
        drain(here.weir)
        time.sleep(0.5)
        exchange(pair)
        assert drain(here.weir, end_pairs=True)["pairs_open"] == 1
        peers.read_end(pair)
        here.weir.close_line(reason="drain")


def test_undone_before_their_time_no_pair_is_ended():
    with house(timeouts={"drain": "1s"}, drain={"idle_first": "none", "spread": "0s"}) as here:
        pair = here.client()
        exchange(pair)
        with within(time.monotonic(), 1):
            drain(here.weir, end_pairs=True)
            undrain(here.weir)
        time.sleep(1.2)
        exchange(pair)
        assert not here.weir.records("close", reason="drain")


@contextlib.contextmanager
def activated(folder, *listens, transport="tcp4", **settings):
    """A Weir whose listener also has a socket from systemd, and the address of that socket."""
    with contextlib.closing(peers.Upstream(transport, folder)) as made, \
            contextlib.closing(peers.Server("tcp4", folder, peers.echo)) as server:
        made.sock.settimeout(None)
        options = {"workers": 2, **config.relay(["systemd:web", *listens], server), **settings}
        with Weir(options, passed=[("web", made.sock)], control=True) as weir:
            yield weir, made.address


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_what_systemd_holds_goes_on_accepting_and_is_named(transport, folder):
    own = Free("tcp4")
    with activated(folder, own, transport=transport) as (weir, where):
        assert drain(weir)["kept"] == [{"name": "web", "address": where.text}]
        assert is_refused(own.address)
        socks = [peers.connect(where) for _ in range(6)]
        for sock in socks:
            exchange(sock)
        assert get(weir, "/v1/status")["drain"]["pairs_open"] == 6
        assert undrain(weir)["kept"]
        for to in (own.address, where):
            socks.append(peers.connect(to))
        for sock in socks:
            exchange(sock)
            sock.close()


def test_who_comes_to_systemds_socket_later_is_not_ended(folder):
    with activated(folder, timeouts={"drain": "1s"}, drain={"idle_first": "200ms", "spread": "0s"}) as (weir, where):
        with peers.connect(where) as before:
            exchange(before)
            drain(weir, end_pairs=True)
            with peers.connect(where) as later:
                exchange(later)
                peers.read_end(before)
                weir.close_line(reason="drain")
                time.sleep(1.2)
                exchange(later)
                assert len(weir.records("close")) == 1
        assert weir.stop() < LATE


def test_a_stop_lets_go_of_systemds_socket_too(folder):
    with activated(folder) as (weir, where):
        drain(weir)
        with peers.connect(where) as sock:
            exchange(sock)
            peers.fin(sock)
            assert peers.read_end(sock)[0] == b""
        weir.stop()
        with peers.connect(where) as waits:  # it waits in the queue of systemd's socket
            waits.settimeout(0.2)
            with pytest.raises(TimeoutError):
                waits.recv(1)


def test_an_address_that_is_taken_is_named_and_nothing_is_half_open():
    with house(errors=("undrain_failed",), workers=2) as here:
        more = [here.free() for _ in range(3)]
        here.reload(listeners=[listener("web", [str(here.weir.address), *map(str, more)])])
        pair = here.client()
        exchange(pair)
        drain(here.weir)
        taken = [more[0], more[2]]
        with contextlib.ExitStack() as others:
            for to in taken:
                others.enter_context(contextlib.closing(take(to)))
            for _ in range(2):
                answer = ask(here.weir, "POST", "/v1/undrain")
                assert answer.status == 409 and "undrain again" in answer.error
                errors = answer.json["errors"]
                assert len(errors) == 2
                for to, error in zip(taken, errors):
                    assert f'listeners(web): "{to}": Address already in use; another process' in error
                assert is_refused(here.weir.address) and is_refused(more[1])
                assert state(here.weir) == "drained"
            here.weir.record("undrain_failed", nth=3)
        undrain(here.weir)
        for to in (here.weir.address, *more):
            exchange(here.client(to))
        exchange(pair)


@pytest.mark.parametrize("transport", ("unix", "abstract", "tcp6"))
@WORKERS
def test_every_kind_of_address_goes_and_comes_back(transport, workers):
    with house(transport, workers=workers) as here:
        pair = here.client()
        exchange(pair)
        for _ in range(5):
            drain(here.weir)
            wait.until(lambda: is_refused(here.weir.address), "nobody let in")
            undrain(here.weir)
            exchange(here.client())
        exchange(pair)


def test_a_unix_path_that_another_has_taken_is_left_alone():
    with house("unix", errors=("undrain_failed",)) as here:
        drain(here.weir)
        with contextlib.closing(peers.Upstream("unix", here.weir.folder, at=here.weir.address)) as other:
            answer = ask(here.weir, "POST", "/v1/undrain")
            assert answer.status == 409 and str(here.weir.address) in answer.json["errors"][0]
            with peers.connect(here.weir.address):
                other.accept().close()


def test_a_reload_does_not_end_it_and_binds_nothing():
    with house() as here:
        pair = here.client()
        exchange(pair)
        drain(here.weir)
        old, moved, new = here.weir.address, here.free(), here.free()
        here.reload(listeners=[listener("web", str(moved)), listener("new", str(new))])
        assert state(here.weir) == "drained"
        for to in (old, moved, new):
            assert is_refused(to)
        exchange(pair)
        undrain(here.weir)
        assert is_refused(old)
        for to in (moved, new):
            exchange(here.client(to))
        here.reload(listeners=[listener("web", str(old))])
        exchange(here.client())
        exchange(pair)


def test_a_reload_in_the_grace_binds_and_the_drain_goes_on():
    with house() as here:
        drain(here.weir, grace="1h")
        new = here.free()
        here.reload(listeners=[listener("web", str(new))])
        assert is_refused(here.weir.address) and state(here.weir) == "drain_grace"
        exchange(here.client(new))
        drain(here.weir, grace="0s")
        assert is_refused(new)
        undrain(here.weir)
        exchange(here.client(new))


def test_a_reload_changes_systemds_listener_while_it_is_drained(folder):
    with activated(folder) as (weir, where):
        drain(weir)
        own = address.free("tcp4", folder)
        with contextlib.closing(peers.Server("tcp4", folder, lambda sock: sock.sendall(b"other"))) as other:
            done = weir.reload({**weir.settings, **config.relay(["systemd:web", str(own)], other, name="renamed")})
            assert done.returncode == 0, done
            with peers.connect(where) as sock:
                assert peers.read_exactly(sock, 5) == b"other"
            assert drain(weir)["kept"][0]["address"] == where.text
            undrain(weir)
            with peers.connect(own) as sock:
                assert peers.read_exactly(sock, 5) == b"other"


def test_a_stop_skips_the_grace_that_was_waited():
    with house(timeouts={"drain": "3h"}, drain={"grace": "1h"}) as here:
        drain(here.weir, grace="0s")
        assert here.weir.stop() < LATE
        assert "grace_ms" not in here.weir.record("stopping")


def test_a_stop_waits_what_is_left_of_the_grace():
    with house(timeouts={"drain": "3h"}, drain={"grace": "1h"}) as here:
        drain(here.weir, grace="2h")
        time.sleep(0.5)
        here.weir.signal(signal.SIGTERM)
        left = here.weir.record("stopping").number("grace_ms")
        assert HOUR - LATE * 1e3 < left <= HOUR - 500 and state_of_stop(here.weir) == "grace"
        exchange(here.client())
        for path in ("/v1/drain", "/v1/undrain"):
            answer = ask(here.weir, "POST", path)
            assert answer.status == 409 and "stopping" in answer.json["errors"][0]
        here.weir.signal(signal.SIGINT)
        assert here.weir.wait_exit() == 0


def test_who_waits_for_an_undrain_when_a_stop_begins_is_told_of_the_stop():
    with house(timeouts={"drain": "60s"}) as here:
        pair = here.client()
        exchange(pair)
        start = time.monotonic()
        drain(here.weir)
        with contextlib.closing(Connection(control_path(here.weir))) as connection:
            connection.request("POST", "/v1/undrain")
            assert ask(here.weir, "GET", "/readyz").status == 503
            with within(start, 0.08):  # the old listener closes after 100 ms, and only then is it undone
                here.weir.signal(signal.SIGTERM)
            answer = Answer(connection.getresponse())
        assert answer.status == 409 and "stopping" in answer.json["errors"][0]
        assert "weir is stopping" in answer.error and "mend" not in answer.error
        peers.fin(pair)
        assert here.weir.wait_exit() == 0


def state_of_stop(weir):
    answer = ask(weir, "GET", "/readyz")
    assert answer.status == 503
    return answer.json["state"]


def test_a_stop_ends_the_pairs_of_a_drain_that_let_them_live():
    with house(timeouts={"drain": "60s"}, drain={"idle_first": "100ms"}) as here:
        pair = here.client()
        exchange(pair)
        drain(here.weir)
        here.weir.signal(signal.SIGTERM)
        peers.read_end(pair)
        assert here.weir.wait_exit() == 0
        here.weir.close_line(reason="drain")


@WORKERS
def test_only_the_control_door_drains(workers):
    with house(workers=workers) as here:
        door = here.free()
        here.reload(http={"listen": str(door)})
        with peers.connect(door) as sock:
            sock.sendall(b"POST /v1/drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 405 ")
        assert state(here.weir) == "running"
        drain(here.weir)
        with peers.connect(door) as sock:
            sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 503 ")
