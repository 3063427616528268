# SPDX-License-Identifier: ISC
"""TCP Fast Open, in a network of the test's own, where the kernel lets servers have it."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess

import pytest

from weirtest import peers
from weirtest.rig import relay

CLONE_NEWNET = 0x40000000
TCP_FASTOPEN, SYN_DATA = 23, 32  # TCPI_OPT_SYN_DATA
LIBC = ctypes.CDLL(None, use_errno=True)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network of one's own takes root")


@pytest.fixture(autouse=True)
def own_network():
    """The processes and threads that the test starts have it, too."""
    with open("/proc/self/ns/net", "rb") as before:
        assert LIBC.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            with open("/proc/sys/net/ipv4/tcp_fastopen", "w", encoding="ascii") as file:
                file.write("3")
            yield
        finally:
            assert LIBC.setns(before.fileno(), CLONE_NEWNET) == 0


def had_syn_data(sock):
    return bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5] & SYN_DATA)


def client_with_data(to):
    """A client whose first bytes go out in its SYN, once it has a cookie."""
    sock = peers.prepare(to.socket())
    sock.settimeout(None)  # with a timeout it would say that it is under way
    assert sock.sendto(b"hello", socket.MSG_FASTOPEN, to.sockaddr) == 5
    return sock


@pytest.mark.parametrize("where", ("listener", "top"))
def test_a_listener_takes_data_in_the_syn(where):
    options = {"fastopen": 16}
    with relay(**({"listener": {"socket": options}} if where == "listener" else {"socket": options})) as rig:
        for is_known in (False, True):
            with client_with_data(rig.weir.address) as client, rig.upstream.accept() as server:
                assert peers.read_exactly(server, 5) == b"hello"
                server.sendall(b"world")
                assert peers.read_exactly(client, 5) == b"world"
                assert had_syn_data(client) == is_known


def pair_that_sends_first(rig, data):
    """A client whose bytes are there before weir accepts it, and its server."""
    rig.weir.signal(signal.SIGSTOP)
    client = peers.connect(rig.weir.address)
    client.sendall(data)
    rig.weir.signal(signal.SIGCONT)
    return client, rig.upstream.accept()


def test_what_a_client_has_sent_goes_out_in_the_syn_to_its_server():
    data = bytes(range(256)) * 64  # more than fits
    with relay(upstream_settings={"socket": {"fastopen": "on"}}) as rig:
        rig.upstream.sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
        for is_known in (False, True, True):
            client, server = pair_that_sends_first(rig, data)
            with client, server:
                assert peers.read_exactly(server, len(data)) == data
                assert had_syn_data(server) == is_known
                server.sendall(data)
                assert peers.read_exactly(client, len(data)) == data
                peers.fin(client)
                assert server.recv(1) == b""


def test_a_server_that_speaks_first_is_connected_as_ever():
    with relay(upstream_settings={"socket": {"fastopen": "on"}}) as rig:
        rig.upstream.sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
        for _ in range(3):
            client, server = pair_that_sends_first(rig, b"a cookie")
            client.close()
            server.close()
        with contextlib.closing(rig.client()) as client, rig.upstream.accept() as server:
            server.sendall(b"220 hello")
            assert peers.read_exactly(client, 9) == b"220 hello"
            assert not had_syn_data(server)


def test_a_server_that_is_gone_resets_the_pair():
    with relay(upstream_settings={"socket": {"fastopen": "on"}}) as rig:
        rig.upstream.sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
        client, server = pair_that_sends_first(rig, b"a cookie")
        client.close()
        server.close()
        rig.upstream.close()
        rig.weir.signal(signal.SIGSTOP)
        with peers.connect(rig.weir.address) as client:
            client.sendall(b"data")
            rig.weir.signal(signal.SIGCONT)
            assert peers.read_end(client) == (b"", "rst")
