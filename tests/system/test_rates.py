# SPDX-License-Identifier: ISC
"""Rates of a listener, against the clock: never more than they allow, and not much less."""

import select
import socket
import time

import pytest

from weirtest import peers, transfer
from weirtest.clock import within
from weirtest.house import house, listener
from weirtest.rig import relay
from weirtest.settings import DEADLINE, LATE

MIB = 1 << 20


@pytest.mark.parametrize("way", ("up", "down"))
def test_a_rate_holds_the_bytes_of_one_way_back(way, report):
    """A tenth of a second's worth may come at once. A pair whose bytes wait is not idle. The other way has no rate."""
    with relay(listener={"rate": {way: "2M/s"}}, timeouts={"idle": "600ms", "half_close": "600ms"}) as rig:
        with within(time.monotonic(), 0.6):
            client, upstream = rig.pair()
            sender, receiver = (client, upstream) if way == "up" else (upstream, client)
            start = time.monotonic()
            back = transfer.Task(transfer.receive_hashed, sender)
            sent = transfer.Task(transfer.send_hashed, sender, transfer.Payload(2 * MIB))
            assert receiver.recv(1, socket.MSG_PEEK)
        answer = transfer.send_hashed(receiver, transfer.Payload(2 * MIB, seed=1))
        assert back.result() == (answer, 2 * MIB)
        free = time.monotonic() - start
        assert transfer.receive_hashed(receiver) == (sent.result(), 2 * MIB)
        took = time.monotonic() - start
        rig.weir.record("close", reason="eof")
    assert 0.9 < took < 1 + LATE
    report(f"2 MiB at 2 MiB/s: {took:.3f} s, and freely: {free:.3f} s")


def test_first_bytes_that_were_looked_at_are_held_back_too():
    """On a UNIX socket weir reads the first bytes before the server is connected."""
    rate, header = 10000, b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"
    data = bytes(range(250)) * 20
    with relay("unix", listener={"accept_proxy": ["any"], "rate": {"up": f"{rate}/s"}}) as rig:
        with rig.client() as client:
            start = time.monotonic()
            client.sendall(header + data)
            peers.fin(client)
            with rig.accept() as server:
                received = b""
                while part := server.recv(65536):
                    received += part
                    # A tenth of a second's worth may come at once.
                    assert len(received) <= rate * (time.monotonic() - start + 0.1)
        assert received == data


# Accepting


@pytest.mark.parametrize("workers", (1, pytest.param(3, marks=pytest.mark.workers)))
@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_a_rate_lets_clients_wait_and_refuses_none(transport, workers, report):
    """A second's worth of clients is served at once, then one each 50 ms, however many workers there are."""
    a_second, count = 20, 50
    with house(transport, workers=workers) as here:
        web = {"rate": {"accept": f"{a_second}/s"}}
        here.reload(listeners=[listener("web", str(here.weir.address), **web)])
        start = time.monotonic()
        clients = [here.client() for _ in range(count)]
        for sock in clients:
            sock.sendall(b"hello")
        served = []
        waiting = set(clients)
        while waiting:
            for sock in select.select(waiting, [], [], DEADLINE)[0]:
                assert peers.read_exactly(sock, 5) == b"hello"
                served.append(time.monotonic() - start)
                waiting.remove(sock)
        for n, after in enumerate(served[a_second:], 1):
            assert after >= n / a_second
        assert served[-1] < (count - a_second) / a_second + LATE
        here.weir.record("rate_reached", listener="web", accept=str(a_second))
        report(f"{count} clients at {a_second}/s: the last after {served[-1]:.3f} s")


@pytest.mark.parametrize("workers", (1, pytest.param(3, marks=pytest.mark.workers)))
@pytest.mark.parametrize("how", ("goes", "is freed"))
@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_who_waits_for_a_rate_is_served_when_the_listener_goes_or_has_none(transport, how, workers):
    with house(transport, workers=workers) as here:
        old = str(here.weir.address)
        here.reload(listeners=[listener("web", old, rate={"accept": "1/s"})])
        start = time.monotonic()
        clients = [here.client() for _ in range(40)]
        for sock in clients:
            sock.sendall(b"hello")
        here.weir.record("rate_reached")
        here.reload(listeners=[listener("web", old) if how == "is freed" else
                               listener("other", str(here.free()))])
        for sock in clients:
            assert peers.read_exactly(sock, 5) == b"hello"
        assert time.monotonic() - start < 38
