# SPDX-License-Identifier: ISC
"""Runs weirload, and peers for it that close by a script."""

import asyncio
import contextlib
import csv
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

from . import address
from .clock import Late
from .settings import DEADLINE, WEIR

WEIRLOAD = os.environ.get("WEIRLOAD", os.path.join(os.path.dirname(WEIR), "src", "load", "weirload"))


class Told:
    """The exit code and the output of a run."""

    def __init__(self, code, out, err, rows=()):
        self.code = code
        self.out = out
        self.err = err
        self.rows = list(rows)

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def verdicts(self):
        """The counts that are not 0."""
        counts = self.json["connections"]
        return {key: counts[key] for key in
                ("failed", "void", "early", "on_time", "late", "measured", "never", "unfinished")
                if counts[key]}

    @property
    def broken(self):
        """The names of the limits that do not hold."""
        return {name for name, limit in self.json["limits"].items() if not limit["holds"]}

    def ends(self, side="client"):
        told = self.json[side]
        return {key: told[key] for key in ("fin", "rst", "error", "weirload") if told[key]}


def arguments(scenario, options):
    """--key=value for each option; True makes it a flag, None and False leave it out."""
    words = [WEIRLOAD, scenario]
    for key, value in options.items():
        name = "--" + key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            words.append(f"{name}={value}")
    return words


