# SPDX-License-Identifier: ISC
"""weirlab with bytes in flight: a toxic is removed while it holds them; ten thousand connections at once."""

import contextlib
import hashlib
import http.client
import json
import os
import resource
import select
import signal
import socket
import struct
import time

import pytest

from weirtest import peers, proc, wait
from weirtest.lab import Lab
from weirtest.peers import read_end
from weirtest.settings import DEADLINE, LATE, SANITIZER, scaled
from weirtest.transfer import Payload, Task, filled, receive_hashed, send_hashed

HOUR_MS = 3_600_000
# Toxics that hold bytes or an end back, or that let them pass and would act later.
HOLDERS = (
    ("latency", {"latency": HOUR_MS}), ("latency", {"latency": HOUR_MS, "jitter": 1000}), ("bandwidth", {"rate": 0}),
    ("bandwidth", {"rate": 1}), ("slow_close", {"delay": HOUR_MS}),
    ("slicer", {"average_size": 10, "delay": HOUR_MS * 1000}), ("limit_data", {"bytes": 1 << 40}), ("freeze", {}),
    ("freeze", {"after_bytes": 100}), ("drip", {"every_ms": HOUR_MS}), ("cut", {"after_ms": HOUR_MS}),
    ("half_close", {"after_bytes": 1 << 40}), ("corrupt", {"after_ms": HOUR_MS}))
QUICK = [{"type": "latency", "name": f"quick{i}", "attributes": {"latency": 1}} for i in range(4)]


@pytest.fixture(name="lab")
def fixture_lab():
    with Lab("-seed", "1") as lab:
        yield lab


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
@pytest.mark.parametrize("stream", ("upstream", "downstream"))
def test_what_a_toxic_holds_goes_on_when_it_is_taken_away(lab, tmp_path, transport, stream):
    payload = bytes(i % 251 for i in range(50_000))
    upstream = peers.Upstream(transport, tmp_path)
    with contextlib.ExitStack() as open_ones:
        open_ones.callback(upstream.close)
        for number, (kind, attributes) in enumerate(HOLDERS):
            name = f"p{number}"
            listen = "localhost:0" if transport == "tcp4" else f"unix:{tmp_path}/{name}"
            # The toxic is in the middle of a chain of five.
            chain = [{**one, "stream": stream} for one in (
                *QUICK[:2], {"type": kind, "name": "it", "attributes": attributes}, *QUICK[2:])]
            client = open_ones.enter_context(peers.connect(lab.proxy(upstream.address, name, listen, toxics=chain)))
            server = open_ones.enter_context(peers.prepare(upstream.sock.accept()[0]))
            sender, receiver = (client, server) if stream == "upstream" else (server, client)
            sender.sendall(payload)
            peers.fin(sender)
            wait.until(lambda at=number: lab.get("/connections")[at][stream]["received"] > 0, "bytes have come")
            lab.update("it", name, attributes=attributes)
            lab.remove("it", name)
            assert read_end(receiver) == (payload, "fin"), (kind, attributes)


def test_a_stream_in_slices_of_a_byte_holds_nobody_up(lab):
    upstream = peers.Upstream("tcp4", None)
    sliced = lab.proxy(upstream.address, toxics=[{"type": "slicer", "stream": "upstream", "attributes": {"average_size": 1}}])
    with peers.connect(sliced) as client, peers.prepare(upstream.sock.accept()[0]) as server:
        client.setblocking(False)
        server.setblocking(False)
        block = bytes(1 << 20)
        since = time.monotonic()
        for _ in range(30):  # weirlab answers each request after it has sliced all bytes that were there
            with contextlib.suppress(BlockingIOError):
                client.send(block)
            with contextlib.suppress(BlockingIOError):
                server.recv(1 << 20)
            lab.get("/version")
        assert time.monotonic() - since < LATE
    upstream.close()


@pytest.mark.parametrize("kind, attributes", (("limit_data", {"bytes": 5}), ("timeout", {"timeout": 1})))
def test_what_is_in_flight_the_other_way_outlives_a_close(lab, kind, attributes):
    upstream = peers.Upstream("tcp4", None)
    slow = [{"type": "latency", "attributes": {"latency": 300}}]
    with peers.connect(lab.proxy(upstream.address, toxics=slow)) as client, peers.prepare(upstream.sock.accept()[0]) as server:
        server.sendall(b"answer")
        wait.until(lambda: lab.get("/connections")[0]["downstream"]["in_flight"] == 6, "the answer is in flight")
        lab.toxic(kind, stream="upstream", **attributes)
        client.sendall(b"hello")
        assert read_end(server) == (b"" if kind == "timeout" else b"hello", "fin")
        assert read_end(client) == (b"answer", "fin")
    upstream.close()


