# SPDX-License-Identifier: ISC
"""Timers against each other: the earliest deadline wins, and some timers stand still while bytes wait."""

import signal
import time

import pytest

from weirtest import peers, transfer, wait
from weirtest.address import MIXES
from weirtest.clock import Watch, pace, within
from weirtest.rig import relay

FIN = ("fin",)
MIXED = pytest.mark.parametrize("client, upstream", MIXES)
SIDES = pytest.mark.parametrize("by_client", (True, False), ids=("client", "upstream"))


def sides(rig, by_client, **options):
    pair = rig.pair(**options)
    return pair if by_client else pair[::-1]


# Two timers that run in a silent pair, and which of them must strike.
@pytest.mark.parametrize("timeouts, timer", (
    ({"idle": "300ms", "lifetime": "600ms"}, "idle"),
    ({"idle": "600ms", "lifetime": "300ms"}, "lifetime"),
))
@MIXED
def test_idle_against_lifetime(client, upstream, timeouts, timer, report):
    with relay(client, upstream, timeouts=timeouts) as rig:
        watch = Watch(0.3)
        for sock in rig.pair():
            watch.expect(sock, ("fin", "rst") if timer == "lifetime" else FIN)
        watch.strike(rig.weir, timer)
        report(watch.text)


@pytest.mark.parametrize("timeouts, timer, reason", (
    ({"connect": "300ms", "lifetime": "5s"}, "connect", "connect_timeout"),
    ({"connect": "5s", "lifetime": "300ms"}, "lifetime", "lifetime"),
))
@MIXED
def test_connect_against_lifetime(client, upstream, timeouts, timer, reason, report):
    """Whatever ends the session before it relays, the client sees a reset."""
    with relay(client, upstream, servers=[peers.BlackHole], timeouts=timeouts) as rig:
        watch = Watch(0.3)
        sock = rig.client()
        watch.expect(sock, peers.abort_of(sock))
        closed = rig.weir.close_line(reason=reason, timer=timer)
        assert closed["by"] == ("weir" if timer == "lifetime" else "upstream")
        assert closed.number("late_us") >= 0
        report(f"{closed['late_us']} µs late by weir's clock")


def test_idle_does_not_run_while_connecting():
    with relay(servers=[peers.BlackHole], timeouts={"connect": "800ms", "idle": "200ms"}) as rig:
        watch = Watch(0.8)
        watch.expect(rig.client(), ("rst",))
        rig.weir.close_line(reason="connect_timeout")


# After a FIN, idle stands still, and the others run.
@pytest.mark.parametrize("timeouts, timer, reason", (
    ({"idle": "400ms", "half_close": "500ms"}, "half_close", "half_close"),
    ({"half_close": "500ms", "half_close_max": "900ms"}, "half_close", "half_close"),
    ({"half_close": "900ms", "half_close_max": "500ms"}, "half_close_max", "half_close"),
    ({"half_close": "500ms", "lifetime": "5s"}, "half_close", "half_close"),
))
@SIDES
@MIXED
def test_after_a_fin(client, upstream, by_client, timeouts, timer, reason, report):
    with relay(client, upstream, timeouts=timeouts) as rig:
        with within(time.monotonic(), 0.4):
            first, second = sides(rig, by_client)
            watch = Watch(0.5)
            peers.fin(first)
            assert peers.end_of(second) == "fin"
        watch.expect(first, peers.abort_of(first))
        watch.strike(rig.weir, timer, reason)
        report(watch.text)


@SIDES
def test_lifetime_during_a_half_close(by_client, report):
    with relay(timeouts={"half_close": "5s", "lifetime": "500ms"}) as rig:
        watch = Watch(0.5)
        first, second = sides(rig, by_client)
        peers.fin(first)
        assert peers.end_of(second) == "fin"
        watch.expect(first, ("fin", "rst"))
        watch.strike(rig.weir, "lifetime")
        report(watch.text)


def begun(flood):
    """The Flood, once it has sent bytes."""
    wait.until(lambda: flood.sent, "bytes")
    return flood


# Bytes wait for a receiver that reads none. The short timers would be due first if they were running.
@pytest.mark.parametrize("timeouts, fin, timer", (
    ({"idle": "300ms", "write_stall": "1s"}, False, "write_stall"),
    ({"idle": "300ms", "half_close": "300ms", "write_stall": "1s"}, True, "write_stall"),
    ({"write_stall": "5s", "lifetime": "1s"}, False, "lifetime"),
    ({"half_close": "300ms", "half_close_max": "1s", "write_stall": "5s"}, True, "half_close_max"),
))
@SIDES
@MIXED
def test_while_bytes_wait(client, upstream, by_client, timeouts, fin, timer, report):
    """`fin`: the receiver has sent its FIN before, so that the pair is half closed."""
    with relay(client, upstream, rcvbuf=4096, timeouts=timeouts) as rig:
        watch = Watch(1.0)
        with within(watch.start, 0.3):
            sender, stuck = sides(rig, by_client, rcvbuf=4096)
            if fin:
                watch.restart()
                peers.fin(stuck)
                assert peers.end_of(sender) == "fin"
            flood = begun(transfer.Flood(sender))
        watch.strike(rig.weir, timer, "half_close" if timer == "half_close_max" else timer)
        assert time.monotonic() - watch.start >= watch.seconds
        assert flood.end() == "rst"
        report(watch.text)


