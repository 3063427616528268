# SPDX-License-Identifier: ISC
"""max_pairs of a server, and the clients that wait for a place there."""

import contextlib
import signal
import struct
import time

import pytest

from weirtest import config, peers
from weirtest.daemon import Free, Weir

PLACES = 5
CLIENTS = 100
LONG = "100s"


def settings_for(server, max_pairs, *, queue="5s", workers=1, transport="tcp4", **upstream):
    made = {"workers": workers, "timeouts": {"queue": queue}, **config.relay(Free(transport), server)}
    made["upstreams"][0].update(upstream)
    made["upstreams"][0]["servers"][0]["max_pairs"] = max_pairs
    return made


@contextlib.contextmanager
def full_server(folder, max_pairs, **options):
    """A weir with one server, which has `max_pairs` places."""
    with contextlib.closing(peers.Upstream("tcp4", folder)) as server, \
            Weir(settings_for(server, max_pairs, **options)) as weir:
        yield weir, server


def assert_accepts_nothing(server):
    server.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        server.accept()
    server.sock.settimeout(60)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_hundred_clients_before_a_server_of_five(folder, workers):
    with full_server(folder, PLACES, queue=LONG, workers=workers) as (weir, server), \
            contextlib.ExitStack() as stack:
        clients = []
        for i in range(CLIENTS):
            clients.append(stack.enter_context(peers.connect(weir.address)))
            clients[i].sendall(struct.pack("!I", i))  # the bytes wait in the kernel while the client waits in weir
        open_pairs, order = [], []

        def accept():
            sock = stack.enter_context(server.accept())
            number, = struct.unpack("!I", peers.read_exactly(sock, 4))
            open_pairs.append((number, sock))
            order.append(number)

        for _ in range(PLACES):
            accept()
        assert_accepts_nothing(server)
        while open_pairs:
            number, sock = open_pairs.pop(0)
            sock.sendall(b"served")
            sock.close()
            assert peers.read_end(clients[number]) == (b"served", "fin")
            clients[number].close()
            if len(order) < CLIENTS:
                accept()  # the next client takes the only place that is free
        assert sorted(order) == list(range(CLIENTS))
        if workers == 1:
            assert order == list(range(CLIENTS))
        weir.record("close", nth=CLIENTS - 1)
        lines = weir.records("close", reason="eof", level="info")
        assert len(lines) == CLIENTS
        assert len([line for line in lines if "queue_ms" in line]) == CLIENTS - PLACES


def test_a_client_waits_until_the_timeout_and_never_less(folder):
    with full_server(folder, 1, queue="300ms") as (weir, server), \
            peers.connect(weir.address), server.accept():
        began = time.monotonic()
        with peers.connect(weir.address) as waiting:
            assert peers.end_of(waiting) == "rst"
            took = time.monotonic() - began
        line = weir.close_line(reason="queue")
        assert took >= 0.3
        assert (line["by"], line["timer"], line["level"]) == ("weir", "queue", "warn")
        assert float(line["queue_ms"]) >= 300
        assert line.number("late_us") >= 0


def test_beyond_queue_max_a_client_is_reset_at_once(folder):
    with full_server(folder, 1, queue=LONG, queue_max=0) as (weir, server), \
            peers.connect(weir.address), server.accept(), peers.connect(weir.address) as third:
        assert peers.end_of(third) == "rst"
        line = weir.close_line(reason="queue_full")
        assert (line["by"], line["level"]) == ("weir", "warn")
        assert "queue_ms" not in line


def test_a_client_that_resets_leaves_the_queue(folder):
    with full_server(folder, 1, queue=LONG) as (weir, server), \
            peers.connect(weir.address) as first, server.accept() as far:
        gone = peers.connect(weir.address)
        with peers.connect(weir.address) as next_one:
            next_one.sendall(b"next")
            peers.reset(gone)
            weir.close_line(by="client", reason="reset")
            far.close()
            assert peers.end_of(first) == "fin"
            first.close()
            with server.accept() as sock:
                assert peers.read_exactly(sock, 4) == b"next"


def test_a_unix_client_that_closes_in_the_queue_keeps_its_place(folder):
    """Its close is a FIN: once a place is free, the server gets what the client sent, and then serves the next."""
    with full_server(folder, 1, queue=LONG, transport="unix") as (weir, server), \
            peers.connect(weir.address) as first, server.accept() as far:
        with peers.connect(weir.address) as gone:
            gone.sendall(b"gone")
        with peers.connect(weir.address) as next_one:
            next_one.sendall(b"next")
            assert_accepts_nothing(server)
            far.close()
            assert peers.end_of(first) == "fin"
            first.close()
            with server.accept() as sock:
                assert peers.read_end(sock)[0] == b"gone"
            with server.accept() as sock:
                assert peers.read_exactly(sock, 4) == b"next"


def test_a_reload_with_more_places_serves_those_who_wait(folder):
    with full_server(folder, 1, queue=LONG) as (weir, server), \
            peers.connect(weir.address), server.accept(), peers.connect(weir.address) as waiting:
        waiting.sendall(b"wait")
        assert_accepts_nothing(server)
        changed = {**weir.settings, "upstreams": [{
            **weir.settings["upstreams"][0],
            "servers": [{**weir.settings["upstreams"][0]["servers"][0], "max_pairs": 2}]}]}
        weir.configure(changed)
        weir.signal(signal.SIGHUP)
        with server.accept() as sock:
            assert peers.read_exactly(sock, 4) == b"wait"
