# SPDX-License-Identifier: ISC
"""Reads PROXY headers strictly by proxy-protocol.txt, 2.1 and 2.2."""

import socket
import struct

from . import address, peers

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
AUTHORITY, ALPN, CRC32C, UNIQUE_ID = 0x02, 0x01, 0x03, 0x05

_V1 = {"TCP4": socket.AF_INET, "TCP6": socket.AF_INET6}
_V2 = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16), 0x31: (socket.AF_UNIX, 108)}


class Header:
    """
    version; local (LOCAL of v2); source and destination, as weir writes addresses, or None if the header
    has none; tlvs, {type: value}.
    """

    def __init__(self, version, local=False, source=None, destination=None, tlvs=()):
        self.version = version
        self.local = local
        self.source = source
        self.destination = destination
        self.tlvs = dict(tlvs)
        assert len(self.tlvs) == len(tlvs), f"a TLV twice: {tlvs}"


def _crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def _read_v1(sock, begin):
    line = begin
    while not line.endswith(b"\r\n"):
        line += peers.read_exactly(sock, 1)
        assert len(line) <= 107, line
    words = line[:-2].decode("ascii").split(" ")
    if words == ["PROXY", "UNKNOWN"]:
        return Header(1)
    _, protocol, source, destination, *ports = words
    for text in (source, destination):
        number = socket.inet_pton(_V1[protocol], text)
        assert socket.inet_ntop(_V1[protocol], number) == text
    ports = [int(port) for port in ports if port == str(int(port))]
    return Header(1, False, *(address.tcp(*one).text for one in zip((source, destination), ports)))


def _path(raw):
    name = raw.rstrip(b"\0").decode()
    return "unix:" + (f"@{name[1:]}" if name.startswith("\0") else name)


def _addresses(family, body):
    if family not in _V2:
        assert family == 0
        return (), body
    kind, size = _V2[family]
    both = body[:size], body[size:2 * size]
    if kind == socket.AF_UNIX:
        return [_path(one) for one in both], body[2 * size:]
    ports = struct.unpack_from("!HH", body, 2 * size)
    return [address.tcp(socket.inet_ntop(kind, one), port).text for one, port in zip(both, ports)], body[2 * size + 4:]


def _read_v2(sock, begin):
    head = begin + peers.read_exactly(sock, 16 - len(begin))
    command, family, size = struct.unpack_from("!BBH", head, 12)
    body = peers.read_exactly(sock, size) if size else b""
    ends, rest = _addresses(family, body)
    tlvs = []
    while rest:
        kind, size = struct.unpack_from("!BH", rest)
        tlvs.append((kind, rest[3:3 + size]))
        assert len(tlvs[-1][1]) == size
        if kind == CRC32C:
            at = 16 + len(body) - len(rest) + 3
            whole = head + body
            assert struct.unpack("!I", tlvs[-1][1])[0] == _crc32c(whole[:at] + bytes(4) + whole[at + 4:])
        rest = rest[3 + size:]
    assert command in (0x20, 0x21)
    return Header(2, command == 0x20, *ends, tlvs=tlvs)


def read(sock):
    """Reads the next Header, and no byte after it."""
    begin = peers.read_exactly(sock, 6)
    if begin == b"PROXY ":
        return _read_v1(sock, begin)
    assert begin == SIGNATURE[:6], begin
    begin += peers.read_exactly(sock, 6)
    assert begin == SIGNATURE, begin
    return _read_v2(sock, begin)
