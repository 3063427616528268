# SPDX-License-Identifier: ISC
"""The order of a drain: grace, idle pairs first, the rest spread over the end; and EXTEND_TIMEOUT_USEC."""

import math
import signal
import time

import pytest

from weirtest import peers, transfer
from weirtest.clock import Watch, pace, within
from weirtest.rig import relay
from weirtest.settings import DEADLINE, LATE


def talk(pair):
    """Sends a byte each way, so that the pair is not idle and certainly relays."""
    client, server = pair
    client.sendall(b"x")
    assert peers.read_exactly(server, 1) == b"x"
    server.sendall(b"y")
    assert peers.read_exactly(client, 1) == b"y"


def flows(sock):
    """Whether this side of a pair is still open."""
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    finally:
        sock.setblocking(True)


def extensions(weir):
    return [int(one.partition("=")[2]) / 1e6 for one in weir.notices
            if one.startswith("EXTEND_TIMEOUT_USEC=")]


def test_idle_pairs_end_first_and_at_once(report):
    with relay(timeouts={"drain": "60s"}, drain={"idle_first": "500ms"}) as rig:
        idle = rig.pair()
        talk(idle)
        busy = rig.pair()
        talk(busy)
        task = transfer.Task(pace, busy[0], 3.0, 0.05, 0.4)
        time.sleep(1.1)  # a pair that spoke within a second is not quiet, and would be reset
        watch = Watch(0)
        rig.weir.signal(signal.SIGTERM)
        for sock in idle:
            watch.expect(sock, ("fin",))
        closed = rig.weir.close_line(reason="drain", timer="drain", by="weir")
        assert closed.number("late_us") < LATE * 1e6
        task.result()
        assert rig.weir.wait_exit() == 0
        for one in rig.weir.records("close"):
            assert one.number("quiet_up_ms") >= 500 and one.number("quiet_down_ms") >= 500, one
        report(f"idle pair gone {max(watch.lates) * 1e3:.1f} ms after the signal")


def test_pair_that_falls_idle_ends_then(report):
    with relay(timeouts={"drain": "60s"}, drain={"idle_first": "1500ms"}) as rig:
        pair = rig.pair()
        with within(time.monotonic(), 1.4):
            talk(pair)
            rig.weir.signal(signal.SIGTERM)
            rig.weir.notice("STOPPING=1")
        with within(pace(pair[0], 2.0, 0.1, 1.4), 1.4):
            watch = Watch(1.5)
            pair[0].sendall(b"!")
        watch.expect(pair[0], ("fin",))
        assert rig.weir.wait_exit() == 0
        watch.strike(rig.weir, "drain")
        report(watch.text)


def test_half_closed_pair_is_idle_from_its_fin_on():
    with relay(timeouts={"drain": "60s"}, drain={"idle_first": "1200ms"}) as rig:
        with within(time.monotonic(), 1.2):
            client, server = rig.pair()
            watch = Watch(1.2)
            rig.weir.signal(signal.SIGTERM)
            peers.fin(client)
            assert peers.read_end(server) == (b"", "fin")
        watch.expect(client, ("fin",))
        assert rig.weir.wait_exit() == 0
        watch.strike(rig.weir, "drain")


def test_bytes_that_wait_are_not_idle():
    with relay(rcvbuf=4096, timeouts={"drain": "2500ms"},
               drain={"idle_first": "300ms", "spread": "0s"}) as rig:
        sender, stuck = rig.pair()
        flood = transfer.Flood(sender)
        assert stuck.recv(1)
        watch = Watch(2.5)
        rig.weir.signal(signal.SIGTERM)
        assert flood.end() == "rst"
        watch.judge(time.monotonic() - watch.start)
        assert rig.weir.wait_exit() == 0
        watch.strike(rig.weir, "drain")


