# SPDX-License-Identifier: ISC
"""What weir may use: pairs, memory, descriptors, processor time; and what happens at the limit."""

import collections
import select
import socket
import threading
import time

import pytest

from weirtest import config, peers, proc, transfer, wait
from weirtest.address import MIXES
from weirtest.daemon import Free, Weir
from weirtest.rig import relay
from weirtest.settings import DEADLINE, SANITIZER, scaled

full = pytest.mark.invariant("at max_pairs no further client is accepted", "docs/ARCHITECTURE.md", "The way of a byte")
KIB, MIB = 1 << 10, 1 << 20
HIGH_WATER = 64 * KIB

# Under a sanitizer, memory and time are not weir's: they are measured and printed, not judged.
JUDGED = not SANITIZER
UNJUDGED = "" if JUDGED else f" (not judged: {SANITIZER})"


class Gate(peers.Upstream):
    """An upstream that holds each connection until the test lets it go, and counts the connections that it holds."""

    def __init__(self, *where):
        super().__init__(*where)
        self.held = collections.deque()
        self.most = 0
        self._closed = False
        self._thread = threading.Thread(target=self._accept_all, daemon=True)
        self._thread.start()

    def _accept_all(self):
        self.sock.settimeout(0.05)
        while not self._closed:
            try:
                self.held.append(peers.prepare(self.sock.accept()[0]))
            except TimeoutError:
                continue
            self.most = max(self.most, len(self.held))

    def serve_one(self):
        """Echoes the question of the oldest connection, and closes it."""
        sock = self.held[0]
        question = sock.recv(100)
        self.held.popleft()  # it does not count any more: once it is answered, another may come
        sock.sendall(question)
        sock.close()

    def close(self):
        self._closed = True
        self._thread.join(DEADLINE)
        for sock in self.held:
            sock.close()
        super().close()


def ask_all(rig, count):
    """`count` clients; each sends a question of its own, and none waits for its answer."""
    socks = [rig.client() for _ in range(count)]
    for number, sock in enumerate(socks):
        sock.sendall(b"question %d" % number)
        peers.fin(sock)
    return socks


def assert_all_answered(socks):
    for number, sock in enumerate(socks):
        assert peers.read_end(sock) == (b"question %d" % number, "fin")


