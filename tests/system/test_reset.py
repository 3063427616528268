# SPDX-License-Identifier: ISC
"""A reset travels as a reset, after the bytes before it: a cut transfer never looks complete."""

import socket
import time

import pytest

from weirtest import peers, proc, transfer, wait
from weirtest.rig import relay
from weirtest.settings import scaled

pytestmark = pytest.mark.invariant("a FIN arrives as a FIN, a reset as a reset", "docs/ARCHITECTURE.md", "The way of a pair")
MIB = 1 << 20

# UNIX sockets have no reset, so most tests have a TCP side that resets. The side that sees the reset may be UNIX.
RESETTING = ("tcp4", "tcp6")
HEARING = ("tcp4", "tcp6", "unix", "abstract")
SIDES = pytest.mark.parametrize("by_client", (True, False), ids=("client", "upstream"))


def sides(rig, by_client, **options):
    """(the side that resets, the side that sees it, the log's name for the first)"""
    client, server = rig.pair(**options)
    # The pair must relay: a reset while weir connects would discard the bytes before it.
    server.sendall(b"?")
    assert peers.read_exactly(client, 1) == b"?"
    return (client, server, "client") if by_client else (server, client, "upstream")


def mixed(by_client, resetting, hearing):
    return (resetting, hearing) if by_client else (hearing, resetting)


def assert_reset(sock, got=b""):
    data, end = peers.read_end(sock)
    assert len(data) == len(got) and data == got
    assert end in peers.abort_of(sock), f"a reset looked like {end}"


@SIDES
@pytest.mark.parametrize("hearing", HEARING)
@pytest.mark.parametrize("resetting", RESETTING)
def test_reset_of_a_quiet_pair(by_client, resetting, hearing):
    with relay(*mixed(by_client, resetting, hearing)) as rig:
        breaker, other, by = sides(rig, by_client)
        peers.reset(breaker)
        assert_reset(other)
        closed = rig.weir.close_line(reason="reset", by=by)
        assert closed.get("errno", "ECONNRESET") in ("ECONNRESET", "EPIPE")


