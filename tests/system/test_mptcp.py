# SPDX-License-Identifier: ISC
"""Multipath TCP, with peers that have it and peers that do not, and on a kernel that has none."""

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import threading
import time

import pytest

from weirtest import peers, wait
from weirtest.clock import within
from weirtest.house import house, listener, upstream

IPPROTO_MPTCP, SO_PROTOCOL, SOL_MPTCP, MPTCP_INFO, FALLBACK = 262, 38, 284, 1, 1
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
ON = {"socket": {"mptcp": "on"}}


def kernel_has_it():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
    except OSError:
        return False
    return True


needs_kernel = pytest.mark.skipif(not kernel_has_it(), reason="the kernel has no Multipath TCP")


def tcp(protocol):
    return peers.prepare(socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol))


def is_multipath(sock):
    """Whether both ends use Multipath TCP, and have not fallen back to TCP."""
    if sock.getsockopt(socket.SOL_SOCKET, SO_PROTOCOL) != IPPROTO_MPTCP:
        return False
    try:
        info = sock.getsockopt(SOL_MPTCP, MPTCP_INFO, 16)
    except OSError:
        return False
    return not struct.unpack_from("I", info, 8)[0] & FALLBACK


class Rig:
    """A weir with one listener, and one server of this protocol."""

    def __init__(self, here, server):
        self.here, self.server, self.to = here, server, here.weir.address

    def client(self, protocol):
        sock = tcp(protocol)
        sock.connect(self.to.sockaddr)
        return sock

    def pair(self, protocol):
        client = self.client(protocol)
        server, _ = self.server.accept()
        return client, peers.prepare(server)


@contextlib.contextmanager
def rig(server_protocol=IPPROTO_MPTCP, options=None, more=None, **settings):
    options = ON if options is None else options
    with contextlib.closing(tcp(server_protocol)) as server, house(**settings) as here:
        server.bind(("127.0.0.1", 0))
        server.listen()
        made = Rig(here, server)
        here.weir.settings = here.settings(
            listeners=[listener("web", str(here.weir.address), **{**options, **(more or {})})],
            upstreams=[{**upstream(f"127.0.0.1:{server.getsockname()[1]}"), **options}])
        here.reload()
        yield made


def send_and_read(sender, reader, data):
    thread = threading.Thread(target=sender.sendall, args=(data,), daemon=True)
    thread.start()
    assert peers.read_exactly(reader, len(data)) == data
    thread.join()


@needs_kernel
@pytest.mark.parametrize("client_protocol", [IPPROTO_MPTCP, 0])
@pytest.mark.parametrize("server_protocol", [IPPROTO_MPTCP, 0])
def test_each_side_is_multipath_where_its_peer_is(client_protocol, server_protocol):
    data = bytes(range(256)) * 8192
    with rig(server_protocol) as here:
        client, server = here.pair(client_protocol)
        with client, server:
            send_and_read(client, server, data)
            send_and_read(server, client, data)
            assert is_multipath(client) == (client_protocol == IPPROTO_MPTCP)
            assert is_multipath(server) == (server_protocol == IPPROTO_MPTCP)
            peers.fin(client)
            assert server.recv(1) == b""
            send_and_read(server, client, data)
            peers.fin(server)
            assert peers.read_end(client) == (b"", "fin")
        here.here.weir.record("close", reason="eof")


@needs_kernel
@pytest.mark.parametrize("protocol", [IPPROTO_MPTCP, 0])
def test_a_reset_travels_both_ways(protocol):
    with rig(protocol) as here:
        for end, other in ((0, 1), (1, 0)):
            pair = here.pair(protocol)
            with pair[0], pair[1]:
                send_and_read(pair[0], pair[1], b"hello")
                peers.reset(pair[end])
                assert peers.read_end(pair[other]) == (b"", "rst")


@needs_kernel
def test_urgent_bytes_of_a_client_without_it_stay_in_their_place():
    with rig() as here:
        client, server = here.pair(0)
        with client, server:
            client.sendall(b"one")
            client.send(b"!", socket.MSG_OOB)
            client.sendall(b"two")
            assert peers.read_exactly(server, 7) == b"one!two"


@needs_kernel
@pytest.mark.parametrize("protocol", [IPPROTO_MPTCP, 0])
def test_a_header_is_read_and_sent(protocol):
    with rig(protocol, more={"accept_proxy": ["any"]}) as here:
        here.here.reload(upstreams=[{**here.here.weir.settings["upstreams"][0], "send_proxy": "v1"}])
        client = here.client(protocol)
        client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\nhello")
        server = peers.prepare(here.server.accept()[0])
        with client, server:
            expected = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\nhello"
            assert peers.read_exactly(server, len(expected)) == expected


@needs_kernel
def test_who_reads_slowly_is_not_stuck_and_who_reads_nothing_is():
    with rig(timeouts={"write_stall": "600ms", "idle": "1h"}) as here:
        client, server = here.pair(IPPROTO_MPTCP)
        with client, server:
            client.setblocking(False)
            last, n = time.monotonic(), 0
            end = last + 1.8
            while last < end:
                begin = time.monotonic()
                with within(last, 0.5):
                    with contextlib.suppress(BlockingIOError):
                        client.send(bytes(1 << 20))
                    n += len(server.recv(65536))
                last = begin
                time.sleep(0.05)
            with contextlib.suppress(BlockingIOError):
                while True:
                    client.send(bytes(1 << 20))
            here.here.weir.record("close", reason="write_stall")
            assert n > 0


@needs_kernel
def test_a_reload_changes_the_protocol_of_an_address():
    with rig(options={}) as here:
        settings = here.here.weir.settings
        for is_on in (False, True, False):
            here.here.reload(listeners=[{**settings["listeners"][0], "socket": {"mptcp": "on" if is_on else "off"}}])
            wait.until(lambda: accepted_as(here) == is_on, "the new sockets alone")
            for _ in range(20):
                assert accepted_as(here) == is_on


def accepted_as(here):
    client, server = here.pair(IPPROTO_MPTCP)
    with client, server:
        send_and_read(client, server, b"ping")
        return is_multipath(client)


@pytest.mark.root
def test_without_it_in_the_kernel_it_is_told_and_tcp():
    with open("/proc/self/ns/net", "rb") as before:
        assert LIBC.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            if os.path.exists("/proc/sys/net/mptcp/enabled"):
                with open("/proc/sys/net/mptcp/enabled", "w", encoding="ascii") as file:
                    file.write("0")
            with rig(0, socket=ON["socket"]) as here:
                for owner, name in (("listener", "web"), ("upstream", "app")):
                    line = here.here.weir.record("socket_option_cut", **{owner: name, "option": "mptcp"})
                    assert "net.mptcp.enabled" in line["remedy"]
                client, server = here.pair(0)
                with client, server:
                    client.sendall(b"one")
                    client.send(b"!", socket.MSG_OOB)
                    assert peers.read_exactly(server, 4) == b"one!"
        finally:
            assert LIBC.setns(before.fileno(), CLONE_NEWNET) == 0
