# SPDX-License-Identifier: ISC
"""Each timer alone, on both sides, over TCP and UNIX: it never strikes early, and the peers see the right end."""

import socket
import time

import pytest

from weirtest import peers, transfer, wait
from weirtest.address import MIXES
from weirtest.clock import Watch, pace, within
from weirtest.rig import relay
from weirtest.settings import LATE, scaled

pytestmark = pytest.mark.invariant("no timer strikes early", "docs/TIMEOUTS.md", "The timers")
FIN = ("fin",)
MIXED = pytest.mark.parametrize("client, upstream", MIXES)
SIDES = pytest.mark.parametrize("by_client", (True, False), ids=("client", "upstream"))


def sides(rig, by_client, **options):
    pair = rig.pair(**options)
    return pair if by_client else pair[::-1]


def wait_reset(sock):
    """Waits for the reset of a side that has read a FIN: its socket's error shows it. A UNIX socket shows nothing."""
    if sock.family != socket.AF_UNIX:
        wait.until(lambda: sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "the reset")


@MIXED
def test_idle_closes_a_pair_that_never_spoke(client, upstream, report):
    watch = Watch(0.3)
    with relay(client, upstream, timeouts={"idle": "300ms"}) as rig:
        watch.restart()
        for sock in rig.pair():
            watch.expect(sock, FIN)
        closed = watch.strike(rig.weir, "idle")
        assert "quiet_up_ms" not in closed and "quiet_down_ms" not in closed
        report(watch.text)


@SIDES
@MIXED
def test_idle_counts_from_the_last_byte(client, upstream, by_client, report):
    with relay(client, upstream, timeouts={"idle": "300ms"}) as rig:
        watch = Watch(0.3)
        with within(watch.start, 0.3):
            first, second = sides(rig, by_client)
            time.sleep(0.1)  # a timer that counts from the start would strike too early
            watch.restart()
            first.sendall(b"x")
            assert peers.read_exactly(second, 1) == b"x"
        watch.expect(second, FIN)
        watch.expect(first, FIN)
        closed = watch.strike(rig.weir, "idle")
        assert closed.number("quiet_up_ms" if by_client else "quiet_down_ms") >= 300
        report(watch.text)


@MIXED
def test_idle_of_a_listener_that_asks_for_resets(client, upstream):
    with relay(client, upstream, listener={"on_idle": "reset"}, timeouts={"idle": "300ms"}) as rig:
        watch = Watch(0.3)
        for sock in rig.pair():
            watch.expect(sock, peers.abort_of(sock))
        watch.strike(rig.weir, "idle")


@SIDES
def test_idle_counts_bytes_of_either_way(by_client):
    """Bytes of one side alone keep the pair open, for five times the idle timeout."""
    with relay(timeouts={"idle": "400ms"}) as rig:
        speaker, listener = sides(rig, by_client)
        with within(pace(speaker, 2.0, 0.04, 0.3), 0.3):
            assert not rig.weir.records("close"), "cut although one side kept sending"
            listener.sendall(b"alive")
            assert peers.read_exactly(speaker, 5) == b"alive"


@SIDES
@MIXED
def test_half_close_counts_from_the_fin(client, upstream, by_client, report):
    with relay(client, upstream, timeouts={"half_close": "300ms"}) as rig:
        first, second = sides(rig, by_client)
        watch = Watch(0.3)
        peers.fin(first)
        assert peers.end_of(second) == "fin"
        watch.expect(first, peers.abort_of(first))
        wait_reset(second)
        watch.strike(rig.weir, "half_close")
        report(watch.text)


@SIDES
@MIXED
def test_half_close_counts_from_the_last_byte_after_the_fin(client, upstream, by_client, report):
    with relay(client, upstream, timeouts={"half_close": "300ms"}) as rig:
        first, second = sides(rig, by_client)
        watch = Watch(0.3)
        with within(watch.start, 0.3):
            peers.fin(first)
            assert peers.end_of(second) == "fin"
            time.sleep(0.1)  # a timer that counts from the FIN would strike too early
            watch.restart()
            second.sendall(b"answer")
        watch.expect(first, peers.abort_of(first), b"answer")
        watch.strike(rig.weir, "half_close")
        report(watch.text)


