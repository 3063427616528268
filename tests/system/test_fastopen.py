# SPDX-License-Identifier: ISC
"""TCP Fast Open, in a network namespace of the test's own, in which servers may use it, too."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess

import pytest

from weirtest import peers
from weirtest.rig import relay
from weirtest.wait import until

CLONE_NEWNET = 0x40000000
TCP_FASTOPEN, SYN_DATA = 23, 32  # SYN_DATA is TCPI_OPT_SYN_DATA
SO_DETACH_FILTER = 27
LIBC = ctypes.CDLL(None, use_errno=True)

pytestmark = pytest.mark.root


@pytest.fixture(autouse=True)
def own_network():
    """Gives the test, and the processes and threads that it starts, a network namespace of their own."""
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
    sock.settimeout(None)  # a socket with a timeout would raise EINPROGRESS
    assert sock.sendto(b"hello", socket.MSG_FASTOPEN, to.sockaddr) == 5
    return sock


def must_take_data_in_the_syn(rig):
    """The SYN of the second client has data, since the first client got the cookie."""
    for is_known in (False, True):
        with client_with_data(rig.weir.address) as client, rig.upstream.accept() as server:
            assert peers.read_exactly(server, 5) == b"hello"
            server.sendall(b"world")
            assert peers.read_exactly(client, 5) == b"world"
            assert had_syn_data(client) == is_known


@pytest.mark.parametrize("where", ("listener", "top"))
def test_a_listener_takes_data_in_the_syn(where):
    options = {"fastopen": 16}
    with relay(**({"listener": {"socket": options}} if where == "listener" else {"socket": options})) as rig:
        must_take_data_in_the_syn(rig)


def test_a_reload_leaves_it_on_where_the_kernel_gives_it_to_all_listeners():
    with open("/proc/sys/net/ipv4/tcp_fastopen", "w", encoding="ascii") as file:
        file.write("1027")
    with relay(daemon={"control": True}) as rig:
        done = rig.weir.reload()
        assert done.returncode == 0, done.stderr
        must_take_data_in_the_syn(rig)


def pair_that_sends_first(rig, data):
    """A client whose bytes are there before weir accepts it, and its server."""
    rig.weir.signal(signal.SIGSTOP)
    client = peers.connect(rig.weir.address)
    client.sendall(data)
    rig.weir.signal(signal.SIGCONT)
    return client, rig.upstream.accept()


def test_what_a_client_has_sent_goes_out_in_the_syn_to_its_server():
    data = bytes(range(256)) * 64  # more than a SYN can carry
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


def client_that_sends_first(rig):
    rig.weir.signal(signal.SIGSTOP)
    client = peers.connect(rig.weir.address)
    client.sendall(b"data")
    rig.weir.signal(signal.SIGCONT)
    return client


def has_a_cookie(rig, upstream=None):
    """Makes weir get a cookie of this server."""
    upstream = upstream or rig.upstream
    upstream.sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
    with client_that_sends_first(rig), upstream.accept() as server:
        assert peers.read_exactly(server, 4) == b"data"
    rig.weir.record("close")


def test_a_server_that_is_gone_resets_the_pair():
    with relay(upstream_settings={"socket": {"fastopen": "on"}}) as rig:
        has_a_cookie(rig)
        rig.upstream.close()
        with client_that_sends_first(rig) as client:
            assert peers.read_end(client) == (b"", "rst")
        line = rig.weir.record("close", nth=1)
        assert (line["by"], line["reason"], line["errno"]) == ("upstream", "connect_failed", "ECONNREFUSED")


def test_a_server_that_is_gone_is_ejected():
    made = []

    def first(transport, folder):
        made.append(peers.Upstream(transport, folder))
        return made[0]

    def second(transport, folder):
        return peers.Server(transport, folder, peers.echo)

    with relay(servers=(first, second), upstream_settings={
            "socket": {"fastopen": "on"}, "balance": "first", "eject": {"failures": 2, "for": "1000s"}}) as rig:
        has_a_cookie(rig, made[0])
        made[0].close()
        for _ in range(2):
            with client_that_sends_first(rig) as client:
                assert peers.read_end(client) == (b"", "rst")
        told = rig.weir.record("server_ejected")
        assert (told["why"], told["errno"], told["failures"]) == ("connect_failed", "ECONNREFUSED", "2")
        with client_that_sends_first(rig) as client:
            assert peers.read_exactly(client, 4) == b"data"


def test_a_server_that_does_not_answer_is_given_up_in_time():
    with relay(upstream_settings={"socket": {"fastopen": "on"}}, timeouts={"connect": "400ms", "idle": "1h"}) as rig:
        has_a_cookie(rig)
        peers.vanish(rig.upstream.sock)
        with client_that_sends_first(rig) as client:
            assert peers.read_end(client) == (b"", "rst")
        line = rig.weir.record("close", nth=1)
        assert (line["by"], line["reason"], line["timer"]) == ("upstream", "connect_timeout", "connect")
        assert line.number("duration_ms") >= 400


@pytest.mark.parametrize("timer", ("idle", "lifetime"))
def test_bytes_of_a_syn_that_is_not_answered_are_in_flight(timer):
    with relay(upstream_settings={"socket": {"fastopen": "on"}}, timeouts={"connect": "1h", timer: "2s"}) as rig:
        has_a_cookie(rig)
        peers.vanish(rig.upstream.sock)
        with client_that_sends_first(rig) as client:
            assert peers.read_end(client) == (b"", "rst")
        line = rig.weir.record("close", nth=1)
        assert (line["by"], line["reason"], line.number("bytes_up")) == ("weir", timer, 4)


def test_a_server_that_has_answered_may_take_its_time():
    with relay(upstream_settings={"socket": {"fastopen": "on"}}, timeouts={"connect": "200ms", "idle": "1h"}) as rig:
        has_a_cookie(rig)
        client, server = pair_that_sends_first(rig, b"data")
        with client, server:
            assert peers.read_exactly(server, 4) == b"data" and had_syn_data(server)
            client.settimeout(1)
            with pytest.raises(TimeoutError):
                client.recv(1)
            client.settimeout(30)
            server.sendall(b"late")
            assert peers.read_exactly(client, 4) == b"late"


def has_sent_a_syn():
    with open("/proc/thread-self/net/tcp", encoding="ascii") as file:
        return any(line.split()[3] == "02" for line in file)


def test_a_fin_waits_for_the_answer_to_the_syn():
    with relay(upstream_settings={"socket": {"fastopen": "on"}}) as rig:
        has_a_cookie(rig)
        peers.vanish(rig.upstream.sock)
        rig.weir.signal(signal.SIGSTOP)
        with peers.connect(rig.weir.address) as client:
            client.sendall(b"request")
            peers.fin(client)
            rig.weir.signal(signal.SIGCONT)
            until(lambda: has_sent_a_syn() or rig.weir.records("close")[1:], "the SYN, which is lost")
            # After a second the kernel sends it again.
            rig.upstream.sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
            with rig.upstream.accept() as server:
                assert peers.read_end(server) == (b"request", "fin")
                server.sendall(b"answer")
            assert peers.read_end(client) == (b"answer", "fin")
        line = rig.weir.record("close", nth=1)
        assert (line["by"], line["reason"], line.number("bytes_up")) == ("client", "eof", 7)
