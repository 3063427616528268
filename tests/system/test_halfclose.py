# SPDX-License-Identifier: ISC
"""A FIN travels as a FIN, after the bytes before it, and leaves the other direction alone."""

import queue

import pytest

from weirtest import peers, transfer
from weirtest.address import MIXES
from weirtest.rig import relay
from weirtest.settings import DEADLINE, scaled

pytestmark = pytest.mark.invariant("a FIN arrives as a FIN, a reset as a reset", "docs/ARCHITECTURE.md", "The way of a pair")
MIB = 1 << 20
EARLY = b"early"


def ends(rig, by_client):
    """(the side that finishes first, the other, the name of the first in the log, the names of their counters)"""
    client, server = rig.pair()
    if by_client:
        return client, server, "client", ("bytes_up", "bytes_down")
    return server, client, "upstream", ("bytes_down", "bytes_up")


first_side = pytest.mark.parametrize("by_client", (True, False), ids=("client", "upstream"))
mixes = pytest.mark.parametrize("client, upstream", MIXES)


@mixes
@first_side
@pytest.mark.parametrize("question", (b"", b"question"), ids=("bare", "after_bytes"))
def test_answer_after_fin_arrives(client, upstream, by_client, question):
    with relay(client, upstream) as rig:
        first, second, by, counters = ends(rig, by_client)
        first.sendall(question)
        peers.fin(first)
        assert peers.read_end(second) == (question, "fin")
        second.sendall(b"answer")
        assert peers.read_exactly(first, 6) == b"answer"
        peers.fin(second)
        assert peers.end_of(first) == "fin"
        rig.weir.close_line(reason="eof", by=by,
                            **dict(zip(counters, (len(question), len(b"answer")))))


@mixes
@first_side
def test_fin_behind_bytes_in_flight_both_ways(client, upstream, by_client, report):
    """The first FIN follows many bytes, while twice as many go the other way."""
    size = scaled(16 * MIB)
    with relay(client, upstream) as rig:
        first, second, by, counters = ends(rig, by_client)
        payloads = transfer.Payload(size, seed=1), transfer.Payload(2 * size, seed=2)
        back = transfer.Task(transfer.receive_hashed, first)
        answer = transfer.Task(transfer.send_hashed, second, payloads[1], False)
        question = transfer.Task(transfer.send_hashed, first, payloads[0])
        assert transfer.receive_hashed(second) == (question.result(), size)
        answered = answer.result()
        peers.fin(second)
        assert back.result() == (answered, 2 * size)
        rig.weir.close_line(reason="eof", by=by, **dict(zip(counters, (size, 2 * size))))
        report(f"{size >> 10} KiB, FIN, {2 * size >> 10} KiB the other way")


@mixes
@first_side
def test_fin_waits_for_the_bytes_that_the_receiver_has_not_taken(client, upstream, by_client):
    """The sender fills all buffers and finishes; the receiver reads only then."""
    with relay(client, upstream, rcvbuf=4096) as rig:
        first, second, by, _ = ends(rig, by_client)
        count = transfer.fill(first)
        peers.fin(first)
        second.sendall(b"still here")
        assert peers.read_exactly(first, 10) == b"still here"
        got, end = peers.read_end(second)
        assert (end, len(got)) == ("fin", count) and got == transfer.filled(count)
        peers.fin(second)
        assert peers.end_of(first) == "fin"
        rig.weir.close_line(reason="eof", by=by)


@mixes
def test_both_sides_finish_at_once(client, upstream):
    with relay(client, upstream) as rig:
        for number in range(scaled(50)):
            client, server = rig.pair()
            peers.fin(client)
            peers.fin(server)
            assert (peers.end_of(client), peers.end_of(server)) == ("fin", "fin")
            closed = rig.weir.record("close", nth=number)
            assert closed["reason"] == "eof" and closed["by"] in ("client", "upstream")


@pytest.mark.parametrize("early", (b"", EARLY), ids=("bare", "after_bytes"))
@pytest.mark.parametrize("client, upstream", (*MIXES, ("unix", "tcp4"), ("tcp4", "tcp6")))
def test_client_fin_before_the_upstream_is_connected_is_a_half_close(client, upstream, early):
    """The first server is a black hole, so that the FIN comes long before the second server is connected."""
    with relay(client, upstream, servers=[peers.BlackHole, peers.Upstream],
               timeouts={"connect": "300ms"}) as rig:
        sock = rig.client()
        sock.sendall(early)
        peers.fin(sock)
        server = rig.accept()
        assert peers.read_end(server) == (early, "fin")
        server.sendall(b"answer")
        peers.fin(server)
        assert peers.read_end(sock) == (b"answer", "fin")
        rig.weir.close_line(reason="eof", by="client", bytes_up=len(early), bytes_down=6)


@pytest.mark.parametrize("early", (b"", EARLY), ids=("bare", "after_bytes"))
@pytest.mark.parametrize("client, upstream", (("unix", "tcp4"), ("abstract", "unix")))
def test_unix_client_closed_before_the_upstream_is_connected_has_finished(client, upstream, early):
    """The client cannot receive an answer any more, but all that it sent has come: that is no reset."""
    with relay(client, upstream, servers=[peers.BlackHole, peers.Upstream],
               timeouts={"connect": "100ms"}) as rig:
        sock = rig.client()
        sock.sendall(early)
        sock.close()
        server = rig.accept()
        assert peers.read_end(server) == (early, "fin")
        server.close()
        rig.weir.close_line(reason="eof", by="client", bytes_up=len(early))


def test_unix_clients_that_send_and_close_at_once_lose_nothing(report):
    """weir may see the hang-up before, with or after the connection to the upstream."""
    count = scaled(500, 100)
    got = queue.Queue()
    with relay("unix", "tcp4", servers=[
            lambda *where: peers.Server(*where, lambda sock: got.put(peers.read_end(sock)))]) as rig:
        for number in range(count):
            with peers.connect(rig.weir.address) as sock:
                sock.sendall(b"%d" % number)
        arrived = [got.get(timeout=DEADLINE) for _ in range(count)]
        assert sorted(arrived) == sorted((b"%d" % number, "fin") for number in range(count))
        report(f"{count} clients that sent and closed, all heard")


def test_client_fin_with_the_first_segment_is_no_abort(report):
    """The client sends a request and its FIN at once: weir may see the FIN in the turn that connects the upstream."""
    count = scaled(500, 100)
    with relay(servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig:
        for number in range(count):
            with peers.connect(rig.weir.address) as sock:
                sock.sendall(b"%d" % number)
                peers.fin(sock)
                assert peers.read_end(sock) == (b"%d" % number, "fin")
        rig.weir.record("close", nth=count - 1, reason="eof")
        report(f"{count} clients that finished at once, {count} answers")


@pytest.mark.workers
@mixes
def test_many_half_closes_over_many_workers(client, upstream, report):
    count = scaled(200, 40)

    def answer(sock):
        digest, _ = transfer.receive_hashed(sock)
        sock.sendall(digest.encode())

    with relay(client, upstream, workers=4,
               servers=[lambda *where: peers.Server(*where, answer)]) as rig:
        def ask(number):
            with peers.connect(rig.weir.address) as sock:
                sent = transfer.send_hashed(sock, transfer.Payload(number * 997, seed=number))
                assert peers.read_end(sock) == (sent.encode(), "fin")

        for start in range(0, count, 50):
            for task in [transfer.Task(ask, number) for number in range(start, min(start + 50, count))]:
                task.result()
        rig.weir.record("close", nth=count - 1, reason="eof", by="client")
        report(f"{count} pairs")