@SIDES
def test_half_close_max_is_not_put_off_by_bytes(by_client, report):
    with relay(timeouts={"half_close": "10s", "half_close_max": "500ms"}) as rig:
        first, second = sides(rig, by_client)
        watch = Watch(0.5)
        peers.fin(first)
        assert peers.end_of(second) == "fin"
        try:
            pace(second, 5, 0.05, 10)
        except (ConnectionResetError, BrokenPipeError):
            pass
        watch.strike(rig.weir, "half_close_max", "half_close")
        data, _ = peers.read_end(first)
        assert data
        report(watch.text)


@SIDES
@MIXED
def test_half_close_max_of_a_silent_side_is_a_reset(client, upstream, by_client, report):
    with relay(client, upstream, timeouts={"half_close": "10s", "half_close_max": "300ms"}) as rig:
        first, second = sides(rig, by_client)
        watch = Watch(0.3)
        peers.fin(first)
        assert peers.end_of(second) == "fin"
        watch.expect(first, peers.abort_of(first))
        wait_reset(second)
        watch.strike(rig.weir, "half_close_max", "half_close")
        report(watch.text)


@SIDES
@MIXED
def test_write_stall_resets_both(client, upstream, by_client, report):
    """The receiver reads no more: a cut transfer must not look complete to either side."""
    with relay(client, upstream, rcvbuf=4096, timeouts={"write_stall": "500ms"}) as rig:
        sender, stuck = sides(rig, by_client, rcvbuf=4096)
        watch = Watch(0.5)
        flood = transfer.Flood(sender)
        watch.strike(rig.weir, "write_stall")
        assert time.monotonic() - watch.start >= watch.seconds
        assert flood.end() == "rst"
        data, end = peers.read_end(stuck)
        assert end in peers.abort_of(stuck)
        assert data == transfer.filled(len(data)) and len(data) < flood.sent
        report(watch.text)


@SIDES
def test_write_stall_counts_from_the_last_byte_taken(by_client):
    """A receiver that is slow but not stuck is never cut."""
    with relay(rcvbuf=4096, timeouts={"write_stall": "500ms"}) as rig:
        sender, slow = sides(rig, by_client, rcvbuf=4096)
        flood = transfer.Flood(sender)
        got, last = 0, time.monotonic()
        end = last + 2
        while last < end:
            begin = time.monotonic()
            with within(last, 0.3):
                got += len(peers.read_exactly(slow, 16384))  # enough for the kernel to open the window again
            last = begin
            time.sleep(0.05)
        with within(last, 0.3):
            assert not rig.weir.records("close"), "cut although the receiver kept reading"
        assert got < flood.stop(), "all was read: nothing was stalled"


@SIDES
def test_write_stall_is_not_put_off_by_room_in_the_kernel(by_client, report):
    """The kernel may accept some more bytes on a new try, although the receiver has read none."""
    with relay(timeouts={"write_stall": "3s"}) as rig:
        sender, _ = sides(rig, by_client)
        flood = transfer.Flood(sender)
        seconds = rig.weir.close_line(reason="write_stall").number("duration_ms") / 1e3
        flood.stop()
        report(f"struck {seconds - 3:.3f} s after its time, the filling of the buffers included")
        assert 3 <= seconds < 3 + LATE


def test_write_stall_that_is_too_short_is_warned_of():
    """--check warns of it, and so do the start and a reload."""
    with relay(timeouts={"write_stall": "999ms"}, daemon={"control": True}) as rig:
        warning = rig.weir.record("config_warning")
        assert warning["level"] == "warn" and "timeouts.write_stall: is too short" in warning["warning"]
        rig.weir.reload({**rig.weir.settings, "timeouts": {"write_stall": "1s"}})
        rig.weir.record("reloaded")
        assert len(rig.weir.records("config_warning")) == 1
        rig.weir.reload({**rig.weir.settings, "timeouts": {"write_stall": "20ms"}})
        rig.weir.record("config_warning", nth=1)


