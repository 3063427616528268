# SPDX-License-Identifier: ISC
"""Clients of a cluster: a steady load of short connections, and flows that stay open."""

import asyncio
import collections
import contextlib
import select
import socket
import threading
import time

import pytest

from weirtest.settings import DEADLINE

from .cluster import PORT, SERVICE

_MESSAGE = bytes(range(256)) * 4
_SOURCES = [(client, f"10.1.{client}.{host}") for host in range(16, 32) for client in (1, 2)]

Connection = collections.namedtuple("Connection", "began ended source server node error")
Who = collections.namedtuple("Who", "server node")
_LOST = (OSError, EOFError, asyncio.TimeoutError)  # the errors of a connection that is cut


def greeting(line, own):
    """Reads the first line of a server: which server and node serve. It must have the client's own address."""
    server, through, client = line.decode().split()
    assert client == "{}:{}".format(*own), f"{server} takes {own} for {client}"
    return Who(server, int(through.split(".")[2]))


def _open_in(connection, during):
    start, end = during
    return connection.began <= end and connection.ended >= start


class Steady:
    """
    For `with`: connections at a steady pace, each from a port of its own of one of 32 addresses. A connection reads the
    first line of its server, gets a kilobyte echoed, and ends. `done` has the connections that have ended.
    """

    def __init__(self, cluster, rate=50, patience=DEADLINE):
        self._cluster = cluster
        self._rate = rate
        self._patience = patience  # seconds: a client that only reads does not learn that it was cut
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.done = []
        self.excused = []  # (from, until): connections that are open then may be cut

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(2 * DEADLINE)
        assert not self._thread.is_alive()

    async def _run(self):
        tasks = set()
        number = 0
        while not self._stop.is_set():
            tasks.add(asyncio.create_task(self._connect(*_SOURCES[number % len(_SOURCES)])))
            number += 1
            await asyncio.sleep(1 / self._rate)
            tasks = {one for one in tasks if not one.done()}
        await asyncio.gather(*tasks)

    async def _connect(self, client, source):
        began = time.monotonic()
        server = node = error = None
        try:
            sock = self._cluster.tcp(client, source)
            sock.setblocking(False)
            # A client whose packets reach another node learns of it only when it sends. Keepalive sends each second.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
            with sock:
                server, node = await asyncio.wait_for(self._talk(sock), self._patience)
        except Exception as problem:  # pylint: disable=broad-except
            error = problem
        self.done.append(Connection(began, time.monotonic(), source, server, node, error))

    @staticmethod
    async def _talk(sock):
        loop = asyncio.get_running_loop()

        async def read():
            data = await loop.sock_recv(sock, 65536)
            if not data:
                raise EOFError
            return data
        await loop.sock_connect(sock, (SERVICE, PORT))
        line = b""
        while not line.endswith(b"\n"):
            line += await read()
        who = greeting(line, sock.getsockname())
        await loop.sock_sendall(sock, _MESSAGE)
        echoed = b""
        while len(echoed) < len(_MESSAGE):
            echoed += await read()
        assert echoed == _MESSAGE
        sock.shutdown(socket.SHUT_WR)
        assert await loop.sock_recv(sock, 1) == b""
        return who

    # Results

    def goes_on(self, count=50):
        """Waits until `count` more connections have ended. Returns when that was."""
        wanted = len(self.done) + count
        end = time.monotonic() + 2 * DEADLINE
        while len(self.done) < wanted:
            assert self._thread.is_alive() and time.monotonic() < end, "the load stands still"
            time.sleep(0.01)
        return time.monotonic()

    def excuse(self, start, end):
        """The router switched between `start` and `end`: connections that were open then may be cut, later ones not."""
        self.excused.append((start, end))

    def cut(self):
        """
        Returns, after the end, the connections that were cut. Each must have been open in a switch of the router. Skips
        the test if the router has switched by itself because this machine was too busy, and nothing else was wrong.
        """
        failed = [one for one in self.done if one.error]
        # No switch excuses a wrong answer.
        wrong = [one for one in failed if not isinstance(one.error, _LOST)]
        assert not wrong, f"{len(wrong)} of {len(self.done)} got a wrong answer: {wrong[:5]}"
        busy = self._cluster.switched_by_itself(self._began, self.excused)
        wrong = [one for one in failed if not any(_open_in(one, during) for during in (*self.excused, *busy))]
        assert not wrong, (f"{len(wrong)} of {len(self.done)} failed without a reason; "
                           f"the router switched in {self.excused}: {wrong[:5]}")
        if busy:
            pytest.skip("this machine is too busy: a node was silent for longer than BFD, or weir-announce, bears")
        return failed

    def cut_in_each(self):
        """How many were cut in each excused switch. A connection that was open in two of them counts for the first."""
        firsts = [next(number for number, during in enumerate(self.excused) if _open_in(one, during))
                  for one in self.cut()]
        return [firsts.count(number) for number in range(len(self.excused))]

    def servers_by_source(self):
        found = collections.defaultdict(set)
        for one in self.done:
            if not one.error:
                found[one.source].add(one.server)
        return found

    def nodes(self, since=0.0):
        """How many connections went through each node."""
        return collections.Counter(one.node for one in self.done if not one.error and one.began >= since)


class Flows:
    """For `with`: connections that stay open. Each is recorded with the server and the node that it had at first."""

    def __init__(self, cluster, count):
        self._cluster = cluster
        self._count = count
        self._open = {}
        self.renew()

    def renew(self):
        """Closes the connections, and opens others."""
        self.close()
        try:
            for number in range(self._count):
                client, source = _SOURCES[number % len(_SOURCES)]
                sock = self._cluster.tcp(client, source)
                self._open[sock] = None
                sock.connect((SERVICE, PORT))
                self._open[sock] = greeting(sock.recv(100), sock.getsockname())
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for sock in self._open:
            sock.close()
        self._open.clear()

    def nodes(self):
        return self.by("node")

    def by(self, what):
        """How many connections there are for each "node", or "server"."""
        return collections.Counter(getattr(who, what) for who in self._open.values())

    def probe(self, what="node"):
        """Sends a byte on each connection, and waits for its echo. Closes those that are cut, and returns how many they
        are for each "node" or "server"."""
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.send(b".")
        ended, silent = self._read(set(self._open), DEADLINE)
        assert not silent, f"{len(silent)} of {len(self._open)} flows hear neither their echo nor a reset"
        return self._forget(ended, what)

    def heard(self, count):
        """Waits until `count` connections have ended, without sending a byte. Returns how many for each node."""
        ended, _ = self._read(set(self._open), DEADLINE, enough=count)
        return self._forget(ended)

    @staticmethod
    def _read(socks, seconds, enough=None):
        """Returns the connections that have ended, and those that had nothing to read for `seconds`."""
        waiting = {sock.fileno(): sock for sock in socks}
        ended = set()
        poll = select.poll()
        for fd in waiting:
            poll.register(fd, select.POLLIN)
        end = time.monotonic() + seconds
        while waiting and (enough is None or len(ended) < enough) and (left := end - time.monotonic()) > 0:
            for fd, _ in poll.poll(left * 1000):
                poll.unregister(fd)
                sock = waiting.pop(fd)
                try:
                    got = sock.recv(100)
                except OSError:
                    got = b""
                assert got in (b".", b""), f"a flow hears {got}"
                if not got:
                    ended.add(sock)
        return ended, set(waiting.values())

    def _forget(self, socks, what="node"):
        found = collections.Counter(getattr(self._open.pop(sock), what) for sock in socks)
        for sock in socks:
            sock.close()
        return found