@pytest.mark.parametrize("kind, attributes, end", (
    ("timeout", {"timeout": 0}, "fin"), ("timeout", {"timeout": HOUR_MS}, "fin"),
    ("reset_peer", {"timeout": HOUR_MS}, None), ("freeze", {"how": "drop"}, None)))
def test_what_a_toxic_has_dropped_stays_away_when_it_goes(lab, kind, attributes, end):
    upstream = peers.Upstream("tcp4", None)
    with peers.connect(lab.proxy(upstream.address)) as client, peers.prepare(upstream.sock.accept()[0]) as server:
        lab.toxic(kind, stream="upstream", **attributes)
        client.sendall(b"dropped")
        wait.until(lambda: lab.get("/connections")[0]["upstream"]["received"] == 7, "it has come")
        wait.until(lambda: lab.get("/connections")[0]["upstream"]["in_flight"] == 0, "it is dropped")
        lab.remove(f"{kind}_upstream")
        if end is None:  # the connection goes on without those bytes
            client.sendall(b"later")
            peers.fin(client)
            assert read_end(server) == (b"later", "fin")
        else:
            assert read_end(server) == (b"", end)
    upstream.close()


def received(sock):
    """How many bytes the kernel has received for a socket: tcpi_bytes_received."""
    return struct.unpack_from("Q", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136), 128)[0]


def test_a_reader_that_stopped_gets_no_burst_from_bandwidth(lab):
    """The rate is 1 MB/s. Bytes that waited while the client read nothing come at that rate, not at once."""
    upstream = peers.Upstream("tcp4", None)
    at = lab.proxy(upstream.address, toxics=[{"type": "bandwidth", "attributes": {"rate": 1000}}])
    with peers.connect(at, rcvbuf=4096) as client, peers.prepare(upstream.sock.accept()[0]) as server:
        size = 700_000
        task = Task(send_hashed, server, Payload(size))
        time.sleep(0.5)  # the client reads nothing
        digest, got, looks, fullest = hashlib.sha256(), 0, [], 0
        while got < size:
            before = time.monotonic()
            looks.append((before, received(client), time.monotonic()))
            # The looks that are surely within 10 ms.
            looks = [look for look in looks if looks[-1][2] - look[0] <= 0.01] or looks[-1:]
            fullest = max(fullest, looks[-1][1] - looks[0][1])
            data = client.recv(65536)
            digest.update(data)
            got += len(data)
        assert digest.hexdigest() == task.result()
        # In 10 ms the rate allows 10 kB, 16 KiB may come with them, and the rest is a margin for a busy kernel. An
        # older weirlab let 200 KB come at once.
        assert fullest < 26_384 + 40_000
    upstream.close()


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
@pytest.mark.parametrize("change", ("remove", "faster", "latency"))
def test_bandwidth_changes_while_its_reader_takes_nothing(lab, tmp_path, transport, change):
    upstream = peers.Upstream("tcp4", None)
    listen = "localhost:0" if transport == "tcp4" else f"unix:{tmp_path}/lab"
    at = lab.proxy(upstream.address, listen=listen, toxics=[{"type": "bandwidth", "attributes": {"rate": 50_000}}])
    with peers.connect(at, rcvbuf=4096) as client, peers.prepare(upstream.sock.accept()[0]) as server:
        size = 5_000_000
        task = Task(send_hashed, server, Payload(size))
        down = wait.until(lambda: (one := lab.get("/connections")[0]["downstream"])["in_flight"] > 60_000 and one, "it is held up")
        assert down["toxics"] == ["bandwidth_downstream"]
        if change == "remove":
            lab.remove("bandwidth_downstream")
        elif change == "faster":
            lab.update("bandwidth_downstream", attributes={"rate": 1_000_000})
        else:
            lab.toxic("latency", latency=5)
        assert receive_hashed(client) == (task.result(), size)
    upstream.close()