@MIXED
def test_lifetime_of_a_quiet_pair_ends_with_fins(client, upstream, report):
    with relay(client, upstream, timeouts={"lifetime": "1500ms"}) as rig:
        watch = Watch(1.5)
        with within(watch.start, 0.5):  # a pair without a byte for a second is quiet
            client, server = rig.pair()
            client.sendall(b"x")
            assert peers.read_exactly(server, 1) == b"x"
        for sock in (client, server):
            watch.expect(sock, FIN)
        watch.strike(rig.weir, "lifetime")
        report(watch.text)


@SIDES
@MIXED
def test_lifetime_of_a_busy_pair_ends_with_resets(client, upstream, by_client, report):
    """Bytes still wait in weir when the lifetime is over."""
    with relay(client, upstream, rcvbuf=4096, timeouts={"lifetime": "1s"}) as rig:
        watch = Watch(1.0)
        sender, stuck = sides(rig, by_client, rcvbuf=4096)
        flood = transfer.Flood(sender)
        assert flood.end() == "rst"
        watch.judge(time.monotonic() - watch.start)
        data, end = peers.read_end(stuck)
        assert end in peers.abort_of(stuck) and len(data) < flood.sent
        watch.strike(rig.weir, "lifetime")
        report(watch.text)


def test_a_lifetime_with_a_spread_ends_each_pair_at_a_time_of_its_own(report):
    """A pair never ends before its lifetime, nor after the whole spread, and the pairs do not end all at once."""
    count = scaled(40, 20)
    with relay(timeouts={"lifetime": "1s", "lifetime_spread": "2s"}) as rig:
        pairs = [rig.pair() for _ in range(count)]
        lines = [rig.weir.record("close", nth=nth, reason="lifetime") for nth in range(count)]
        due = [line.number("duration_ms") - line.number("late_us") / 1000 for line in lines]
        assert 1000 <= min(due) and max(due) < 3000 + 1000 * LATE, due
        assert max(due) - min(due) > 200, "they end together"
        report(f"{count} pairs, due {min(due):.0f} to {max(due):.0f} ms after their accept, "
               f"late by {max(line.number('late_us') for line in lines) / 1000:.1f} ms at most")
        for sock in (sock for pair in pairs for sock in pair):
            sock.close()


@SIDES
def test_lifetime_within_a_second_of_the_last_byte_ends_with_resets(by_client, report):
    """No byte waits, but the peers may have had more to send."""
    with relay(timeouts={"lifetime": "300ms"}) as rig:
        watch = Watch(0.3)
        with within(watch.start, 0.3):
            first, second = sides(rig, by_client)
            first.sendall(b"x")
            assert peers.read_exactly(second, 1) == b"x"
        with within(watch.start, 1):
            watch.expect(second, ("rst",))
        watch.expect(first, ("rst",))
        watch.strike(rig.weir, "lifetime")
        report(watch.text)


@pytest.mark.workers
def test_many_pairs_due_at_once_are_all_in_time(report):
    """weir's clock judges each pair. The clients' clock judges all pairs together, from the last round of bytes on."""
    count = scaled(1000, 100)
    pairs, starts = [], []

    def send_on_all():
        starts.clear()
        for client, _ in pairs:
            starts.append(time.monotonic())
            client.sendall(b"x")

    with relay(workers=4, timeouts={"idle": "5s"}) as rig:
        for number in range(count):
            pairs.append(rig.pair())
            if number % 100 == 99:
                send_on_all()  # so that the first pairs are not idle before the last one is open
        send_on_all()
        late = [rig.weir.record("close", nth=number, reason="idle").number("late_us")
                for number in range(count)]
        passed = time.monotonic() - starts[0]
        assert passed >= 5
        for number, (client, server) in enumerate(pairs):
            assert peers.read_end(server) == (b"x" * (1 + count // 100 - number // 100), "fin")
            assert peers.end_of(client) == "fin"
        assert 0 <= min(late) and max(late) < LATE * 1e6
        late.sort()
        report(f"{count} pairs: median {late[count // 2]} µs late, latest {late[-1]} µs")
