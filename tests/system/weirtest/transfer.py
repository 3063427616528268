# SPDX-License-Identifier: ISC
"""Sends and receives many bytes: with a hash, until the buffers are full, or without end."""

import hashlib
import random
import select
import socket
import threading

from . import proc, wait
from .peers import fin
from .settings import DEADLINE

_BLOCK = (1 << 20) + 13  # odd, so that no buffer size divides it
_BYTES = memoryview(hashlib.shake_128(b"weir").digest(_BLOCK))


class Payload:
    """
    `size` bytes that are the same for the same seed, in pieces of random sizes. All payloads are parts of one
    block and begin at random places: new bytes for each of hundreds of clients would cost more than sending them.
    """

    def __init__(self, size, seed=0, largest=65536):
        self.size = size
        self._random = random.Random(seed)
        self._first = self._random.randrange(_BLOCK)
        self._largest = largest

    def pieces(self):
        at = 0
        while at < self.size:
            start = (self._first + at) % _BLOCK
            length = min(self._random.randint(1, self._largest), self.size - at, _BLOCK - start)
            yield _BYTES[start:start + length]
            at += length


class Task:
    """Work in a thread; result() joins it, and returns what the work has returned, or raises what it has raised."""

    def __init__(self, work, *args):
        self._work, self._args = work, args
        self._result = self._problem = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self._result = self._work(*self._args)
        except BaseException as problem:  # result() raises it
            self._problem = problem

    @property
    def alive(self):
        return self._thread.is_alive()

    def result(self, deadline=300):
        self._thread.join(deadline)
        assert not self.alive, "still at work"
        if self._problem:
            raise self._problem
        return self._result


def send_hashed(sock, payload, end=True):
    """Sends a Payload, then FIN; returns its digest."""
    digest = hashlib.sha256()
    for piece in payload.pieces():
        digest.update(piece)
        sock.sendall(piece)
    if end:
        fin(sock)
    return digest.hexdigest()


def receive_hashed(sock, piece=65536):
    """Reads to the FIN; returns digest and count."""
    digest, count = hashlib.sha256(), 0
    while data := sock.recv(piece):
        digest.update(data)
        count += len(data)
    return digest.hexdigest(), count


_FILL = bytes(_BYTES) * 8


def filled(count):
    """The first `count` bytes of what fill() sends."""
    return (_FILL * (count // len(_FILL) + 1))[:count]


def fill_all(socks, limit=None, quiet=0.2):
    """
    Sends on all sockets until none has had room for `quiet` seconds, or each has sent `limit` bytes.
    Returns how many bytes each has sent; they are those of filled().
    """
    sent = dict.fromkeys(socks, 0)
    poller = select.poll()
    by_fd = {sock.fileno(): sock for sock in socks}
    for sock in socks:
        sock.setblocking(False)
        poller.register(sock, select.POLLOUT)
    while by_fd:
        ready = poller.poll(quiet * 1000)
        if not ready:
            break
        for fd, _ in ready:
            sock = by_fd[fd]
            start = sent[sock] % _BLOCK
            length = 65536 if limit is None else min(65536, limit - sent[sock])
            try:
                sent[sock] += sock.send(_FILL[start:start + length])
            except BlockingIOError:
                continue
            if sent[sock] == limit:
                poller.unregister(sock)
                del by_fd[fd]
    for sock in socks:
        sock.settimeout(DEADLINE)
    return [sent[sock] for sock in socks]


def fill(sock, limit=None, quiet=0.2):
    """fill_all() for one socket."""
    return fill_all([sock], limit, quiet)[0]


class Flood:
    """
    Sends without end, in a thread, until it is stopped or the connection is gone. So the receiver's side
    stays full even if the kernel's buffers grow, which is not so after fill().
    """

    def __init__(self, sock):
        self._sock = sock
        self._stopped = False
        self.sent = 0
        self.broken = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        self._sock.setblocking(False)
        while not self._stopped:
            start = self.sent % _BLOCK
            try:
                self.sent += self._sock.send(_FILL[start:start + 65536])
            except BlockingIOError:
                select.select([], [self._sock], [], 0.05)
            except OSError:
                self.broken = True
                return

    def stop(self):
        """Stops sending; returns how many bytes were sent, which are those of filled()."""
        self._stopped = True
        self._thread.join(DEADLINE)
        self._sock.settimeout(DEADLINE)
        return self.sent

    def end(self):
        """Waits until the connection is gone; returns "rst"."""
        self._thread.join(DEADLINE)
        assert self.broken, "the flood still runs"
        return "rst"


def wait_sent(sock):
    """Waits until the peer's kernel has all that was sent: a reset does not lose any of it then."""
    if sock.family != socket.AF_UNIX:
        wait.until(lambda: proc.sent_queue(sock) == 0, "an empty send queue")
