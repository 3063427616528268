# SPDX-License-Identifier: ISC
"""Servers that refuse, do not answer, are missing or have no address; and the servers that are tried next."""

import os
import time

import pytest

from weirtest import address, names, peers, transfer
from weirtest.address import TRANSPORTS
from weirtest.rig import relay
from weirtest.settings import LATE, scaled

NOWHERE = f"{names.UNRESOLVABLE}:80"
CLIENTS = pytest.mark.parametrize("client", TRANSPORTS)
UPSTREAMS = pytest.mark.parametrize("upstream", TRANSPORTS)


def missing(transport, folder):
    """A UNIX path that does not exist."""
    del transport
    upstream = peers.Upstream("unix", folder)
    upstream.close()
    os.unlink(upstream.address.sockaddr)
    return upstream


# kind: (server, does the connect timer strike, errno)
DEAD = {
    "refused": (peers.RefusingUpstream, False, "ECONNREFUSED"),
    "black_holed": (peers.BlackHole, True, "ETIMEDOUT"),
    "unresolvable": (NOWHERE, False, None),
    "missing": (missing, False, "ENOENT"),
}


def assert_aborted(rig, early=b""):
    """A client connects, and sees a reset: while it connects, while it sends, or when it reads."""
    try:
        sock = rig.client()
        sock.sendall(early)
    except (ConnectionResetError, BrokenPipeError):
        return
    assert peers.end_of(sock) in peers.abort_of(sock)


@UPSTREAMS
@CLIENTS
@pytest.mark.parametrize("early", (b"", b"early bytes"), ids=("silent", "early_bytes"))
def test_refused(client, upstream, early):
    with relay(client, upstream, servers=[peers.RefusingUpstream]) as rig:
        assert_aborted(rig, early)
        closed = rig.weir.close_line(reason="connect_failed", by="upstream")
        assert closed["errno"] == "ECONNREFUSED" and closed["error"]
        assert rig.upstream.address.text in closed["tried"]
        assert not closed.get("server")
        assert (closed["bytes_up"], closed["bytes_down"]) == ("0", "0")


@UPSTREAMS
@CLIENTS
def test_black_holed(client, upstream, report):
    with relay(client, upstream, servers=[peers.BlackHole], timeouts={"connect": "300ms"}) as rig:
        start = time.monotonic()
        assert_aborted(rig)
        waited = time.monotonic() - start
        closed = rig.weir.close_line(reason="connect_timeout", by="upstream")
        assert closed["timer"] == "connect" and closed.number("late_us") >= 0
        assert rig.upstream.address.text in closed["tried"]
        assert 0.3 <= waited < 0.3 + LATE
        report(f"{closed['late_us']} µs late by weir's clock, "
               f"{(waited - 0.3) * 1000:.1f} ms by the client's")


def test_unresolvable():
    with relay(servers=[NOWHERE], daemon={"env": names.IMPATIENT}) as rig:
        assert_aborted(rig)
        closed = rig.weir.close_line(reason="connect_failed", by="upstream")
        assert NOWHERE in closed["tried"] and closed["error"]
        warned = [one for one in rig.weir.text().splitlines()
                  if "level=warn" in one and names.UNRESOLVABLE in one]
        assert warned, "a name that does not resolve is a warning at start"


@CLIENTS
def test_unix_upstream_missing(client):
    with relay(client, servers=[missing]) as rig:
        assert_aborted(rig)
        closed = rig.weir.close_line(reason="connect_failed", by="upstream")
        assert closed["errno"] == "ENOENT" and rig.upstream.address.text in closed["tried"]


