# SPDX-License-Identifier: ISC
"""
PROXY headers of clients: weir believes the clients that accept_proxy has, over each transport, whichever
program builds the header, and however slowly it comes.
"""

import contextlib
import socket
import struct
import time

import pytest

from weirtest import address, neighbours, peers, wait
from weirtest.rig import relay
from weirtest.settings import scaled

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HALF = b"PROXY TCP4 192.0.2.7 198."
EVERYBODY = {"accept_proxy": ["any"]}
EACH = pytest.mark.parametrize("transport", address.TRANSPORTS)


def v2(family, body, tlvs=b"", command=0x21):
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) + len(tlvs)) + body + tlvs


def inet(family, source, destination):
    return socket.inet_pton(family, source) + socket.inet_pton(family, destination) + struct.pack("!HH", 40000, 443)


def local(path):
    return path.encode().ljust(108, b"\0")


# The header, and the client in the log; None: the client that has really connected.
HEADERS = {
    "v1 IPv4": (b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n", "192.0.2.7:40000"),
    "v1 IPv6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n", "[2001:db8::7]:40000"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", None),
    "v2 IPv4": (v2(0x11, inet(socket.AF_INET, "192.0.2.7", "198.51.100.1")), "192.0.2.7:40000"),
    "v2 IPv6": (v2(0x21, inet(socket.AF_INET6, "2001:db8::7", "2001:db8::1")), "[2001:db8::7]:40000"),
    "v2 mapped": (v2(0x21, inet(socket.AF_INET6, "::ffff:192.0.2.7", "::ffff:198.51.100.1")), "192.0.2.7:40000"),
    "v2 UNIX": (v2(0x31, local("/run/one") + local("/run/two")), "unix:/run/one"),
    "v2 UNIX, raw": (v2(0x31, local("/run/\x01\n one") + local("/run/two")), "unix:/run/\x01\n one"),
    "v2 UNIX, abstract": (v2(0x31, local("\0one") + local("\0two")), "unix:@one"),
    "v2 TLVs": (v2(0x11, inet(socket.AF_INET, "192.0.2.7", "198.51.100.1"), b"\x02\0\x04name" + b"\x04\0\0"),
                "192.0.2.7:40000"),
    "v2 local": (v2(0, b"", command=0x20), None),
}


def name_of(sock):
    """The name of a connected client in the log."""
    if sock.family == socket.AF_UNIX:
        return "unix:"
    return address.of_socket(sock).text


@EACH
@pytest.mark.workers
def test_whoever_is_announced_is_the_client(transport):
    """weir keeps the header to itself; it relays the bytes after the header, in the same segment or not."""
    with relay(transport, listener=EVERYBODY, workers=4) as rig:
        for name, (header, announced) in HEADERS.items():
            with rig.client() as client:
                client.sendall(header + b"one, ")
                with rig.accept() as server:
                    assert peers.read_exactly(server, 5) == b"one, ", name
                    client.sendall(b"two")
                    peers.fin(client)
                    assert peers.read_exactly(server, 3) == b"two", name
                    assert server.recv(1) == b""
                    connected = name_of(client)
                    server.sendall(b"answer")
                assert peers.read_exactly(client, 6) == b"answer", name
            line = rig.weir.record("close", list(HEADERS).index(name))
            assert (line["client"], line["bytes_up"]) == (announced or connected, "8"), name
            assert line.get("peer") == (connected if announced else None), name


@EACH
def test_bulk_behind_a_header_arrives_whole(transport):
    """On TCP the pump reads all of the client's own bytes; on UNIX, only those that are not in the side buffer."""
    payload = bytes(range(256)) * scaled(64 * 1024, least=4096)
    header, _ = HEADERS["v2 TLVs"]
    received = []

    def take(sock):
        while data := sock.recv(1 << 16):
            received.append(data)
        sock.sendall(b"done")

    with relay(transport, servers=[lambda *where: peers.Server(*where, take)], listener=EVERYBODY) as rig:
        with rig.client() as client:
            client.sendall(header + payload)
            peers.fin(client)
            assert peers.read_exactly(client, 4) == b"done"
        assert b"".join(received) == payload
        assert rig.weir.close_line(reason="eof").number("bytes_up") == len(payload)


@EACH
def test_small_writes_hold_nobody_up(transport):
    """The kernel stops a UNIX sender after some 280 writes that nobody reads."""
    header = v2(0x11, inet(socket.AF_INET, "192.0.2.7", "198.51.100.1"), b"\x04" + struct.pack("!H", 900) + bytes(900))
    with relay(transport, listener=EVERYBODY) as rig:
        client = rig.client()
        for byte in header + b"x":
            client.sendall(bytes([byte]))
        assert peers.read_exactly(rig.accept(), 1) == b"x"


def test_others_are_not_believed():
    with relay("tcp4", listener={"accept_proxy": ["192.0.2.0/24", "unix"]}) as rig:
        client, server = rig.pair()
        header, _ = HEADERS["v1 IPv4"]
        client.sendall(header)
        assert peers.read_exactly(server, len(header)) == header
        connected = name_of(client)
        peers.fin(client)
        assert server.recv(1) == b""
        server.close()
        line = rig.weir.close_line(client=connected)
        assert "peer" not in line


def announce(rig, host, port=40000):
    """A client whose header gives this address, and that has sent its first bytes."""
    client = rig.client()
    client.sendall(f"PROXY TCP4 {host} 198.51.100.1 {port} 443\r\nping".encode())
    return client


def assert_reset(client):
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_lists_and_limits_are_for_whom_is_announced():
    """They are not for the proxy that sends the headers: it is on no list, and over each limit."""
    settings = {**EVERYBODY, "allow": ["192.0.2.0/24"], "deny": ["192.0.2.66"], "max_pairs_per_source": 1}
    with relay(listener=settings) as rig:
        announce(rig, "192.0.2.7")
        assert peers.read_exactly(rig.accept(), 4) == b"ping"
        announce(rig, "192.0.2.8")
        assert peers.read_exactly(rig.accept(), 4) == b"ping"
        assert_reset(announce(rig, "192.0.2.7", 40001))
        assert_reset(announce(rig, "192.0.2.66"))
        assert_reset(announce(rig, "198.51.100.7"))
        assert rig.weir.close_line(client="192.0.2.7:40001")["reason"] == "source_limit"
        assert rig.weir.close_line(client="192.0.2.66:40000")["reason"] == "denied"
        line = rig.weir.close_line(client="198.51.100.7:40000")
        assert line["reason"] == "denied" and line["peer"].startswith("127.0.0.1:")


@EACH
def test_what_is_no_header_is_told_and_reset(transport):
    with relay(transport, listener=EVERYBODY, servers=["127.0.0.1:1"]) as rig:
        with rig.client() as client:
            client.sendall(b"GET / HTTP/1.1\r\n\0" + b"A" * 1000)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        line = rig.weir.close_line(by="weir", reason="bad_preface")
        assert line["error"].startswith("PROXY header: ")
        assert line["first_bytes"] == "GET / HTTP/1.1\r\n\0" + "A" * 47
        with rig.client() as client:
            client.sendall(HALF)
            peers.fin(client)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        assert rig.weir.record("close", 1, reason="bad_preface")["first_bytes"] == HALF.decode()


@EACH
def test_a_look_of_a_balancer_is_no_pair_of_a_server(transport):
    with relay(transport, listener=EVERYBODY, servers=["127.0.0.1:1"], log={"level": "debug"}) as rig:
        rig.client().close()
        line = rig.weir.close_line(by="client", reason="eof")
        assert (line["level"], line["server"], line["bytes_up"]) == ("debug", "", "0")


# ---- programs that send headers ----

WEIRS = pytest.mark.parametrize("transport", ("tcp4", "tcp6", "unix"))
CLIENTS = pytest.mark.parametrize("from_", ("tcp4", "tcp6"))


def one_through(rig, neighbour):
    """A pair through the neighbour and weir. The log must name the neighbour's own client."""
    with neighbours.through(neighbour) as client:
        with rig.accept() as server:
            assert peers.read_exactly(server, 4) == b"ping"
            server.sendall(b"pong")
            assert peers.read_exactly(client, 4) == b"pong"
            connected = name_of(client)
        assert client.recv(1) == b""
    line = rig.weir.close_line(client=connected)
    assert line["peer"] and line["bytes_up"] == "4"


@WEIRS
@CLIENTS
@pytest.mark.parametrize("options", ("send-proxy", "send-proxy-v2"))
def test_haproxy_announces_its_clients(transport, from_, options):
    with relay(transport, listener=EVERYBODY) as rig, \
            neighbours.haproxy(rig.weir.address, options, transport=from_) as neighbour:
        one_through(rig, neighbour)


@WEIRS
@CLIENTS
def test_nginx_announces_its_clients(transport, from_):
    with relay(transport, listener=EVERYBODY) as rig, \
            neighbours.nginx(rig.weir.address, "proxy_protocol on;", transport=from_) as neighbour:
        one_through(rig, neighbour)


@pytest.mark.parametrize("options", ("send-proxy", "send-proxy-v2"))
def test_checks_of_haproxy_are_no_failures(options):
    """
    A check of haproxy connects, sends a header of its own (LOCAL in v2) or none, and resets the connection:
    before weir has read the header, so that the line has the level debug, or after.
    """
    with relay("tcp4", listener=EVERYBODY, log={"level": "debug"},
               servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig, \
            neighbours.haproxy(rig.weir.address, f"{options} check inter 50ms") as neighbour:
        wait.until(lambda: len(rig.weir.records("close", by="client", bytes_up="0")) > 3, "it has checked")
        with neighbours.through(neighbour) as client:
            assert peers.read_exactly(client, 4) == b"ping"
            connected = name_of(client)
        assert rig.weir.close_line(client=connected)["bytes_up"] == "4"
        reasons = {line["reason"] for line in rig.weir.records("close")}
        assert reasons <= {"eof", "reset"}


# ---- slow clients ----

@pytest.mark.workers
def test_half_headers_by_thousands_are_gone_in_time_and_harm_nobody(report):
    count = scaled(5000, least=200)
    preface = 1.5
    timeouts = {"preface": f"{preface}s"}
    with relay(listener={**EVERYBODY, "timeouts": timeouts}, workers=4,
               servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig, contextlib.ExitStack() as stack:
        honest = rig.client()
        honest.sendall(HEADERS["v1 IPv4"][0])
        slowest = 0.0

        def ask():
            nonlocal slowest
            start = time.monotonic()
            honest.sendall(b"ping")
            assert peers.read_exactly(honest, 4) == b"ping"
            slowest = max(slowest, time.monotonic() - start)

        def lines():
            return rig.weir.records("close", reason="preface", timer="preface")

        def told():
            """How many clients are accounted for: each second the first few have a line, and the others are counted."""
            ask()
            return len(lines()) + sum(one.number("clients") for one in rig.weir.records("refused_more"))

        slow = []
        for number in range(count):
            slow.append(stack.enter_context(peers.connect(rig.weir.address)))
            slow[-1].sendall(HALF)
            if number % 100 == 0:
                ask()
        wait.until(lambda: told() == count, "all have been cut off", every=0.05)
        for sock in slow:
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        assert 5 <= len(lines()) < count / 4
        assert all(line.number("duration_ms") >= preface * 1000 for line in lines())
        assert all(line["first_bytes"] == HALF.decode() for line in lines())
        late = max(line.number("late_us") for line in lines()) / 1000
        report(f"{count} half headers cut; the first {len(lines())} of their seconds at most {late:.1f} ms late; an "
               f"honest client waited at most {slowest * 1000:.0f} ms")
        ask()
