# SPDX-License-Identifier: ISC
"""Clients and upstream servers: plain sockets, and what the tests do with them."""

import hashlib
import random
import select
import socket
import struct
import threading

from . import address, proc, wait
from .settings import DEADLINE

_BLOCK = (1 << 20) + 13  # odd, so that no buffer size divides it


def prepare(sock, rcvbuf=None):
    """What each socket of a test gets: a deadline, no delay of small writes, a small buffer if asked."""
    sock.settimeout(DEADLINE)
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def connect(to, rcvbuf=None, bind=None):
    """A client connected to an Address."""
    sock = prepare(to.socket(), rcvbuf)
    if bind:
        sock.bind(bind.sockaddr)
    sock.connect(to.sockaddr)
    return sock


class Upstream:
    """A listening socket of a test, which accepts when the test says so."""

    def __init__(self, transport, folder, backlog=512, at=None):
        wanted = at or address.bindable(transport, folder)
        self.sock = wanted.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(wanted.sockaddr)
        self.sock.listen(backlog)
        self.sock.settimeout(DEADLINE)
        self.address = wanted if wanted.is_unix else address.of_socket(self.sock)

    def set_rcvbuf(self, size):
        """For the sockets that it accepts from now on: they inherit it."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def accept(self):
        return prepare(self.sock.accept()[0])

    def close(self):
        self.sock.close()

    def __str__(self):
        return self.address.text


class Server(Upstream):
    """An upstream that runs `serve(sock)` in a thread of its own for each connection, then closes it."""

    def __init__(self, transport, folder, serve, **options):
        super().__init__(transport, folder, **options)
        self._serve = serve
        self._thread = threading.Thread(target=self._accept_all, daemon=True)
        self._thread.start()

    def _accept_all(self):
        self.sock.settimeout(None)
        while True:
            try:
                sock = prepare(self.sock.accept()[0])
            except OSError:
                return
            threading.Thread(target=self._serve_one, args=(sock,), daemon=True).start()

    def _serve_one(self, sock):
        with sock:
            try:
                self._serve(sock)
            except OSError:
                pass

    def close(self):
        # Unlike close(), shutdown() wakes the thread that waits in accept().
        self.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)
        super().close()


def echo(sock):
    """A Server's work: everything comes back, and the FIN after it."""
    while data := sock.recv(65536):
        sock.sendall(data)


class RefusingUpstream:
    """Connecting to it is refused."""

    def __init__(self, transport, folder):
        wanted = address.bindable(transport, folder)
        self.sock = wanted.socket()
        self.sock.bind(wanted.sockaddr)
        self.address = wanted if wanted.is_unix else address.of_socket(self.sock)

    def close(self):
        self.sock.close()

    def __str__(self):
        return self.address.text


class BlackHole(Upstream):
    """A listening socket whose backlog is full: connecting to it never ends."""

    def __init__(self, transport, folder):
        super().__init__(transport, folder, backlog=0)
        self._fillers = []
        while not self._is_full():
            sock = self.address.socket()
            sock.setblocking(False)
            sock.connect_ex(self.address.sockaddr)
            self._fillers.append(sock)

    def _is_full(self):
        """Whether the last connect did not get through."""
        if not self._fillers:
            return False
        if self.address.is_unix:
            with self.address.socket() as sock:
                sock.setblocking(False)
                return sock.connect_ex(self.address.sockaddr) != 0
        return not select.select([], self._fillers[-1:], [], 0.05)[1]

    def close(self):
        for sock in self._fillers:
            sock.close()
        super().close()


# Ends

def fin(sock):
    """Half-close."""
    sock.shutdown(socket.SHUT_WR)


def reset(sock):
    """RST; a UNIX socket, which knows none, is closed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_end(sock, piece=65536):
    """Everything until the end, and which end it was: (bytes, "fin" or "rst")."""
    got = bytearray()
    while True:
        try:
            data = sock.recv(piece)
        except (ConnectionResetError, BrokenPipeError):
            return bytes(got), "rst"
        if not data:
            return bytes(got), "fin"
        got += data


def end_of(sock):
    """The end alone, where no byte may come before it."""
    got, end = read_end(sock)
    assert not got, f"{len(got)} bytes before the end"
    return end


def abort_of(sock):
    """What an abort by weir looks like to this socket: a UNIX peer may take it for an end."""
    return ("rst", "fin") if sock.family == socket.AF_UNIX else ("rst",)


def read_exactly(sock, count):
    got = bytearray()
    while len(got) < count:
        data = sock.recv(count - len(got))
        assert data, f"end after {len(got)} of {count} bytes"
        got += data
    return bytes(got)


def name(sock):
    """A client's own address, as weir logs it."""
    return address.of_socket(sock).text


# Bytes

class Payload:
    """`size` bytes that are the same for the same seed, in pieces of random sizes."""

    def __init__(self, size, seed=0, largest=65536):
        self.size = size
        self._random = random.Random(seed)
        self._block = memoryview(self._random.randbytes(_BLOCK))
        self._largest = largest

    def pieces(self):
        at = 0
        while at < self.size:
            start = at % _BLOCK
            length = min(self._random.randint(1, self._largest), self.size - at, _BLOCK - start)
            yield self._block[start:start + length]
            at += length


class Task:
    """Work in a thread; result() joins and gives what it returned, or raises what it raised."""

    def __init__(self, work, *args):
        self._work, self._args = work, args
        self._result = self._problem = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self._result = self._work(*self._args)
        except BaseException as problem:  # handed on by result()
            self._problem = problem

    def result(self, deadline=300):
        self._thread.join(deadline)
        assert not self._thread.is_alive(), "still at work"
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


_FILL = bytes(random.Random(1).randbytes(_BLOCK)) * 8


def filled(count):
    """The first `count` bytes of what fill() sends."""
    return (_FILL * (count // len(_FILL) + 1))[:count]


def fill_all(socks, limit=None, quiet=0.2):
    """
    Sends on all of them until nobody takes more: no room anywhere for `quiet` seconds, or `limit`
    bytes each. Returns how many bytes went out on each; they are those of filled().
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
    """fill_all() for one."""
    return fill_all([sock], limit, quiet)[0]


class Flood:
    """
    Sends without end, in a thread, until it is stopped or the connection is gone: unlike after
    fill(), the receiver's side stays full however much the kernel's buffers grow.
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
        """No more; returns how many bytes went out, which are those of filled()."""
        self._stopped = True
        self._thread.join(DEADLINE)
        self._sock.settimeout(DEADLINE)
        return self.sent

    def end(self):
        """Waits until the connection is gone; how it went ("rst", or "fin" where nothing told)."""
        self._thread.join(DEADLINE)
        assert self.broken, "the flood still runs"
        return "rst"


def wait_sent(sock):
    """Waits until the peer's kernel has all that was sent: a reset then cuts none of it."""
    if sock.family != socket.AF_UNIX:
        wait.until(lambda: proc.sent_queue(sock) == 0, "an empty send queue")
