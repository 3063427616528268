# SPDX-License-Identifier: ISC
"""No byte is lost, changed or reordered, over any transport, at any size, at any pace."""

import itertools
import socket
import time

import pytest

from weirtest import peers, transfer
from weirtest.address import MIXES, TRANSPORTS
from weirtest.rig import relay
from weirtest.settings import scaled

pytestmark = pytest.mark.invariant("each byte arrives once, as it was sent, in its order", "docs/ARCHITECTURE.md", "The way of a byte")
SIZES = (0, 1, 16383, 16384, 16385)
MIB = 1 << 20


def both_ways(client, server, up, down, piece=65536):
    """Sends a payload each way at once, each with its FIN; both must arrive as they were sent."""
    senders = [transfer.Task(transfer.send_hashed, sock, payload)
               for sock, payload in ((client, up), (server, down))]
    receivers = [transfer.Task(transfer.receive_hashed, sock, piece) for sock in (server, client)]
    sent = [task.result() for task in senders]
    assert [task.result() for task in receivers] == [(sent[0], up.size), (sent[1], down.size)]


@pytest.mark.parametrize("client, upstream", itertools.product(TRANSPORTS, TRANSPORTS))
def test_sizes_around_a_buffer_arrive_whole(client, upstream, report):
    with relay(client, upstream) as rig:
        for number, (up, down) in enumerate(itertools.product(SIZES, SIZES)):
            both_ways(*rig.pair(), transfer.Payload(up, seed=number), transfer.Payload(down, seed=-number))
            closed = rig.weir.record("close", nth=number)
            assert closed["reason"] == "eof" and closed["by"] in ("client", "upstream")
            assert (closed["bytes_up"], closed["bytes_down"]) == (str(up), str(down))
        report(f"{number + 1} pairs, {SIZES} bytes each way")


@pytest.mark.parametrize("client, upstream", MIXES)
def test_bulk_both_ways_at_once_arrives_whole(client, upstream, report):
    size = scaled(100 * MIB)
    with relay(client, upstream) as rig:
        start = time.monotonic()
        both_ways(*rig.pair(), transfer.Payload(size, seed=1), transfer.Payload(size, seed=2))
        taken = time.monotonic() - start
        rig.weir.close_line(reason="eof", bytes_up=size, bytes_down=size)
        report(f"{size >> 20} MiB each way, {2 * (size >> 20) / taken:.0f} MiB/s")


@pytest.mark.parametrize("client, upstream", MIXES)
def test_tiny_writes_arrive_whole(client, upstream):
    with relay(client, upstream) as rig:
        payloads = [transfer.Payload(scaled(200_000), seed, largest=100) for seed in (1, 2)]
        both_ways(*rig.pair(), *payloads)
        rig.weir.close_line(reason="eof")


@pytest.mark.parametrize("client, upstream", MIXES)
def test_slow_readers_get_everything(client, upstream, report):
    """Readers with small receive buffers read in small pieces, so that both directions are stopped most of the time."""
    size = scaled(4 * MIB)
    with relay(client, upstream, rcvbuf=4096) as rig:
        both_ways(*rig.pair(rcvbuf=4096), transfer.Payload(size, seed=1), transfer.Payload(size, seed=2),
                  piece=512)
        rig.weir.close_line(reason="eof", bytes_up=size, bytes_down=size)
        report(f"{size >> 10} KiB each way through 4 KiB buffers")


@pytest.mark.parametrize("client, upstream", MIXES)
def test_one_byte_at_a_time_arrives_whole(client, upstream):
    count = scaled(5000)
    with relay(client, upstream) as rig:
        payloads = [transfer.Payload(count, seed, largest=1) for seed in (1, 2)]
        both_ways(*rig.pair(), *payloads, piece=1)
        rig.weir.close_line(reason="eof", bytes_up=count, bytes_down=count)


@pytest.mark.parametrize("client, upstream", MIXES)
def test_every_single_byte_is_relayed_before_the_next_is_sent(client, upstream):
    with relay(client, upstream) as rig:
        client, server = rig.pair()
        for number in range(scaled(1000)):
            byte = bytes([number % 256])
            client.sendall(byte)
            assert peers.read_exactly(server, 1) == byte
            server.sendall(byte)
            assert peers.read_exactly(client, 1) == byte


@pytest.mark.parametrize("transport", ("tcp4", "tcp6"))
def test_urgent_bytes_stay_in_their_place(transport):
    """A read stops at the urgent mark, and the urgent byte itself is easily lost."""
    with relay(transport, transport) as rig:
        for sender, receiver in (pair := rig.pair(), pair[::-1]):
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            expected = b""
            for number in range(50):
                before, after = b"<%d" % number, b">" * (number * 100)
                sender.sendall(before)
                sender.send(b"!", socket.MSG_OOB)
                sender.sendall(after)
                expected += before + b"!" + after
            assert peers.read_exactly(receiver, len(expected)) == expected
            sender.send(b"?", socket.MSG_OOB)
            assert peers.read_exactly(receiver, 1) == b"?"


def test_an_urgent_byte_among_bytes_that_wait_stays_in_its_place():
    with relay(rcvbuf=4096) as rig:
        client, server = rig.pair()
        count = transfer.fill(client, limit=2 * MIB)
        task = transfer.Task(client.send, b"!", socket.MSG_OOB)
        assert peers.read_exactly(server, count) == transfer.filled(count)
        assert task.result() == 1
        client.sendall(b"after")
        assert peers.read_exactly(server, 6) == b"!after"


@pytest.mark.workers
@pytest.mark.parametrize("client, upstream", MIXES)
def test_many_pairs_at_once_do_not_mix(client, upstream, report):
    count, size = scaled(64, 8), scaled(2 * MIB)
    with relay(client, upstream, workers=4,
               servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig:
        def exchange(number):
            sock = rig.client()
            payload = transfer.Payload(size, seed=number)
            sender = transfer.Task(transfer.send_hashed, sock, payload)
            assert transfer.receive_hashed(sock) == (sender.result(), size)

        for task in [transfer.Task(exchange, number) for number in range(count)]:
            task.result()
        for number in range(count):
            rig.weir.record("close", nth=number, reason="eof", bytes_up=size, bytes_down=size)
        report(f"{count} pairs, {size >> 10} KiB each way")
