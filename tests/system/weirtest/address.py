# SPDX-License-Identifier: ISC
"""Addresses: as weir writes them, as sockets want them, and free ones of each transport."""

import contextlib
import os
import random
import socket
import uuid
import weakref

TRANSPORTS = ("tcp4", "tcp6", "unix", "abstract")

# Both sides over each transport, and the two kinds mixed: for tests that need not run 16 times.
MIXES = (("tcp4", "tcp4"), ("tcp6", "unix"), ("abstract", "tcp6"), ("unix", "abstract"))

_LOOPBACK = {"tcp4": "127.0.0.1", "tcp6": "::1"}


class Address:
    """One end point: `text` for the config, `family` and `sockaddr` for socket calls."""

    def __init__(self, family, sockaddr, text):
        self.family = family
        self.sockaddr = sockaddr
        self.text = text

    @property
    def is_unix(self):
        return self.family == socket.AF_UNIX

    def socket(self):
        return socket.socket(self.family, socket.SOCK_STREAM)

    def __str__(self):
        return self.text


def tcp(host, port):
    """The address of a numeric host."""
    if ":" in host:
        return Address(socket.AF_INET6, (host, port), f"[{host}]:{port}")
    return Address(socket.AF_INET, (host, port), f"{host}:{port}")


def unix(path):
    return Address(socket.AF_UNIX, str(path), f"unix:{path}")


def abstract(name):
    return Address(socket.AF_UNIX, "\0" + name, f"unix:@{name}")


def of_socket(sock):
    """Where a bound TCP socket is."""
    return tcp(*sock.getsockname()[:2])


def ephemeral_from():
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        return int(file.read().split()[0])


def reserve(host, port=0):
    """
    The address of a port that stays the test's for as long as the Address lives: a socket is bound to
    it, so nobody gets it who asks for any port, and no connection goes out from it. Who asks for just
    this one with SO_REUSEADDR, as servers do, gets it.
    """
    family = tcp(host, port).family
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind((host, port))
        # Only now: with it, two tests could reserve the same.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made = of_socket(sock)
        weakref.finalize(made, os.close, sock.detach())
    return made


def block(count):
    """
    Reserved ports that follow each other, of one IPv4 address of loopback, which is the block's alone:
    (host, first port, what keeps them reserved).
    """
    top = ephemeral_from() - count
    for _ in range(100):
        host = ".".join(["127", *(str(random.randrange(1, 255)) for _ in range(3))])
        first = random.randrange(10000, top) if top > 12000 else random.randrange(40000, 60000)
        with contextlib.suppress(OSError):
            return host, first, [reserve(host, first + i) for i in range(count)]
    raise RuntimeError("no free ports")


def _assert_free_everywhere(port):
    """Nobody has it at any address: a test may widen its own to all of them. OSError if not."""
    both = socket.has_dualstack_ipv6()
    with socket.socket(socket.AF_INET6 if both else socket.AF_INET, socket.SOCK_STREAM) as sock:
        if both:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("", port))


def low(host):
    """As reserve(), below the range of outgoing connections where there is room; else any port."""
    top = ephemeral_from()
    for _ in range(100):
        with contextlib.suppress(OSError):
            port = random.randrange(10000, top) if top > 12000 else 0
            _assert_free_everywhere(port)
            return reserve(host, port)
    raise RuntimeError("no free port")


def free(transport, folder):
    """A free address of `transport`, the test's for as long as it lives; UNIX paths lie in `folder`."""
    if transport in _LOOPBACK:
        return low(_LOOPBACK[transport])
    name = uuid.uuid4().hex[:12]
    if transport == "abstract":
        return abstract(f"weir-test-{name}")
    return unix(os.path.join(folder, f"{name}.sock"))


def bindable(transport, folder):
    """An address to bind a socket of the test's own to: the kernel picks the port, as in reserve()."""
    return reserve(_LOOPBACK[transport]) if transport in _LOOPBACK else free(transport, folder)