@pytest.mark.parametrize("rate", (500, 5000))  # at a low rate, bandwidth does not count what it sent in the last 10 ms
@pytest.mark.parametrize("size", (30_000, 300_000))  # bytes that are all in flight, and more than weirlab reads
def test_a_reset_does_not_wait_for_a_reader_that_bandwidth_waits_for(lab, rate, size):
    upstream = peers.Upstream("tcp4", None)
    at = lab.proxy(upstream.address, toxics=[{"type": "bandwidth", "attributes": {"rate": rate}}])
    with peers.connect(at, rcvbuf=4096) as client, peers.prepare(upstream.sock.accept()[0]) as server:
        server.sendall(filled(size))
        wait.until(lambda: lab.get("/connections")[0]["downstream"]["received"] >= 30_000, "bytes are in flight")
        peers.reset(server)
        wait.until(lambda: lab.get("/connections")[0]["state"] == "resetting", "the end has come out")
        got, end = read_end(client)
        assert end == "rst" and got == filled(size)[:len(got)] and len(got) >= 30_000
    upstream.close()


class Crowd:
    """As many connections through a proxy as descriptors allow, both ends of each."""

    def __init__(self, lab, count):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._soft = (soft, hard)
        self.count = min(count, (hard - 300) // 2)
        upstream = peers.Upstream("tcp4", None)
        at = lab.proxy(upstream.address)
        self.clients, self.servers = [], []
        for _ in range(self.count):
            self.clients.append(peers.connect(at))
            self.servers.append(upstream.sock.accept()[0])
        upstream.close()

    def close(self):
        for sock in self.clients + self.servers:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, self._soft)

    def send(self, data):
        for sock in self.clients:
            sock.sendall(data)

    def receive(self, size):
        """Reads `size` bytes at each server, or with None until it ends, by FIN or reset."""
        poll = select.epoll()
        left = {sock.fileno(): size for sock in self.servers}
        by_fd = {sock.fileno(): sock for sock in self.servers}
        for fd in left:
            poll.register(fd, select.EPOLLIN)
        end = time.monotonic() + 2 * DEADLINE
        while left:
            assert time.monotonic() < end, f"{len(left)} have not got all"
            for fd, _ in poll.poll(1):
                try:
                    got = len(by_fd[fd].recv(65536))
                except ConnectionResetError:
                    got = 0
                assert got > 0 or size is None, "it has ended"
                if size is not None:
                    left[fd] -= got
                if got == 0 or left[fd] == 0:
                    poll.unregister(fd)
                    del left[fd]
        poll.close()


def keep_alive(lab):
    """A connection to the API that has had an answer, so that its next request is read without a wait."""
    asked = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=DEADLINE)
    asked.request("GET", "/version")
    asked.getresponse().read()
    return asked


@pytest.mark.parametrize("reads", (True, False), ids=("read", "left"))
def test_a_list_of_connections_lets_others_have_their_turn(lab, reads):
    crowd = Crowd(lab, 400)
    wait.until(lambda: sum(one["state"] == "relaying" for one in lab.get("/connections")) == crowd.count, "all relay")
    lab.proxy("127.0.0.1:1", "last")
    looks, removes = keep_alive(lab), keep_alive(lab)
    # weirlab is stopped, so that it finds both requests at once.
    os.kill(lab.process.pid, signal.SIGSTOP)
    wait.until(lambda: proc.state(lab.process.pid) == "T", "it has stopped")
    looks.request("GET", "/connections")
    removes.request("DELETE", "/proxies/p")
    if not reads:
        looks.close()
    os.kill(lab.process.pid, signal.SIGCONT)
    assert removes.getresponse().status == 204
    if reads:
        # The connections that were not listed yet are closed.
        assert len(json.loads(looks.getresponse().read())) < crowd.count
    crowd.receive(None)
    assert lab.get("/connections") == []
    looks.close()
    removes.close()
    crowd.close()


def test_ten_thousand_connections_are_reset_and_stopped_with_all_in_flight():
    with Lab() as lab:
        crowd = Crowd(lab, scaled(10_000, 50))
        try:
            lab.toxic("latency", stream="upstream", latency=HOUR_MS)
            crowd.send(b"x" * 64)
            wait.until(lambda: sum(one["upstream"]["received"] for one in lab.get("/connections")) == 64 * crowd.count,
                       "all is in flight")
            # Bytes in flight take memory, but not much; a sanitizer takes more.
            assert SANITIZER or proc.memory(lab.process.pid) < 20_000_000 + crowd.count * 8192
            lab.post("/reset")
            crowd.receive(64)
            lab.toxic("latency", stream="upstream", latency=HOUR_MS)
            crowd.send(b"y" * 64)
            lab.stop()
            crowd.receive(None)
        finally:
            crowd.close()