def run(scenario, *, folder=None, prefix=(), **options):
    """
    Runs weirload to its end. With `folder` its CSV is read too; with json=False its output is text. With `expect`,
    max_late is 20s unless the test sets it, so that a busy machine makes nothing late; max_late=None leaves weirload's
    default. The test is Late if this machine held up weirload, so that it counted void connections, or its
    target, a scripted peer.
    """
    options = {"json": True, "connections": 8, **options}
    if "max_late" not in options and options.get("expect") is not None:
        options["max_late"] = "20s"
    if scenario == "mixed":
        options.setdefault("max_latency", "20s")
    if folder:
        options["csv"] = os.path.join(folder, "rows.csv")
    target = options.get("target")
    with target.keeps_pace() if isinstance(target, ScriptedPeer) else contextlib.nullcontext():
        done = subprocess.run([*prefix, *arguments(scenario, options)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=4 * DEADLINE, check=False)
    if re.search(r'"void":[1-9]|^void ', done.stdout, re.M):
        raise Late(done.stdout)
    rows = ()
    if folder:
        with open(options["csv"], encoding="ascii", newline="") as file:
            rows = list(csv.DictReader(file))
    return Told(done.returncode, done.stdout, done.stderr, rows)


class Script:
    """
    What a scripted peer does with each of its connections.

    close_after   seconds without a byte until it closes (None: never)
    cap           seconds after the first FIN until it closes, whatever moves
    by            "fin" or "rst"
    swallow       how many of the last bytes of each chunk are lost
    swallow_at    how many bytes pass until all others are lost (None: nothing is lost)
    way           the direction in which bytes are lost, added or changed: "up" or "down"
    add           bytes that nobody sent, added behind each chunk
    garble        whether the last byte of each chunk is changed
    delay         seconds by which each chunk is delayed
    banner        seconds after which a byte is sent to the client (None: never)
    counts        only bytes of this side put close_after off: "client" or "server" (None: both)
    life          seconds after the accept until it closes, whatever moves
    first         seconds after the accept until it closes a client that has sent nothing
    places        how many clients are served; each later one is reset `queue` seconds after its accept
    drain         once the path drain_file exists, "cut" closes all, "idle" those that are silent for 1 s
    only          the only side that is closed, "client" or "server"; the other one stays open
    """

    def __init__(self, close_after=None, by="fin", cap=None, swallow=0, only=None, add=b"", delay=0,
                 swallow_at=None, way="up", banner=None, garble=False, counts=None, life=None, first=None, places=None, queue=None, drain=None,
                 drain_file=None):
        self.close_after = close_after
        self.by = by
        self.cap = cap
        self.swallow = swallow
        self.only = only
        self.counts = counts
        self.add = add
        self.delay = delay
        self.swallow_at = swallow_at
        self.way = way
        self.banner = banner
        self.garble = garble
        self.life = life
        self.first = first
        self.places = places
        self.queue = queue
        self.drain = drain
        self.drain_file = drain_file
        self.kept = []  # sockets that stay open
        self.heard = 0  # clients that have sent something
        self.lag = 0  # the longest delay by this machine, in seconds


class _Link:
    """One connection through a scripted peer: one or two sockets, which it closes by the script."""

    def __init__(self, script, client, server):
        self.script = script
        self.ends = [sock for sock in (client, server) if sock]
        self.client = client
        self.server = server
        self.accepted = time.monotonic()
        self.moved = self.accepted
        self.fin = None
        self.passed = 0
        self.heard = False
        self.said = bytearray()
        self.loop = asyncio.get_running_loop()

    async def pump(self, source, sink):
        while True:
            data = await self.loop.sock_recv(source, 65536)
            if not data:
                break
            self.move(source)
            if source is self.client:
                self.said += data[: max(0, 65536 - len(self.said))]
            if source is self.client and not self.heard:
                self.heard = True
                self.script.heard += 1
            if sink is (self.server if self.script.way == "up" else self.client):
                data = self.harm(data)
            if self.script.delay:
                await asyncio.sleep(self.script.delay)
            if sink:
                await self.loop.sock_sendall(sink, data)
                self.move(source)
        self.fin = self.fin or time.monotonic()
        self.move(source)
        if sink:
            sink.shutdown(socket.SHUT_WR)

    def move(self, source):
        if self.script.counts in (None, "client" if source is self.client else "server"):
            self.moved = time.monotonic()

    def harm(self, data):
        """The chunk after the script has cut, changed and extended it."""
        script = self.script
        if script.swallow:
            data = data[:-script.swallow]
        if script.swallow_at is not None:
            room = max(script.swallow_at - self.passed, 0)
            self.passed += len(data)
            data = data[:room]
        if script.garble:
            data = data[:-1] + b"x"
        return data + script.add

    def due(self):
        ends = []
        if self.script.close_after is not None:
            ends.append(self.moved + self.script.close_after)
        if self.script.cap is not None and self.fin:
            ends.append(self.fin + self.script.cap)
        if self.script.life is not None:
            ends.append(self.accepted + self.script.life)
        if self.script.first is not None and not self.heard:
            ends.append(self.accepted + self.script.first)
        if self.script.drain and os.path.exists(self.script.drain_file):
            ends.append(0 if self.script.drain == "cut" else self.moved + 1)
        return min(ends, default=None)

    async def watch(self):
        """Waits until the connection is to be closed."""
        while True:
            due = self.due()
            if due is not None and time.monotonic() >= due:
                return
            left = 0.01 if due is None else max(due - time.monotonic(), 0.0005)
            wakes = time.monotonic() + min(left, 0.05)
            await asyncio.sleep(min(left, 0.05))
            self.script.lag = max(self.script.lag, time.monotonic() - wakes)

    def close(self):
        for sock in self.ends:
            if self.script.only and sock is not getattr(self, self.script.only):
                self.script.kept.append(sock)
                continue
            if self.script.by == "rst":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                if self.script.by == "fin":
                    sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    async def greet(self):
        await asyncio.sleep(self.script.banner)
        await self.loop.sock_sendall(self.client, b"!")
        self.moved = time.monotonic()

    async def run(self):
        pumps = [asyncio.ensure_future(self.pump(self.client, self.server))]
        if self.server:
            pumps.append(asyncio.ensure_future(self.pump(self.server, self.client)))
        if self.script.banner:
            pumps.append(asyncio.ensure_future(self.greet()))
        await self.watch()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self.close()


class ScriptedPeer:
    """
    A server that reads and closes by its script, or, with `upstream`, a proxy that does. For `with`; it has its own
    thread. When a connection ends, the first 64 KiB that its client sent are appended to `hears`.
    """

    def __init__(self, script, upstream=None, rcvbuf=None, hears=None):
        self.script = script
        self.hears = hears
        self.upstream = upstream
        self.peers = []  # the hosts of its clients
        self.ports = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        if rcvbuf:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self._listener.setblocking(False)
        self.address = address.of_socket(self._listener)
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._serve())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._links = set()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *problem):
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(DEADLINE)
        self._listener.close()
        self._loop.close()

    def __str__(self):
        return self.address.text

    @contextlib.contextmanager
    def keeps_pace(self):
        """Raises Late at the end of the block if this machine held up the peer, so that it missed its script."""
        self.script.lag = 0
        try:
            yield
        finally:
            if self.script.lag > 0.3:
                raise Late(f"the peer was held up for {self.script.lag:.3f} s")

    def refuse(self):
        """Stops listening: later clients are refused."""
        self._listener.shutdown(socket.SHUT_RDWR)

    def _run(self):
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)

    async def _serve(self):
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                try:
                    sock, peer = await self._loop.sock_accept(self._listener)
                except OSError:
                    await asyncio.Event().wait()  # after refuse(): waits for the end
                self.peers.append(peer[0])
                self.ports.append(peer[1])
                link = asyncio.ensure_future(self._link(sock))
                self._links.add(link)
                link.add_done_callback(self._links.discard)
        for link in list(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _link(self, client):
        client.setblocking(False)
        server = None
        if self.script.places is not None and len(self.peers) > self.script.places:
            await asyncio.sleep(self.script.queue)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            return
        if self.upstream:
            server = self.upstream.socket()
            server.setblocking(False)
            await self._loop.sock_connect(server, self.upstream.sockaddr)
        link = _Link(self.script, client, server)
        try:
            await link.run()
        finally:
            if self.hears is not None:
                self.hears.append(bytes(link.said))
