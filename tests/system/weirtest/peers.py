# SPDX-License-Identifier: ISC
"""Clients and upstream servers on plain sockets."""

import ctypes
import errno
import select
import socket
import struct
import threading

from . import address
from .settings import DEADLINE


def prepare(sock, rcvbuf=None):
    """Sets what each socket of a test has: a deadline, TCP_NODELAY, and a receive buffer of `rcvbuf` bytes if given."""
    sock.settimeout(DEADLINE)
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class ResetSocket(socket.socket):
    """A client that was reset before connect() returned: connect() took the error, so later calls raise it again."""

    __slots__ = ()

    def _reset(self, *_):
        raise ConnectionResetError(errno.ECONNRESET, "reset right after it had connected")

    recv = recv_into = send = sendall = _reset


def connect(to, rcvbuf=None, bind=None):
    """A client connected to an Address. If it is reset at once, only its reads and writes raise the error."""
    sock = prepare(to.socket(), rcvbuf)
    if bind:
        sock.bind(bind.sockaddr)
    try:
        sock.connect(to.sockaddr)
    except ConnectionResetError:
        sock.__class__ = ResetSocket
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
        self.address = wanted if wanted.is_unix or wanted.sockaddr[1] else address.of_socket(self.sock)

    def set_rcvbuf(self, size):
        """Sets the receive buffer of the sockets that it accepts from now on: they inherit it."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def accept(self):
        return prepare(self.sock.accept()[0])

    def close(self):
        self.sock.close()

    def __str__(self):
        return self.address.text


class Server(Upstream):
    """An upstream that runs its work, `serve(sock)`, in a thread for each connection, then closes the connection."""

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
            sock.settimeout(None)  # on a slow machine a pair may be silent for long
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
    """A Server's work: it sends everything back; the Server then closes."""
    while data := sock.recv(65536):
        sock.sendall(data)


class RefusingUpstream:
    """An address that refuses connects."""

    def __init__(self, transport, folder):
        wanted = address.bindable(transport, folder)
        self.sock = wanted.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(wanted.sockaddr)
        self.address = wanted if wanted.is_unix or wanted.sockaddr[1] else address.of_socket(self.sock)

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


def fin(sock):
    """Half-closes the socket."""
    sock.shutdown(socket.SHUT_WR)


def reset(sock):
    """Sends RST and closes; UNIX sockets have no RST, so they just close."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def vanish(sock):
    """From now on the TCP socket drops all packets and acknowledges nothing, as if its host were gone."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF_RET, 0 bytes
    filters = struct.pack("HL", 1, ctypes.addressof(program))
    sock.setsockopt(socket.SOL_SOCKET, 26, filters)  # SO_ATTACH_FILTER


def read_end(sock, piece=65536):
    """Reads to the end; returns all bytes, and how it ended: (bytes, "fin" or "rst")."""
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
    """Reads to the end, before which no byte may come; returns "fin" or "rst"."""
    got, end = read_end(sock)
    assert not got, f"{len(got)} bytes before the end"
    return end


def abort_of(sock):
    """The ends that this socket may see when weir aborts: a UNIX socket may see a FIN."""
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
