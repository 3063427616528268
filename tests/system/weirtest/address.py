# SPDX-License-Identifier: ISC
"""Addresses, as text for weir and as arguments for sockets, and free ones of each transport."""

import contextlib
import os
import random
import socket
import uuid
import weakref

TRANSPORTS = ("tcp4", "tcp6", "unix", "abstract")

# Each transport once for the client and once for the server, and TCP mixed with UNIX: for tests that need not run all
# 16 combinations.
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
    """The address of a bound TCP socket."""
    return tcp(*sock.getsockname()[:2])


def ephemeral_from():
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        return int(file.read().split()[0])


def reserve(host, port=0):
    """
    The address of a port that is reserved for the test for as long as the Address lives. A socket is
    bound to the port, so the kernel gives it to no socket that asks for any port, and to no outgoing
    connection. A socket that asks for this very port with SO_REUSEADDR, as servers do, gets it.
    """
    family = tcp(host, port).family
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind((host, port))
        # Not before bind(): with this option two tests could reserve the same port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made = of_socket(sock)
        weakref.finalize(made, os.close, sock.detach())
    return made


def block(count):
    """
    Reserves consecutive ports of an IPv4 address of loopback that nothing else uses. Returns (host,
    first port, Addresses); the ports are reserved while the Addresses live.
    """
    top = ephemeral_from() - count
    for _ in range(100):
        host = ".".join(["127", *(str(random.randrange(1, 255)) for _ in range(3))])
        first = random.randrange(10000, top) if top > 12000 else random.randrange(40000, 60000)
        with contextlib.suppress(OSError):
            return host, first, [reserve(host, first + i) for i in range(count)]
    raise RuntimeError("no free ports")


def _assert_free_everywhere(port):
    """Raises OSError if a socket has the port at any address: a test may listen on all addresses."""
    both = socket.has_dualstack_ipv6()
    with socket.socket(socket.AF_INET6 if both else socket.AF_INET, socket.SOCK_STREAM) as sock:
        if both:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("", port))


def low(host):
    """As reserve(), with a port below the range of outgoing connections if there is room, else with any port."""
    top = ephemeral_from()
    for _ in range(100):
        with contextlib.suppress(OSError):
            port = random.randrange(10000, top) if top > 12000 else 0
            _assert_free_everywhere(port)
            return reserve(host, port)
    raise RuntimeError("no free port")


def free(transport, folder):
    """A free address of `transport`, reserved for as long as it lives; UNIX paths are in `folder`."""
    if transport in _LOOPBACK:
        return low(_LOOPBACK[transport])
    name = uuid.uuid4().hex[:12]
    if transport == "abstract":
        return abstract(f"weir-test-{name}")
    return unix(os.path.join(folder, f"{name}.sock"))


def bindable(transport, folder):
    """An address for a socket of the test; the kernel picks the port, as in reserve()."""
    return reserve(_LOOPBACK[transport]) if transport in _LOOPBACK else free(transport, folder)