@SIDES
@MIXED
def test_idle_stands_still_while_bytes_wait_and_then_starts_anew(client, upstream, by_client, report):
    with relay(client, upstream, rcvbuf=4096, timeouts={"idle": "600ms"}) as rig:
        with within(time.monotonic(), 0.6):
            sender, stuck = sides(rig, by_client, rcvbuf=4096)
            flood = begun(transfer.Flood(sender))
        time.sleep(1.2)  # twice the timeout: we test that nothing happens
        count = flood.stop()
        assert not rig.weir.records("close") and not flood.broken, "idle struck while bytes waited"
        watch = Watch(0.6)
        left = count
        while left:
            last = watch.start
            watch.restart()
            with within(last, 0.25):
                left -= len(peers.read_exactly(stuck, min(left, 4096)))
        with within(watch.start, 0.25):
            assert not rig.weir.records("close")
        passed = time.monotonic()
        for sock in (stuck, sender):
            assert peers.end_of(sock) == "fin"
        passed = time.monotonic() - passed
        watch.strike(rig.weir, "idle")
        report(f"{count} bytes waited, then idle after {passed * 1e3:.1f} ms; " + watch.text)


@SIDES
@MIXED
@pytest.mark.parametrize("timer", ("idle", "half_close"))
def test_bytes_in_the_kernel_count_when_weir_was_stopped(client, upstream, by_client, timer):
    """weir is stopped for far longer than the timeout, while one side keeps sending: no pair is cut."""
    with relay(client, upstream, timeouts={timer: "400ms"}) as rig:
        with within(time.monotonic(), 0.4):
            sender, receiver = sides(rig, by_client)
            sender.sendall(b"x")
            assert peers.read_exactly(receiver, 1) == b"x"
            if timer == "half_close":
                peers.fin(receiver)
                assert peers.end_of(sender) == "fin"
            rig.weir.signal(signal.SIGSTOP)
        pace(sender, 1.0, 0.02, 1)
        sender.sendall(b"!")
        begin = time.monotonic()
        rig.weir.signal(signal.SIGCONT)
        with within(begin, 0.4):
            got = b""
            while not got.endswith(b"!"):
                data = receiver.recv(4096)
                assert data, "cut although it kept sending"
                got += data
            sender.sendall(b"after")
            assert peers.read_exactly(receiver, 5) == b"after"


@SIDES
@MIXED
@pytest.mark.parametrize("timer", ("idle", "half_close"))
def test_bytes_in_the_kernel_count_although_the_timer_was_there_first(client, upstream, by_client, timer):
    """
    The timer is set before the last byte comes. While weir is stopped, the timer becomes due, and then more bytes
    come. weir handles the timer before it reads those bytes, so it must first ask the kernel whether there are any.
    """
    with relay(client, upstream, timeouts={timer: "800ms"}) as rig:
        with within(time.monotonic(), 0.75):
            sender, receiver = sides(rig, by_client)
            if timer == "half_close":
                peers.fin(receiver)
                assert peers.end_of(sender) == "fin"
            time.sleep(0.2)
            sender.sendall(b"x")
            assert peers.read_exactly(receiver, 1) == b"x"
            rig.weir.signal(signal.SIGSTOP)
        time.sleep(0.65)  # now the timer is due, if it was set at the start
        sender.sendall(b"more")
        time.sleep(0.3)  # now "x" is older than the timeout
        rig.weir.signal(signal.SIGCONT)
        assert peers.read_exactly(receiver, 4) == b"more"


@SIDES
def test_bytes_of_many_pairs_in_the_kernel_count_when_weir_was_stopped(by_client, report):
    """The pairs are more than weir handles in one turn: the last timers are handled before the bytes of their pairs."""
    count = 350
    with relay(timeouts={"idle": "none"}, daemon={"control": True}) as rig:
        pairs = [sides(rig, by_client) for _ in range(count)]
        start = time.monotonic()
        for sender, receiver in pairs:
            sender.sendall(b"x")
            assert peers.read_exactly(receiver, 1) == b"x"
        # This is long enough for the first pair's timeout not to be over yet, however slow the machine is.
        idle_s = 1 + 2 * (time.monotonic() - start)
        with within(start, idle_s - 0.1):
            rig.weir.reload({**rig.weir.settings, "timeouts": {"idle": f"{idle_s * 1000:.0f}ms"},
                             "reload": {"apply_to_open_pairs": ["timeouts"]}})
            rig.weir.signal(signal.SIGSTOP)
        for sender, _ in pairs:
            sender.sendall(b"!")
        time.sleep(idle_s + 0.1)  # now each pair's timeout is over
        rig.weir.signal(signal.SIGCONT)
        for _, receiver in pairs:
            assert peers.read_exactly(receiver, 1) == b"!"
        report(f"{count} pairs, none cut")


@SIDES
def test_no_byte_in_the_kernel_is_no_excuse(by_client):
    """The same, but nobody has sent: the pair ends, late by the time for which weir was stopped."""
    with relay(timeouts={"idle": "300ms"}) as rig:
        with within(time.monotonic(), 0.3):
            first, second = sides(rig, by_client)
            first.sendall(b"x")
            assert peers.read_exactly(second, 1) == b"x"
            # The only worker has served another pair, so it has handled the byte before it.
            for sock in rig.pair():
                sock.close()
            rig.weir.close_line(reason="eof")
            rig.weir.signal(signal.SIGSTOP)
        time.sleep(0.6)
        rig.weir.signal(signal.SIGCONT)
        assert (peers.end_of(first), peers.end_of(second)) == ("fin", "fin")
        assert rig.weir.close_line(reason="idle").number("late_us") >= 200_000
