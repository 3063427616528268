# SPDX-License-Identifier: ISC
"""
PROXY headers for servers: weir announces each client to each server, with a whole header before its first byte;
and programs that often read such headers believe them.
"""

import contextlib
import os
import socket

import pytest

from weirtest import address, announced, neighbours, peers, wait
from weirtest.daemon import Free, Weir
from weirtest.house import listener, upstream
from weirtest.rig import relay

KINDS = ("tcp4", "tcp6", "unix")
VERSIONS = ("v1", "v2")
TLVS = ["authority", "alpn", "unique_id", "crc32c", "received"]


def sends(version, *servers, name="app", **more):
    return {**upstream(*servers, name=name), "send_proxy": version, **more}


def names(client):
    """The addresses of both ends of a client's connection, as weir writes them."""
    return tuple(f"unix:{one}" if client.family == socket.AF_UNIX else address.tcp(*one[:2]).text
                 for one in (client.getsockname(), client.getpeername()))


# ---- each client to each server


def test_each_client_is_announced_to_each_server():
    """Over TCP and UNIX on either side, in both versions. A client's FIN may come before the server is connected."""
    with contextlib.ExitStack() as stack:
        weir = Weir({})
        ways = {}
        for server_kind in KINDS:
            server = stack.enter_context(contextlib.closing(peers.Upstream(server_kind, weir.folder)))
            for client_kind in KINDS:
                for version in VERSIONS:
                    ways[f"{client_kind}-{server_kind}-{version}"] = (Free(client_kind), server, version)
        weir.settings = {
            "workers": 1,
            "listeners": [listener(name, free, name) for name, (free, _, _) in ways.items()],
            "upstreams": [sends(version, server, name=name) for name, (_, server, version) in ways.items()]}
        stack.enter_context(weir)
        for name, (free, server, version) in ways.items():
            bind = address.unix(os.path.join(weir.folder, f"{name}.client")) if free.address.is_unix else None
            with peers.connect(free.address, bind=bind) as client:
                client.sendall(b"ping")
                peers.fin(client)
                with server.accept() as accepted:
                    header = announced.read(accepted)
                    expected = (None, None) if free.address.is_unix and version == "v1" else names(client)
                    assert (header.version, header.source, header.destination) == \
                        (int(version[1]), *expected), name
                    assert peers.read_end(accepted) == (b"ping", "fin"), name
            assert weir.close_line(listener=name, reason="eof")["bytes_up"] == "4"


def test_a_silent_client_is_announced_at_once():
    with relay(upstream_settings={"send_proxy": "v2", "send_proxy_tlvs": TLVS}) as rig:
        client, server = rig.pair()
        header = announced.read(server)
        assert (header.source, header.destination) == names(client)
        assert header.tlvs.keys() == {announced.UNIQUE_ID, announced.CRC32C}
        server.sendall(b"220 ready")
        assert peers.read_exactly(client, 9) == b"220 ready"
        peers.fin(client)
        assert server.recv(1) == b""
        server.close()
        line = rig.weir.close_line(reason="eof")
        assert (line["bytes_up"], line["unique_id"]) == ("0", header.tlvs[announced.UNIQUE_ID].decode())
        assert line["unique_id"].endswith(f"-{line['pair']}")


@pytest.mark.parametrize("kind", ("tcp4", "unix"))
def test_a_server_that_takes_a_byte_at_a_time_gets_all(kind):
    """It gets the whole header, then the client's bytes, copied and spliced, which are far more than its buffer."""
    payload = bytes(range(256)) * 8192
    with relay(upstream=kind, rcvbuf=1, upstream_settings={"send_proxy": "v2"}) as rig:
        client = rig.client()
        client.settimeout(0)
        sent = client.send(payload)
        server = rig.accept()
        header = announced.read(one_by_one(server))
        assert (header.source, header.destination) == names(client)
        got = bytes(peers.read_exactly(server, 1)[0] for _ in range(2000))
        client.settimeout(server.gettimeout())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        while len(got) < len(payload):
            if sent < len(payload):
                sent += client.send(payload[sent:sent + 65536])
            got += server.recv(65536)
        assert got == payload