@pytest.mark.parametrize("first", DEAD)
@pytest.mark.parametrize("client, upstream", (("tcp4", "tcp4"), ("unix", "tcp6"), ("tcp6", "unix")))
def test_next_server_gets_the_early_bytes_whole(client, upstream, first):
    """The client sends more early bytes than any buffer holds, while weir still tries the first server."""
    server, _, errno = DEAD[first]
    payload = transfer.Payload(scaled(4 << 20), seed=3)
    with relay(client, upstream, servers=[server, peers.Upstream], timeouts={"connect": "1500ms"},
               daemon={"env": names.IMPATIENT}) as rig:
        sock = rig.client()
        sender = transfer.Task(transfer.send_hashed, sock, payload)
        server = rig.accept()
        assert transfer.receive_hashed(server) == (sender.result(), payload.size)
        server.sendall(b"answer")
        peers.fin(server)
        assert peers.read_end(sock) == (b"answer", "fin")
        closed = rig.weir.close_line(reason="eof", by="client", bytes_up=payload.size)
        assert closed["server"] == rig.upstream.address.text
        assert errno is None or "tried" not in closed or closed["tried"]


LAST_DECIDES = {
    "refused_then_black_holed": (["refused", "black_holed"], "connect_timeout"),
    "black_holed_then_refused": (["black_holed", "refused"], "connect_failed"),
    "unresolvable_then_missing": (["unresolvable", "missing"], "connect_failed"),
    "three_dead": (["refused", "missing", "refused"], "connect_failed"),
}


@pytest.mark.parametrize("case", LAST_DECIDES)
def test_all_servers_dead_names_each_and_the_last_decides(case):
    kinds, reason = LAST_DECIDES[case]
    with relay(servers=[DEAD[kind][0] for kind in kinds], timeouts={"connect": "1500ms"},
               daemon={"env": names.IMPATIENT}) as rig:
        assert_aborted(rig)
        closed = rig.weir.close_line(reason=reason, by="upstream")
        for server in rig.weir.settings["upstreams"][0]["servers"]:
            assert server["address"] in closed["tried"]


@pytest.mark.root
@pytest.mark.parametrize("alive", ("127.0.0.1", "::1"))
def test_every_address_of_a_name_is_tried(alive, folder):
    """The server listens on only one of the two addresses of its name: weir reaches it in either order."""
    name, prefix = names.two_addresses(folder)
    dead = {"127.0.0.1": "::1", "::1": "127.0.0.1"}[alive]

    def both(transport, where):
        """The same port on both addresses: one listens, the other is bound and refuses."""
        del transport, where
        for _ in range(20):
            upstream = peers.Upstream(None, None, at=address.tcp(alive, 0))
            port = upstream.address.sockaddr[1]
            refusing = address.tcp(dead, port)
            upstream.refusing = refusing.socket()
            try:
                upstream.refusing.bind(refusing.sockaddr)
            except OSError:
                upstream.close()
                continue
            upstream.address.text = f"{name}:{port}"
            return upstream
        raise RuntimeError("no port that is free on both addresses")

    with relay(servers=[both], daemon={"prefix": prefix}) as rig:
        sock = rig.client()
        payload = transfer.Payload(1 << 20, seed=4)
        sender = transfer.Task(transfer.send_hashed, sock, payload)
        server = rig.accept()
        assert transfer.receive_hashed(server) == (sender.result(), payload.size)
        peers.fin(server)
        rig.weir.close_line(reason="eof", by="client")
        rig.upstream.refusing.close()


def test_server_that_comes_back_is_used_again():
    with relay(servers=[peers.RefusingUpstream]) as rig:
        assert_aborted(rig)
        rig.weir.close_line(reason="connect_failed")
        rig.upstream.sock.listen()
        rig.upstream.sock.settimeout(30)
        with rig.client() as sock, peers.prepare(rig.upstream.sock.accept()[0]) as server:
            sock.sendall(b"hello")
            assert peers.read_exactly(server, 5) == b"hello"


@pytest.mark.workers
def test_many_clients_of_a_black_hole_are_all_reset(report):
    count = scaled(400, 40)
    with relay(servers=[peers.BlackHole], workers=4, timeouts={"connect": "200ms"}) as rig:
        socks = [rig.client() for _ in range(count)]
        for sock in socks:
            assert peers.end_of(sock) == "rst"
        late = [rig.weir.record("close", nth=number, reason="connect_timeout").number("late_us")
                for number in range(count)]
        assert min(late) >= 0 and max(late) < LATE * 1e6
        report(f"{count} clients, latest {max(late)} µs")
