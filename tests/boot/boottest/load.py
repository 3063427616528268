# SPDX-License-Identifier: ISC
"""Clients that go on and on through a service while something is done to it."""

import contextlib
import hashlib
import threading

from weirtest import peers, wait
from weirtest.transfer import Payload, Task

from . import traffic

_ENDLESS = 1 << 40
_PACE = 0.005  # between two pieces, so that a transfer lasts and leaves the processor to others


class _Going:
    """Threads that work until they are told to stop; the first problem of any is all that counts."""

    def __init__(self):
        self._stopped = threading.Event()
        self._tasks = []
        self.count = 0

    def _go(self, work, times):
        self._tasks += [Task(work, number) for number in range(times)]

    def done_more(self, count):
        """Waits until `count` more are done than now."""
        wanted = self.count + count
        wait.until(lambda: self.count >= wanted or not all(task.alive for task in self._tasks),
                   f"{count} more")

    def stop(self):
        """Ends it; raises the problem of any that had one."""
        self._stopped.set()
        for task in self._tasks:
            task.result()


class Connecting(_Going):
    """
    Connects, is served, leaves, and connects again: `times` clients at a time, `count` so far. Where a
    listener comes and goes, clients may be refused, but who is connected is served.
    """

    def __init__(self, to, times=4, may_be_refused=False):
        super().__init__()
        self._to = to
        self._may_be_refused = may_be_refused
        self._lock = threading.Lock()
        self._go(self._connect, times)

    def _connect(self, _):
        while not self._stopped.is_set():
            try:
                client = traffic.client(self._to)
            except ConnectionRefusedError:
                assert self._may_be_refused, "refused"
                self._stopped.wait(_PACE)
                continue
            with client:
                client.sendall(b"ping")
                peers.fin(client)
                got = peers.read_end(client)
                assert got == (b"ping", "fin"), f"{self._to} to {peers.name(client)}: {got}"
            with self._lock:
                self.count += 1


class Transferring(_Going):
    """Transfers there and back through an echo, `times` of them; `count` bytes so far, all unchanged."""

    def __init__(self, to, times=4):
        super().__init__()
        self._to = to
        self._go(self._transfer, times)

    def _transfer(self, number):
        with traffic.client(self._to) as client:
            sent, received = hashlib.sha256(), Task(self._receive, client)
            for piece in Payload(_ENDLESS, number).pieces():
                sent.update(piece)
                client.sendall(piece)
                if self._stopped.wait(_PACE):
                    break
            peers.fin(client)
            assert received.result() == sent.hexdigest(), "it came back changed"

    def _receive(self, client):
        digest = hashlib.sha256()
        while data := client.recv(65536):
            digest.update(data)
            self.count += len(data)
        return digest.hexdigest()


@contextlib.contextmanager
def going(*loads):
    """Stops them all at the end, and none of their clients may have failed."""
    try:
        yield
    finally:
        for load in loads:
            load.stop()