class one_by_one:  # noqa: N801
    """A socket that is read one byte at a time."""

    def __init__(self, sock):
        self._sock = sock

    def recv(self, _):
        return self._sock.recv(1)


def test_a_server_that_resets_for_it_is_ejected():
    """The client has sent no byte, and the header does not count as one."""
    eject = {"failures": 3, "within": "1m", "for": "1m"}
    with contextlib.ExitStack() as stack:
        weir = Weir({})
        bad = stack.enter_context(contextlib.closing(
            peers.Server("tcp4", weir.folder, lambda sock: (announced.read(sock), peers.reset(sock)))))
        good = stack.enter_context(contextlib.closing(peers.Upstream("tcp4", weir.folder)))
        weir.settings = {"workers": 1, "listeners": [listener("web", Free("tcp4"))],
                         "upstreams": [sends("v1", bad, good, eject=eject)]}
        stack.enter_context(weir)
        for _ in range(3):
            with peers.connect(weir.address) as client:
                assert peers.end_of(client) == "rst"
        weir.record("server_ejected", server=str(bad), why="reset")
        with peers.connect(weir.address) as client, good.accept() as server:
            assert announced.read(server).source == names(client)[0]


# ---- programs that read headers


BELIEVERS = (
    (neighbours.haproxy, {"options": "send-proxy", "bind": "accept-proxy"}),
    (neighbours.nginx, {"more": "proxy_protocol on; set_real_ip_from 0.0.0.0/0; set_real_ip_from ::/0; "
                              "set_real_ip_from unix:;",
                        "listen": "proxy_protocol"}),
)


def source_told(sock):
    """The client's address in the header. If nginx was reached over UNIX, it writes its path as the other address."""
    begin = sock.recv(107, socket.MSG_PEEK)
    if b" unix:" not in begin:
        return announced.read(sock).source
    line = peers.read_exactly(sock, begin.index(b"\r\n") + 2).decode()
    _, _, host, _, port, _ = line.split()
    return address.tcp(host, int(port)).text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("believer", BELIEVERS, ids=("haproxy", "nginx"))
def test_haproxy_and_nginx_believe_it(believer, version):
    """They announce weir's client to the server behind them, and the answers reach that client."""
    run, options = believer
    clients = {"tcp4": "tcp4", "tcp6": "tcp6", "unix": "tcp6"}  # clients without a name would be announced as nobody
    check = {"every": "100ms", "timeout": "5s", "send": "check", "expect": "check"}
    seen = []

    def serve(sock):
        source = source_told(sock)
        data = sock.recv(4096)
        seen.append((source, data))
        sock.sendall(data)
        sock.recv(1)

    with contextlib.ExitStack() as stack:
        weir = Weir({})
        behind = stack.enter_context(contextlib.closing(peers.Server("tcp4", weir.folder, serve)))
        between = {kind: stack.enter_context(run(behind.address, transport=kind, **options)) for kind in KINDS}
        tlvs = {"send_proxy_tlvs": TLVS} if version == "v2" else {}
        weir.settings = {"workers": 1, "listeners": [listener(kind, Free(clients[kind]), kind) for kind in between],
                         "upstreams": [sends(version, one, name=kind, check=check, **tlvs)
                                       for kind, one in between.items()]}
        stack.enter_context(weir)
        for one in weir.settings["listeners"]:
            with peers.connect(one["listen"].address) as client:
                client.sendall(b"ping")
                assert peers.read_exactly(client, 4) == b"ping"
                assert (names(client)[0], b"ping") in seen
        # weir's checks also reach the server, and announce nobody.
        wait.until(lambda: sum(data == b"check" for _, data in seen) >= 9, "checks")
        assert not weir.records("server_down")


