# SPDX-License-Identifier: ISC
"""Sockets in a network namespace: they stay in it, whatever namespace their thread enters later."""

import contextlib
import ctypes
import os
import socket
import subprocess

from weirtest.settings import DEADLINE

_CLONE_NEWNET = 0x40000000
_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(fd):
    if _libc.setns(fd, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def have_own_run():
    """
    Gives this process, and those that it will start, a /run of their own, for the names of namespaces and the folders
    of clusters. It is removed with the last of these processes, however they end. Without root this does nothing, and
    there is no cluster.
    """
    if _libc.unshare(_CLONE_NEWNS) == 0 and _libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None) == 0:
        _libc.mount(b"run", b"/run", b"tmpfs", 0, None)


@contextlib.contextmanager
def within(name):
    """For `with`: this thread, and no other one, is in the namespace `name`."""
    with open("/proc/thread-self/ns/net", "rb") as own, open(f"/run/netns/{name}", "rb") as other:
        _enter(other.fileno())
        try:
            yield
        finally:
            _enter(own.fileno())


def tcp(name, source=None):
    """A TCP socket in a namespace. With a `source`, it is bound to that address and a port that the kernel picks."""
    with within(name):
        sock = socket.socket()
    sock.settimeout(DEADLINE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source:
        # connect() picks the port, so all ports can be used for each destination.
        sock.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
        sock.bind((source, 0))
    return sock


def _can(*steps):
    """Whether these commands of ip(8) succeed in a new namespace."""
    name = f"weirtest{os.getpid()}"
    add = ["ip", "netns", "add", name]
    with open(os.devnull, "w", encoding="ascii") as null:
        made = all(subprocess.run(argv, stdout=null, stderr=null, check=False).returncode == 0
                   for argv in (add, *(["ip", "-n", name, *step.split()] for step in steps)))
        subprocess.run(["ip", "netns", "delete", name], stdout=null, stderr=null, check=False)
    return made


_LINK = ("link add name one type veth peer name two", "link set one up")


def can_be_made():
    """The reason why this process cannot make namespaces with names; "" if it can."""
    if os.geteuid():
        return "network namespaces with names need root"
    return "" if _can(*_LINK) else "no network namespace can be made here"


def has_resilient_groups():
    """Whether the kernel has resilient next-hop groups: Linux 5.13 or later, if it was built with them."""
    return _can(*_LINK, "link set two up", "nexthop add id 1 dev one",
                "nexthop add id 2 group 1 type resilient buckets 4")