@full
@pytest.mark.workers
@pytest.mark.parametrize("client, upstream", MIXES)
@pytest.mark.parametrize("where", ("global", "listener"))
def test_at_max_pairs_the_backlog_waits_and_all_are_served(client, upstream, where, report):
    limit, count = 20, 100
    settings = {"max_pairs": limit} if where == "global" else {"listener": {"max_pairs": limit}}
    with relay(client, upstream, servers=[Gate], workers=4, **settings) as rig:
        gate = rig.upstream
        socks = ask_all(rig, count)
        for left in range(count, 0, -1):
            expected = min(limit, left)
            wait.until(lambda: len(gate.held) == expected, f"{expected} pairs at once")
            if left in (count, count // 2):
                assert wait.holds(lambda: len(gate.held) == expected, 0.3), "more than the limit"
            gate.serve_one()
        assert_all_answered(socks)
        assert gate.most == limit
        report(f"{count} clients, 4 workers, {gate.most} pairs at once, all served")


@full
def test_limit_of_one_listener_does_not_hold_up_another():
    with relay() as other:
        free = Free("tcp4"), Free("tcp4")
        settings = config.relay(free[0], other.upstream, max_pairs=2)
        settings["listeners"].append({**settings["listeners"][0], "name": "wide", "listen": free[1],
                                      "max_pairs": 50})
        with Weir({"workers": 1, **settings}) as weir:
            narrow = [peers.connect(free[0].address) for _ in range(4)]
            held = [other.accept() for _ in range(2)]
            for number in range(10):
                with peers.connect(free[1].address) as client, other.accept() as server:
                    client.sendall(b"%d" % number)
                    assert peers.read_exactly(server, 1) == b"%d" % number
            assert not select.select([other.upstream.sock], [], [], 0.2)[0], "more than the limit"
            assert not weir.records("close", listener="relay")
            for sock in (*narrow, *held):
                sock.close()


# With its own buffer sizes the kernel holds 25 MiB of each pair that is stalled both ways. It has no memory for
# hundreds of such pairs, and resets anybody's connections. weir holds the same in any case.
SMALL = 64 * KIB


def both_stalled(rig, count):
    """The sockets of `count` pairs; both directions of each are filled until no side takes a byte any more."""
    pairs = [rig.pair(rcvbuf=4096) for _ in range(count)]
    socks = [sock for pair in pairs for sock in pair]
    for sock in socks:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    transfer.fill_all(socks, quiet=1.5)
    return socks


@pytest.mark.invariant("after its first bytes, a pair buffers at most its high-water mark for each side",
                       "docs/ARCHITECTURE.md", "The way of a byte")
@pytest.mark.parametrize("workers", (1, pytest.param(4, marks=pytest.mark.workers)))
def test_memory_of_stalled_pairs_is_bounded_and_given_back(workers, report):
    count = scaled(200)
    with relay(rcvbuf=4096, workers=workers, timeouts={"write_stall": "none"},
               socket={"send_buffer": "64k", "receive_buffer": "64k"}) as rig:
        warm = 8 * workers  # each worker has had some pairs before we measure
        for client, server in [rig.pair() for _ in range(warm)]:
            client.sendall(b"warm")
            assert peers.read_exactly(server, 4) == b"warm"
            client.close()
            server.close()
        rig.weir.record("close", nth=warm - 1)
        base = proc.memory(rig.weir.pid)
        socks = both_stalled(rig, count)
        used = proc.memory(rig.weir.pid) - base
        for sock in socks:
            peers.reset(sock)
        rig.weir.record("close", nth=warm + count - 1)
        bound = count * 2 * HIGH_WATER + 4 * MIB

        def left():
            return proc.memory(rig.weir.pid) - base

        report(f"{count} pairs stalled both ways: {used / MIB:.1f} MiB above the base, at most "
               f"{bound / MIB:.1f}{UNJUDGED}")
        assert used <= bound or not JUDGED
        if JUDGED:
            wait.until(lambda: left() <= MIB, "the memory to be given back")
        report(f"afterwards {left() / KIB:.0f} KiB above the base, at most 1024{UNJUDGED}")


@pytest.mark.invariant("an idle pair takes less than 1 KiB", "docs/PERFORMANCE.md", "Memory of an idle pair")
def test_an_idle_pair_costs_less_than_a_kibibyte(report):
    count, warm = scaled(4_000), scaled(100)
    with relay() as rig:
        held = [rig.pair() for _ in range(warm)]
        base = proc.memory(rig.weir.pid)
        held += [rig.pair() for _ in range(count)]
        each = (proc.memory(rig.weir.pid) - base) / count
        report(f"{each:.0f} bytes for each of {count} idle pairs, at most 1024{UNJUDGED}")
        assert each <= 1024 or not JUDGED
        for sock in (sock for pair in held for sock in pair):
            peers.reset(sock)


@pytest.mark.parametrize("client, upstream", (("tcp4", "tcp4"), ("unix", "unix")))
def test_short_connections_leave_nothing_behind(client, upstream, report):
    count, warm = scaled(6_000), scaled(1_000)
    with relay(client, upstream,
               servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig:
        def visit(times):
            for number in range(times):
                with peers.connect(rig.weir.address) as sock:
                    sock.sendall(b"%d" % number)
                    assert peers.read_exactly(sock, len(b"%d" % number)) == b"%d" % number

        pid = rig.weir.pid
        visit(warm)
        rig.weir.record("close", nth=warm - 1)
        before = proc.settled_fds(pid), proc.memory(pid)
        start = time.monotonic()
        tasks = [transfer.Task(visit, (count - warm) // 2) for _ in range(2)]
        for task in tasks:
            task.result()
        taken = time.monotonic() - start
        rig.weir.record("close", nth=count - 1)
        fds, grown = proc.settled_fds(pid), proc.memory(pid) - before[1]
        report(f"{count} connections, {(count - warm) / taken:.0f} a second, {fds - before[0]} fds and "
               f"{grown / KIB:.0f} KiB more than after {warm}{UNJUDGED}")
        assert fds == before[0]
        assert grown <= 512 * KIB or not JUDGED


def starved(**settings):
    """A relay of 64 descriptors."""
    return relay(servers=[Gate], daemon={"prefix": ("prlimit", "--nofile=64:64")}, **settings)


def test_out_of_descriptors_costs_no_processor_time_and_all_are_served(report):
    """The default of max_pairs is what 64 descriptors allow; the other clients of the 200 wait."""
    count = 200
    with starved() as rig:
        gate, pid = rig.upstream, rig.weir.pid
        socks = ask_all(rig, count)
        most = int(rig.weir.record("ready")["max_pairs"])
        wait.until(lambda: len(gate.held) == most, "as many pairs as there can be")
        before, begin = proc.cpu_seconds(pid), time.monotonic()
        time.sleep(1)
        share = (proc.cpu_seconds(pid) - before) / (time.monotonic() - begin)
        assert proc.fds(pid) <= 64 and len(gate.held) == most
        for _ in range(count):
            wait.until(lambda: gate.held, "the next pair")
            gate.serve_one()
        assert_all_answered(socks)
        rig.weir.record("close", nth=count - 1, reason="eof")
        report(f"{count} clients, 64 descriptors, {most} pairs at once, all served; "
               f"{share * 100:.0f} % of a processor{UNJUDGED}")
        assert share <= 0.05 or not JUDGED


def test_soft_limit_of_descriptors_is_raised_to_the_hard_one():
    with relay(daemon={"prefix": ("prlimit", "--nofile=64:500")}) as rig:
        ready = rig.weir.record("ready")
        assert ready["fds"] == "500" and 100 < int(ready["max_pairs"]) < 250


def test_room_for_all_descriptors_is_made_at_the_start():
    """If the table of descriptors grew later, that would hold a worker up for 10 ms and more."""
    with relay(max_pairs=1000) as rig:
        assert proc.fd_room(rig.weir.pid) >= 2000
        assert proc.fds(rig.weir.pid) < 100


def test_a_stalled_pair_does_not_hold_up_its_neighbour(report):
    """One worker has pairs that are stuck, flooded and reset, and one that plays ping-pong."""
    rounds = scaled(2000, 200)
    with relay(rcvbuf=4096) as rig:
        floods = [transfer.Flood(rig.pair(rcvbuf=4096)[0]) for _ in range(5)]
        client, server = rig.pair()
        longest = 0.0
        for number in range(rounds):
            if number % 50 == 0:
                broken, other = rig.pair()
                broken.sendall(b"x" * 1000)
                peers.reset(broken)
                other.close()
            start = time.monotonic()
            client.sendall(b"ping")
            assert peers.read_exactly(server, 4) == b"ping"
            server.sendall(b"pong")
            assert peers.read_exactly(client, 4) == b"pong"
            longest = max(longest, time.monotonic() - start)
        for flood in floods:
            flood.stop()
        report(f"{rounds} rounds beside stalled and reset pairs, the longest {longest * 1e3:.1f} ms")
