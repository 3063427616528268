# SPDX-License-Identifier: ISC
"""Pairs whose server is the listener they came from, directly or by others, are refused before weir connects."""

import contextlib
import os
import socket

import pytest

from weirtest import names, peers
from weirtest.address import TRANSPORTS, tcp
from weirtest.daemon import Free, Weir

# (the listener's address, its server's address; "{}" is the port)
SELF = {
    "0.0.0.0": ("127.0.0.1:{}", "0.0.0.0:{}"),
    "all_zeros_v6": ("[::1]:{}", "[::]:{}"),
    "name": ("127.0.0.1:{}", "localhost:{}"),
    "name_to_wildcard": ("0.0.0.0:{}", "localhost:{}"),
}


def daemon(listeners, **options):
    """listeners: {name: (listen, server)}."""
    weir = Weir({}, **options)
    weir.settings = {
        "workers": 2, "max_pairs": 50,
        "listeners": [{"name": name, "listen": listen, "upstream": name}
                      for name, (listen, _) in listeners.items()],
        "upstreams": [{"name": name, "servers": [{"address": server}]}
                      for name, (_, server) in listeners.items()],
    }
    return weir


def assert_refused(weir, to, listener):
    """One client makes as many pairs as there are listeners in the circle; the last of these is refused."""
    with contextlib.suppress(ConnectionResetError), peers.connect(to) as client:
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    closed = weir.close_line(by="weir", reason="error")
    assert (closed["listener"], closed["errno"]) == (listener, "ELOOP")
    assert "leads back" in closed["tried"] and "leads back" in closed["error"]
    return closed


def free_port():
    """A port that was free on every address just now; weir fails to start if another process takes it first."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", 0))
        return sock.getsockname()[1]


@pytest.mark.parametrize("case", SELF)
def test_a_pair_to_its_own_listener_is_refused(case):
    listen, server = SELF[case]
    port = free_port()
    with daemon({"a": (listen.format(port), server.format(port))}) as weir:
        assert_refused(weir, tcp("::1" if listen.startswith("[") else "127.0.0.1", port), "a")
        assert len(weir.records("close")) == 1, "it is refused before it connects"


@pytest.mark.parametrize("order", ("first", "second"))
def test_a_circle_of_two_listeners_is_refused(order):
    one, two = free_port(), free_port()
    with daemon({"a": (f"127.0.0.1:{one}", f"0.0.0.0:{two}"), "b": (f"*:{two}", f"localhost:{one}")}) as weir:
        entry, last = (one, "b") if order == "first" else (two, "a")
        assert_refused(weir, tcp("127.0.0.1", entry), last)
        assert len(weir.records("close")) <= 2


def test_a_circle_of_three_listeners_is_refused_again_and_again():
    ports = [free_port() for _ in range(3)]
    circle = {name: (f"127.0.0.1:{port}", f"127.0.0.1:{ports[nth - 2]}")
              for nth, (name, port) in enumerate(zip("abc", ports))}
    with daemon(circle) as weir:
        for _ in range(3):
            assert_refused(weir, tcp("127.0.0.1", ports[0]), "c")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_chain_through_another_listener_is_legal(transport):
    server = peers.Upstream("tcp4", None)
    inner = Free(transport)
    with contextlib.closing(server), daemon({"inner": (inner, server), "outer": (Free("tcp4"), inner)}) as weir:
        outer = weir.settings["listeners"][1]["listen"].address
        for _ in range(3):
            with peers.connect(outer) as client, server.accept() as far:
                client.sendall(b"through two")
                assert peers.read_exactly(far, 11) == b"through two"
        assert not [one for one in weir.records("close") if one["reason"] == "error"]


def test_an_address_that_somebody_else_listens_on_is_a_server(folder):
    """The server has the listener's port, but another address of this machine: that is no circle."""
    other = peers.Upstream(None, None, at=tcp("127.0.3.1", 0))
    port = other.address.sockaddr[1]
    with contextlib.closing(other), daemon({"a": (f"127.0.3.2:{port}", f"127.0.3.1:{port}")}) as weir:
        with peers.connect(tcp("127.0.3.2", port)) as client, other.accept() as far:
            client.sendall(b"x")
            assert far.recv(1) == b"x"


@pytest.mark.parametrize("way", ("link", "hard_link", "dots"))
def test_a_unix_circle_is_refused_by_whatever_path(way, folder):
    path = os.path.join(folder, "a.sock")
    other = {"link": os.path.join(folder, "link"), "hard_link": os.path.join(folder, "hard"),
             "dots": os.path.join(folder, ".", "a.sock")}[way]
    with daemon({"a": (f"unix:{path}", f"unix:{other}")}) as weir:
        if way == "link":
            os.symlink(path, other)
        elif way == "hard_link":
            os.link(path, other)
        with contextlib.suppress(ConnectionResetError), socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.settimeout(30)
            assert client.recv(1) == b""
        closed = weir.close_line(by="weir", reason="error", errno="ELOOP")
        assert closed["listener"] == "a" and len(weir.records("close")) == 1


@pytest.mark.parametrize("kind", ("tcp4", "tcp6", "unix", "abstract"))
def test_an_inherited_socket_is_known_as_ones_own(kind, folder):
    sock = peers.Upstream(kind, folder)
    with daemon({"a": ("systemd:web", sock.address.text)}, passed=[("web", sock.sock)]) as weir:
        closed = assert_refused(weir, sock.address, "a")
        assert closed


def test_a_reload_knows_the_new_sockets():
    one, two = free_port(), free_port()
    server = peers.Upstream("tcp4", None)
    with contextlib.closing(server), daemon({"a": (f"127.0.0.1:{one}", server)}, control=True) as weir:
        after = daemon({"a": (f"127.0.0.1:{two}", f"localhost:{two}")})
        assert weir.reload(after.settings).returncode == 0
        assert_refused(weir, tcp("127.0.0.1", two), "a")


@pytest.mark.root
def test_an_own_address_is_asked_of_the_kernel(folder):
    """The listener is a wildcard: an address of this machine is a circle, any other is a server elsewhere."""
    island = names.Island(folder, setup="ip addr add 192.0.2.1/32 dev lo && ip route add 198.51.100.1 dev lo")
    path = {one: os.path.join(folder, one) for one in ("own", "far")}
    weir = Weir({}, prefix=island.prefix)
    weir.settings = {
        "workers": 1, "timeouts": {"connect": "200ms"},
        "listeners": [{"name": name, "listen": [f"unix:{path[name]}", f"*:{port}"], "upstream": name}
                      for name, port in (("own", 8001), ("far", 8002))],
        "upstreams": [{"name": "own", "servers": [{"address": "192.0.2.1:8001"}]},
                      {"name": "far", "servers": [{"address": "198.51.100.1:8002"}]}],
    }
    with weir:
        for name, reason in (("own", "error"), ("far", "connect_timeout")):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path[name])
                assert weir.close_line(listener=name)["reason"] == reason