def test_a_chain_of_three_keeps_the_first_client():
    """Three weirs, over TCP of both families and UNIX: each adds the TLVs of its config, and keeps those it got."""
    believes = {"accept_proxy": ["any"]}
    tlvs = {"send_proxy_tlvs": TLVS}
    with contextlib.ExitStack() as stack:
        weirs = [Weir({}) for _ in range(3)]
        server = stack.enter_context(contextlib.closing(peers.Upstream("tcp6", weirs[2].folder)))
        to = server
        for weir, kind, options in ((weirs[2], "unix", believes), (weirs[1], "tcp4", believes), (weirs[0], "tcp6", {})):
            weir.settings = {"workers": 1, "listeners": [listener("web", Free(kind), **options)],
                             "upstreams": [sends("v2", to, **tlvs)]}
            stack.enter_context(weir)
            to = weir.address
        for sent in (b"ping", b""):  # the second client sends nothing
            with peers.connect(to) as client:
                ends = names(client)
                client.sendall(sent)
                with server.accept() as accepted:
                    header = announced.read(accepted)
                    assert (header.source, header.destination) == ends
                    assert header.tlvs.keys() == {announced.UNIQUE_ID, announced.CRC32C}
                    accepted.sendall(b"hello")
                    assert peers.read_exactly(client, 5) == b"hello"
                    peers.fin(client)
                    assert peers.read_end(accepted) == (sent, "fin")
            lines = [weir.close_line(client=ends[0]) for weir in weirs]
            # All three have the same id, which the first one made.
            assert {line["unique_id"] for line in lines} == {header.tlvs[announced.UNIQUE_ID].decode()}
            assert header.tlvs[announced.UNIQUE_ID].endswith(f"-{lines[0]['pair']}".encode())


def test_a_chain_hands_on_what_another_proxy_has_told():
    """The header has TLVs of its own: v2 passes them on, v1 has only the addresses."""
    mine = bytes.fromhex("0d0a0d0a000d0a515549540a 21 11 0023 c0000207 c6336401 9c40 01bb "
                         "020006 612e74657374 010002 6832 e00001 ff 050002 3769".replace(" ", ""))
    with contextlib.ExitStack() as stack:
        weir = Weir({})
        two, one = (stack.enter_context(contextlib.closing(peers.Upstream("tcp4", weir.folder))) for _ in range(2))
        weir.settings = {
            "workers": 1,
            "listeners": [listener("two", Free("tcp4"), "two", accept_proxy=["any"]),
                          listener("one", Free("unix"), "one", accept_proxy=["unix"])],
            "upstreams": [sends("v2", two, name="two", send_proxy_tlvs=TLVS), sends("v1", one, name="one")]}
        stack.enter_context(weir)
        for free, server in zip([each["listen"] for each in weir.settings["listeners"]], (two, one)):
            with peers.connect(free.address) as client:
                client.sendall(mine + b"ping")
                with server.accept() as accepted:
                    header = announced.read(accepted)
                    assert (header.source, header.destination) == ("192.0.2.7:40000", "198.51.100.1:443")
                    header.tlvs.pop(announced.CRC32C, None)
                    assert header.tlvs == ({announced.AUTHORITY: b"a.test", announced.ALPN: b"h2", 0xe0: b"\xff",
                                            announced.UNIQUE_ID: b"7i"} if server is two else {})
                    assert peers.read_exactly(accepted, 4) == b"ping"
        assert weir.close_line(listener="two")["unique_id"] == "7i"


# ---- checks


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_check_is_nobodys(kind, version):
    """The header of a check is LOCAL, or in v1 has the check's own addresses; what the check sends follows it."""
    check = {"every": "50ms", "timeout": "5s", "send": "PING", "expect": "PONG"}
    with relay(upstream=kind, upstream_settings={"send_proxy": version, "check": check}) as rig:
        with rig.accept() as server:
            header = announced.read(server)
            assert peers.read_exactly(server, 4) == b"PING"
            if version == "v2":
                assert header.local and header.source is None
            elif kind == "unix":
                assert header.source is None
            else:
                assert (header.source, header.destination) == names(server)[::-1]
            server.sendall(b"PONG")
            assert peers.end_of(server) in peers.abort_of(server)
        rig.upstream.close()
        rig.weir.record("server_down")