@SIDES
@pytest.mark.parametrize("hearing", HEARING)
def test_reset_after_data_comes_after_the_data(by_client, hearing, report):
    """The other side reads only after the reset, and finds every byte that had left the sender before it."""
    size = scaled(4 * MIB, MIB // 64)
    with relay(*mixed(by_client, "tcp4", hearing)) as rig:
        breaker, other, by = sides(rig, by_client)
        count = transfer.fill(breaker, limit=size)
        left = proc.sent_queue(breaker)
        peers.reset(breaker)
        data, end = peers.read_end(other)
        assert end in peers.abort_of(other)
        assert data == transfer.filled(len(data)) and len(data) >= count - left
        rig.weir.close_line(reason="reset", by=by)
        report(f"{count - left} bytes sent, {len(data)} arrived, then {end}")


@SIDES
@pytest.mark.parametrize("hearing", HEARING)
def test_reset_right_after_a_small_answer(by_client, hearing, report):
    count = scaled(100)
    with relay(*mixed(by_client, "tcp4", hearing)) as rig:
        for number in range(count):
            breaker, other, by = sides(rig, by_client)
            breaker.sendall(b"%d" % number * 100)
            transfer.wait_sent(breaker)
            peers.reset(breaker)
            assert_reset(other, b"%d" % number * 100)
            rig.weir.record("close", nth=number, reason="reset", by=by)
        report(f"{count} answers, each whole before its reset")


@SIDES
@pytest.mark.parametrize("hearing", HEARING)
def test_reset_while_weir_is_backpressured(by_client, hearing, report):
    """The receiver has stopped reading, so weir stops reading from the side that resets; then the receiver goes on."""
    with relay(*mixed(by_client, "tcp4", hearing), rcvbuf=4096) as rig:
        breaker, other, by = sides(rig, by_client, rcvbuf=4096)
        count = transfer.fill(breaker)
        left = proc.sent_queue(breaker)
        peers.reset(breaker)
        data, end = peers.read_end(other, piece=4096)
        assert end in peers.abort_of(other)
        assert data == transfer.filled(len(data)) and len(data) >= count - left
        rig.weir.close_line(reason="reset", by=by)
        report(f"{count - left} bytes sent, {len(data)} arrived, then {end}")


@SIDES
@pytest.mark.parametrize("hearing", HEARING)
def test_waiting_for_the_receiver_after_a_reset_is_bounded_by_write_stall(by_client, hearing):
    """The receiver stops reading: weir resets it anyway, and all that it reads later is a prefix of what was sent."""
    with relay(*mixed(by_client, "tcp4", hearing), rcvbuf=4096,
               timeouts={"write_stall": "1s"}) as rig:
        breaker, other, by = sides(rig, by_client, rcvbuf=4096)
        try:
            count = transfer.fill(breaker, quiet=0.1)
        except ConnectionResetError:
            rig.weir.close_line(reason="write_stall")
            return  # this process got no processor for a second, so weir was right
        peers.reset(breaker)
        closed = rig.weir.record("close")
        assert closed["reason"] in ("reset", "write_stall"), closed
        data, end = peers.read_end(other)
        assert end in peers.abort_of(other) and len(data) < count
        assert data == transfer.filled(len(data))


@SIDES
@pytest.mark.parametrize("hearing", HEARING)
@pytest.mark.parametrize("data", (b"", b"before the FIN"), ids=("bare", "after_bytes"))
def test_reset_after_a_fin_ends_the_pair(by_client, hearing, data):
    with relay(*mixed(by_client, "tcp4", hearing)) as rig:
        breaker, other, by = sides(rig, by_client)
        breaker.sendall(data)
        peers.fin(breaker)
        assert peers.read_end(other) == (data, "fin")
        peers.reset(breaker)
        rig.weir.close_line(reason="reset", by=by)
        if hearing in RESETTING:
            # This side has read the FIN, so only the socket's error shows the reset.
            def error():
                return other.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

            assert wait.until(error, "the reset") in (104, 32)


@SIDES
@pytest.mark.parametrize("hearing", HEARING)
def test_unix_side_that_closes_with_unread_bytes_has_reset(by_client, hearing):
    """This is the closest that UNIX sockets have to a reset: the kernel gives the peer ECONNRESET."""
    with relay(*mixed(by_client, "unix", hearing)) as rig:
        breaker, other, by = sides(rig, by_client)
        other.sendall(b"never read")
        breaker.recv(1, socket.MSG_PEEK)
        breaker.sendall(b"last words")
        breaker.close()
        assert_reset(other, b"last words")
        rig.weir.close_line(reason="reset", by=by)


@SIDES
def test_bytes_for_a_side_that_closed_reset_the_other(by_client):
    """A full close looks like a FIN at first; the kernel answers later bytes with a reset."""
    with relay() as rig:
        breaker, other, by = sides(rig, by_client)
        breaker.close()
        assert peers.end_of(other) == "fin"
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(10_000):
                other.sendall(b"into the void")
                time.sleep(0.001)
        rig.weir.close_line(reason="reset", by=by)


@pytest.mark.parametrize("upstream", HEARING)
@pytest.mark.parametrize("client", RESETTING)
def test_client_gone_while_connecting_frees_its_pair_at_once(client, upstream):
    """connect is off, so that only the reset can end the pair."""
    with relay(client, upstream, servers=[peers.BlackHole], timeouts={"connect": "none"}) as rig:
        quiet = proc.settled_fds(rig.weir.pid)
        for number, early in enumerate((b"", b"early bytes")):
            sock = rig.client()
            wait.until(lambda: proc.fds(rig.weir.pid) >= quiet + 2, "the pair to be connecting")
            sock.sendall(early)
            peers.reset(sock)
            rig.weir.record("close", nth=number, by="client", reason="reset")
            wait.until(lambda: proc.fds(rig.weir.pid) == quiet, "the pair's fds to be closed")


def test_client_gone_just_as_the_upstream_connects_is_no_clean_end_for_the_upstream(report):
    """The client's early bytes may be lost. An upstream that accepted the connection must not see a FIN."""
    count, seen = scaled(200, 50), 0
    with relay() as rig:
        for number in range(count):
            sock = rig.client()
            sock.sendall(b"early")
            peers.reset(sock)
            rig.weir.record("close", nth=number, by="client", reason="reset")
            rig.upstream.sock.settimeout(0)
            try:
                server = rig.accept()
            except BlockingIOError:
                continue
            seen += 1
            data, end = peers.read_end(server)
            assert end == "rst" and data in (b"", b"early")
        report(f"{count} clients, of which the upstream saw {seen}, each with a reset")


@SIDES
def test_reset_of_one_pair_is_not_noticed_by_another(by_client):
    with relay() as rig:
        client, server = rig.pair()
        for number in range(scaled(50)):
            breaker, other, by = sides(rig, by_client)
            breaker.sendall(b"x")
            peers.reset(breaker)
            peers.read_end(other)
            client.sendall(b"%d" % number)
            assert peers.read_exactly(server, len(b"%d" % number)) == b"%d" % number
        assert not rig.weir.records("close", client=peers.name(client))


@pytest.mark.workers
@SIDES
def test_many_resets_over_many_workers(by_client, report):
    count, size = scaled(400, 40), 100_000
    with relay(workers=4) as rig:
        pairs = [sides(rig, by_client) for _ in range(count)]
        counts = [transfer.fill(breaker, limit=size) for breaker, _, _ in pairs]
        for breaker, _, _ in pairs:
            transfer.wait_sent(breaker)
            peers.reset(breaker)
        for (_, other, by), sent in zip(pairs, counts, strict=True):
            assert_reset(other, transfer.filled(sent))
        rig.weir.record("close", nth=count - 1, reason="reset", by=by)
        report(f"{count} pairs reset after {min(counts)} to {max(counts)} bytes")
