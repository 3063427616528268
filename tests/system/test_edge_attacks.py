# SPDX-License-Identifier: ISC
"""Rare cases at the edge: limits, rates, timers and queues that interfere with each other."""

import contextlib
import select
import socket
import time

import pytest

from weirtest import address, announced, peers, transfer, wait
from weirtest.asking import get
from weirtest.clock import within
from weirtest.house import exchange, house
from weirtest.rig import relay
from weirtest.settings import LATE

MIB = 1 << 20


@pytest.mark.parametrize("workers", (1, pytest.param(4, marks=pytest.mark.workers)))
def test_half_headers_on_all_descriptors_hold_others_up_until_their_time(workers):
    """Clients that do not finish their header take all places; the next one is served when they have timed out."""
    with relay(servers=[lambda *where: peers.Server(*where, peers.echo)], workers=workers,
               daemon={"prefix": ("prlimit", "--nofile=120:120")}, timeouts={"preface": "1s"},
               listener={"accept_proxy": ["127.0.0.2"]}) as rig:
        most = int(rig.weir.record("ready")["max_pairs"])
        with within(time.monotonic(), 1):
            silent = [rig.client(bind=address.tcp("127.0.0.2", 0)) for _ in range(most + 20)]
            for sock in silent:
                sock.sendall(b"PROXY TCP4 ")
        exchange(rig.client())
        assert {peers.end_of(sock) for sock in silent} == {"rst"}
        exchange(rig.client())


@pytest.mark.parametrize("splice", ("auto", "off"))
def test_a_rate_holds_back_what_comes_behind_a_half_close(splice, report):
    """The client has sent its FIN. The answer arrives whole, no faster than the rate; half_close does not cut it."""
    size = 4 * MIB
    with relay(listener={"rate": {"down": "4M/s"}}, relay={"splice": splice},
               timeouts={"half_close": "600ms", "idle": "600ms"}) as rig:
        with within(time.monotonic(), 0.6):
            client, server = rig.pair()
            client.sendall(b"ask")
            peers.fin(client)
            assert peers.read_end(server)[0] == b"ask"
            start = time.monotonic()
            sent = transfer.Task(transfer.send_hashed, server, transfer.Payload(size))
            assert client.recv(1, socket.MSG_PEEK)
        received, count = transfer.receive_hashed(client)
        took = time.monotonic() - start
        assert (received, count) == (sent.result(), size)
        rig.weir.record("close", reason="eof", by="client")
    assert 0.85 < took < 1 + LATE
    report(f"4 MiB at 4 MiB/s behind a half-close, splice {splice}: {took:.3f} s")


def test_a_client_that_is_not_read_is_not_idle():
    """idle_client stands still while the server reads nothing, and runs once weir reads from the client again."""
    with relay(timeouts={"idle_client": "1s"}, rcvbuf=4096) as rig:
        last = time.monotonic()
        client, server = rig.pair()
        client.setblocking(False)
        sent = 0
        # We send until nothing moves any more: then weir has stopped reading from the client.
        while True:
            try:
                with within(last, 1):
                    sent += client.send(b"x" * 65536)
            except BlockingIOError:
                if wait.holds(lambda: not _writable(client), 0.3):
                    break
            last = time.monotonic()
        assert wait.holds(lambda: True, 1.5)
        start = time.monotonic()
        client.setblocking(True)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
        with within(start, 1):
            assert len(peers.read_exactly(server, sent)) == sent
        rig.weir.record("close", reason="idle_client")
        assert time.monotonic() - start >= 1


def _writable(sock):
    return bool(select.select([], [sock], [], 0)[1])


@pytest.mark.parametrize("version", ("v1", "v2"))
def test_a_server_that_comes_late_is_told_its_client_once(version, folder):
    """retry_for: many connects fail first, and the server gets one header, not one for each of them."""
    refusing = peers.RefusingUpstream("tcp4", folder)
    refusing.close()
    with relay(servers=[str(refusing.address)],
               upstream_settings={"send_proxy": version, "retry_for": "1m"}) as rig:
        client = rig.client()
        client.sendall(b"early")
        assert wait.holds(lambda: True, 0.5)
        with contextlib.closing(peers.Upstream(None, None, at=refusing.address)) as late, late.accept() as server:
            header = announced.read(server)
            assert header.source == "127.0.0.1:%d" % client.getsockname()[1]
            assert peers.read_exactly(server, 5) == b"early"
            server.sendall(b"answer")
            assert peers.read_exactly(client, 6) == b"answer"
            client.sendall(b"more")
            assert peers.read_exactly(server, 4) == b"more"


def test_a_check_of_ones_own_listener_makes_no_circle():
    """A check is a client like any other: each check makes one pair, and no pair makes a check."""
    with house() as here:
        app, = here.weir.settings["upstreams"]
        server = {**app["servers"][0], "check": {"address": str(here.weir.address)}}
        start = time.monotonic()
        here.reload(upstreams=[{**app, "servers": [server], "check": {"every": "200ms"}}])
        assert wait.holds(lambda: True, 2)
        status = get(here.weir, "/v1/status")
        assert status["pairs"]["accepted"] <= (time.monotonic() - start) / 0.2 + 3
        assert status["servers"] == {"usable": 1, "all": 1}
        exchange(here.client())
