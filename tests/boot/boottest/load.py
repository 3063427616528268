# SPDX-License-Identifier: ISC
"""Clients that use a service without a pause while a test does something to it."""

import contextlib
import hashlib
import threading

from weirtest import peers, wait
from weirtest.transfer import Payload, Task

from . import traffic

_ENDLESS = 1 << 40
_PACE = 0.005  # seconds between two pieces, so that a transfer lasts long and leaves processor time to others


class _Going:
    """Threads that work until stop() is called, which raises the first failure of any of them."""

    def __init__(self):
        self._stopped = threading.Event()
        self._tasks = []
        self.count = 0

    def _go(self, work, times):
        self._tasks += [Task(work, number) for number in range(times)]

    def done_more(self, count):
        """Waits until `self.count` has grown by `count`."""
        wanted = self.count + count
        wait.until(lambda: self.count >= wanted or not all(task.alive for task in self._tasks),
                   f"{count} more")

    def stop(self):
        """Ends the threads. Raises the failure of a thread that had one."""
        self._stopped.set()
        for task in self._tasks:
            task.result()


class Connecting(_Going):
    """
    `times` clients at a time; each connects, is served, leaves, and connects again. `count` clients have been served so
    far. With `may_be_refused`, for a listener that comes and goes, a connect may fail; a connected client is served.
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
    """`times` transfers to an echo server and back. `count` bytes have come back so far; all must be unchanged."""

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
    """For `with`: stops the loads at the end. None of their clients may have failed."""
    try:
        yield
    finally:
        for load in loads:
            load.stop()
