# SPDX-License-Identifier: ISC
"""Namespaces of a machine that a test enters itself."""

import contextlib
import ctypes
import os
import signal

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def network(pid):
    """
    For `with`: inside, sockets that this thread makes, and threads and processes that it starts, belong to the network
    of process `pid`. A socket keeps its network for life.
    """
    with open("/proc/thread-self/ns/net", "rb") as own, open(f"/proc/{pid}/ns/net", "rb") as its:
        _check(_libc.setns(its.fileno(), _CLONE_NEWNET))
        try:
            yield
        finally:
            _check(_libc.setns(own.fileno(), _CLONE_NEWNET))


def end_with_parent():
    """Called in a child: it gets SIGTERM when its parent ends, however that happens."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM))