@pytest.mark.parametrize("workers", (1, pytest.param(4, marks=pytest.mark.workers)))
def test_the_rest_is_spread_over_the_end(workers, report):
    count = 200  # with only 40, chance would fail one run in thirty
    with relay(workers=workers, timeouts={"drain": "4s"},
               drain={"idle_first": "none", "spread": "3s"}) as rig:
        pairs = [rig.pair() for _ in range(count)]
        start = time.monotonic()
        rig.weir.signal(signal.SIGTERM)
        readers = [transfer.Task(lambda sock: (peers.read_end(sock), time.monotonic() - start), client)
                   for client, _ in pairs]
        assert rig.weir.wait_exit() == 0
        rig.weir.record("close", nth=count - 1, reason="drain", timer="drain")
        rig.weir.join()
        closes = rig.weir.records("close")
        lates = [one.number("late_us") for one in closes]
        times = sorted(passed for _, passed in (reader.result() for reader in readers))
        assert times[0] >= 1.0, f"one ended {1.0 - times[0]:.3f} s before the spread"
        assert times[-1] < 4.0 + LATE and max(lates) < LATE * 1e6
        # The spread is judged by the times at which the pairs were due, by weir's clock: on a busy machine the signal
        # and the readers are late. By chance alone, no third of the spread has less than a sixth of so many pairs.
        stopping = rig.weir.record("stopping").moment()
        dues = [one.moment() - one.number("late_us") / 1e6 - stopping for one in closes]
        for begin, end in ((0.0, 2.0), (2.0, 3.0), (3.0, math.inf)):
            share = sum(begin <= one < end for one in dues)
            assert share >= count / 6, f"{share} of {count} were due in {begin} to {end} s"
        report(f"{count} pairs ended {times[0]:.2f} to {times[-1]:.2f} s after the signal, "
               f"at most {max(lates) / 1e3:.1f} ms late")


def test_grace_goes_on_accepting(report):
    with relay(timeouts={"drain": "20s"}, drain={"grace": "2s", "idle_first": "500ms"},
               servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig:
        idle = rig.client()
        idle.sendall(b"a")
        assert peers.read_exactly(idle, 1) == b"a"
        watch = Watch(2.0)
        rig.weir.signal(signal.SIGTERM)
        rig.weir.notice("STOPPING=1")
        served = 0
        while time.monotonic() - watch.start < 1.5:
            with within(watch.start, 2), rig.client() as sock:
                sock.sendall(b"hello")
                assert peers.read_exactly(sock, 5) == b"hello"
            served += 1
            time.sleep(0.05)
        with within(watch.start, 2):
            assert flows(idle), "an idle pair was ended in the grace"
        watch.expect(idle, ("fin",))
        with pytest.raises(ConnectionRefusedError):
            while time.monotonic() - watch.start < DEADLINE:
                rig.client().close()
        assert rig.weir.wait_exit() == 0
        assert time.monotonic() - watch.start >= 2.0
        assert rig.weir.record("stopping").number("grace_ms") == 2000
        report(f"{served} served in the grace")


def test_grace_lasts_without_pairs_and_a_second_signal_ends_it():
    with relay(timeouts={"drain": "60s"}, drain={"grace": "50s"}) as rig:
        start = time.monotonic()
        pair = rig.pair()
        rig.weir.signal(signal.SIGTERM)
        rig.weir.notice("STOPPING=1")
        talk(pair)
        rig.weir.signal(signal.SIGINT)
        assert rig.weir.wait_exit() == 0
        assert time.monotonic() - start < 20
        rig.weir.close_line(reason="drain", by="weir")


def test_grace_alone_takes_its_time():
    with relay(timeouts={"drain": "60s"}, drain={"grace": "1200ms"}) as rig:
        watch = Watch(1.2)
        assert rig.weir.stop() >= 1.2
        watch.judge(time.monotonic() - watch.start)


def test_systemd_is_asked_for_time_until_the_budget_is_over():
    with relay(timeouts={"drain": "4s"}, drain={"idle_first": "none", "spread": "0s"}) as rig:
        rig.pair()
        start = time.monotonic()
        rig.weir.signal(signal.SIGTERM)
        assert rig.weir.wait_exit() == 0
        passed = time.monotonic() - start
        rig.weir.join()
        asked = extensions(rig.weir)
        assert asked and asked == sorted(asked, reverse=True), asked
        assert all(5 < one <= 9 for one in asked), f"{asked} in {passed} s"


def test_systemd_is_asked_for_at_most_half_a_minute():
    with relay(timeouts={"drain": "1h"}, drain={"idle_first": "none"}) as rig:
        rig.pair()
        rig.weir.signal(signal.SIGTERM)
        rig.weir.notice("EXTEND_TIMEOUT_USEC=30000000")


def test_without_a_budget_systemd_is_asked_only_while_pairs_become_fewer():
    with relay(timeouts={"drain": "none"}, drain={"idle_first": "none"}) as rig:
        first, _ = rig.pair()
        rig.pair()
        rig.weir.signal(signal.SIGTERM)
        rig.weir.notice("STOPPING=1")
        time.sleep(2.5)
        assert not extensions(rig.weir)
        peers.reset(first)
        rig.weir.notice("EXTEND_TIMEOUT_USEC=30000000")
        time.sleep(2.5)
        assert len(extensions(rig.weir)) == 1
