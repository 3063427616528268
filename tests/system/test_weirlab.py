# SPDX-License-Identifier: ISC
"""weirlab relays as weir does, and its toxics work: exact bytes by hash, nothing early, changes in flight."""

import contextlib
import signal
import socket
import time

import pytest

from weirtest import peers, proc, transfer, wait
from weirtest.lab import Lab
from weirtest.peers import echo, read_end, read_exactly
from weirtest.settings import LATE, scaled
from weirtest.transfer import Payload, Task, receive_hashed, send_hashed

MIXES = (("tcp4", "tcp4"), ("unix", "tcp6"), ("tcp6", "unix"))


@pytest.fixture(name="lab")
def fixture_lab():
    with Lab("-seed", "1") as lab:
        yield lab


@pytest.fixture(name="server")
def fixture_server():
    server = peers.Server("tcp4", None, echo)
    yield server.address
    server.close()


class Pair:
    """A client through the proxy, and its server's socket; a context manager."""

    def __init__(self, lab, transports=("tcp4", "tcp4"), folder=None, **more):
        self.upstream = peers.Upstream(transports[1], folder)
        listen = {"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0", "unix": f"unix:{folder}/lab"}[transports[0]]
        self.client = peers.connect(lab.proxy(self.upstream.address, listen=listen, **more))
        self.server = peers.prepare(self.upstream.sock.accept()[0])

    def __enter__(self):
        return self.client, self.server

    def __exit__(self, *problem):
        self.client.close()
        self.server.close()
        self.upstream.close()


def timed(sock, count=1):
    """Reads `count` bytes: (bytes, the time at which the last of them had come)."""
    got = read_exactly(sock, count)
    return got, time.monotonic()


def assert_after(since, seconds, now=None):
    """Asserts that something took `seconds`, no less, and not so much more that it must have another cause."""
    took = (now or time.monotonic()) - since
    assert seconds <= took < seconds + LATE, took


def exchange(client, server, size=3_000_000):
    """Sends both ways at once, up to the FIN; the hashes must be equal."""
    tasks = [Task(send_hashed, client, Payload(size, 1)), Task(send_hashed, server, Payload(size, 2)),
             Task(receive_hashed, server), Task(receive_hashed, client)]
    up, down, at_server, at_client = (task.result() for task in tasks)
    assert at_server == (up, size) and at_client == (down, size)


# ---- as a relay ----

@pytest.mark.parametrize("transports", MIXES)
@pytest.mark.parametrize("toxics", (
    (), ({"type": "latency", "attributes": {"latency": 20, "jitter": 10}},),
    ({"type": "slicer", "stream": "upstream", "attributes": {"average_size": 5000, "size_variation": 4000}},
     {"type": "latency", "stream": "upstream", "attributes": {"latency": 5}},
     {"type": "bandwidth", "stream": "upstream", "attributes": {"rate": 20000}},
     {"type": "latency", "name": "again", "stream": "upstream", "attributes": {"latency": 5, "jitter": 5}},
     {"type": "slow_close", "stream": "upstream", "attributes": {"delay": 10}},
     {"type": "bandwidth", "attributes": {"rate": 50000}})), ids=("none", "latency", "five"))
def test_bytes_are_exact_both_ways(lab, tmp_path, transports, toxics):
    with Pair(lab, transports, tmp_path, toxics=toxics) as (client, server):
        exchange(client, server)


def test_without_toxics_bulk_goes_past_user_space(lab):
    before = proc.pipe_ends(lab.process.pid)
    with Pair(lab) as (client, server):
        exchange(client, server, 20_000_000)
        assert proc.pipe_ends(lab.process.pid) >= before + 2  # weirlab keeps the pipe of splice(2)


@pytest.mark.parametrize("latency", (None, 30))
def test_a_fin_and_a_reset_travel(lab, latency):
    toxics = [{"type": "latency", "stream": stream, "attributes": {"latency": latency}}
              for stream in ("upstream", "downstream") if latency]
    with Pair(lab, toxics=toxics) as (client, server):
        client.sendall(b"up")
        peers.fin(client)
        assert read_end(server) == (b"up", "fin")
        server.sendall(b"down")
        peers.reset(server)
        assert read_end(client) == (b"down", "rst")


def test_a_server_that_refuses_closes_the_client(lab):
    refusing = peers.RefusingUpstream("tcp4", None)
    with peers.connect(lab.proxy(refusing)) as sock:
        assert read_end(sock)[0] == b""
    with peers.connect(lab.proxy("nonsense", "q")) as sock:
        assert read_end(sock)[0] == b""
    refusing.close()
    wait.until(lambda: lab.said("no connection to") and lab.said("nonsense is no address"), "both are told")


@pytest.mark.workers
def test_a_name_is_looked_up(lab, server):
    with peers.connect(lab.proxy(f"localhost:{server.sockaddr[1]}")) as sock:
        sock.sendall(b"x")
        assert read_exactly(sock, 1) == b"x"


def test_backpressure_is_kept(lab):
    with Pair(lab, toxics=[{"type": "latency", "stream": "upstream", "attributes": {"latency": 1}}]) as (client, server):
        client.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 1 << 28:
                sent += client.send(bytes(65536))
        assert sent < 64 << 20
        client.settimeout(None)
        task = Task(lambda: len(read_end(server)[0]))
        peers.fin(client)
        assert task.result() == sent


def test_disabling_closes_connections_and_refuses_new_ones(lab, server):
    at = lab.proxy(server)
    with peers.connect(at) as sock:
        sock.sendall(b"x")
        read_exactly(sock, 1)
        lab.post("/proxies/p", {"enabled": False})
        assert read_end(sock)[0] == b""
    with pytest.raises(ConnectionRefusedError):
        peers.connect(at)


def test_thousand_connections_under_latency(lab, server):
    count = scaled(1000, 50)
    at = lab.proxy(server, toxics=[{"type": "latency", "attributes": {"latency": 100}}])
    socks = [peers.connect(at) for _ in range(count)]
    for round_ in range(3):
        sent = []
        for i, sock in enumerate(socks):
            sent.append(time.monotonic())
            sock.sendall(f"{round_} {i:060}"[:64].encode())
        for i, sock in enumerate(socks):
            assert read_exactly(sock, len(f"{round_} {i:060}"[:64])) == f"{round_} {i:060}"[:64].encode()
            assert time.monotonic() - sent[i] >= 0.1  # bench/lab judges how late it is
    lab.remove("latency_downstream")
    for sock in socks:
        sock.sendall(b"x")
    for sock in socks:
        assert read_exactly(sock, 1) == b"x"
        sock.close()


@pytest.mark.workers
def test_a_stop_with_all_in_flight_ends_well(server):
    with Lab() as lab:
        at = lab.proxy(server, toxics=[{"type": "latency", "attributes": {"latency": 60000}}])
        socks = [peers.connect(at) for _ in range(scaled(200, 20))]
        for sock in socks:
            sock.sendall(bytes(1000))
        lab.post("/reset")
        for sock in socks[::2]:
            read_exactly(sock, 1000)
        lab.toxic("latency", latency=60000)
        for sock in socks:
            sock.sendall(bytes(1000))
    for sock in socks:
        read_end(sock)
        sock.close()


# ---- each toxic ----

@pytest.mark.parametrize("stream", ("upstream", "downstream"))
def test_latency_is_never_early(lab, server, stream):
    with peers.connect(lab.proxy(server)) as sock:
        lab.toxic("latency", stream=stream, latency=150)
        for _ in range(3):
            since = time.monotonic()
            sock.sendall(b"x")
            assert_after(since, 0.15, timed(sock)[1])


def test_a_latency_that_goes_lets_go_what_it_held(lab, server):
    with peers.connect(lab.proxy(server)) as sock:
        lab.toxic("latency", latency=600000)
        sock.sendall(b"x" * 1000)
        time.sleep(0.1)  # now some of it is in flight; all of it arrives in any case
        lab.update("latency_downstream", attributes={"latency": 500000})
        lab.remove("latency_downstream")
        assert read_exactly(sock, 1000) == b"x" * 1000


def test_changes_in_flight_lose_nothing(lab):
    with Pair(lab) as (client, server):
        size = scaled(40_000_000, 4_000_000)
        tasks = [Task(send_hashed, client, Payload(size, 1)), Task(receive_hashed, server)]
        kinds = (("latency", {"latency": 3}), ("slicer", {"average_size": 9000}), ("bandwidth", {"rate": 100000}),
                 ("slow_close", {"delay": 1}), ("limit_data", {"bytes": 1 << 60}))
        number = 0
        while tasks[1].alive and number < 400:
            kind, attributes = kinds[number % len(kinds)]
            lab.toxic(kind, stream="upstream", **attributes)
            if number % 3 == 0:
                lab.update(f"{kind}_upstream", attributes=attributes, toxicity=0)
            lab.remove(f"{kind}_upstream")
            number += 1
        digest = tasks[0].result()
        assert tasks[1].result() == (digest, size) and number > 0


@pytest.mark.parametrize("rate", (1, 100, 10000))
def test_bandwidth_is_its_rate_and_never_more(lab, rate):
    size = rate * 500
    with Pair(lab, toxics=[{"type": "bandwidth", "attributes": {"rate": rate}}]) as (client, server):
        since = time.monotonic()
        task = Task(send_hashed, server, Payload(size))
        got = receive_hashed(client)
        assert got == (task.result(), size)
        # The only allowance is what bandwidth may catch up, about 10 ms.
        assert_after(since, 0.5 - 0.012)


def test_bandwidth_0_stops_all_until_it_goes(lab, server):
    with peers.connect(lab.proxy(server)) as sock:
        lab.toxic("bandwidth", rate=0)
        sock.sendall(b"x")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(LATE)
        lab.update("bandwidth_downstream", attributes={"rate": 1000})
        assert read_exactly(sock, 1) == b"x"


def test_slow_close_delays_only_the_end(lab):
    with Pair(lab, toxics=[{"type": "slow_close", "attributes": {"delay": 200}}]) as (client, server):
        since = time.monotonic()
        server.sendall(b"x")
        server.shutdown(socket.SHUT_WR)
        assert timed(client)[1] - since < 0.2 + LATE
        assert read_end(client) == (b"", "fin")
        assert_after(since, 0.2)


def test_slow_close_that_goes_lets_the_end_go(lab):
    with Pair(lab, toxics=[{"type": "slow_close", "attributes": {"delay": 600000}}]) as (client, server):
        server.sendall(b"x")
        server.shutdown(socket.SHUT_WR)
        read_exactly(client, 1)
        lab.remove("slow_close_downstream")
        assert read_end(client) == (b"", "fin")


def test_timeout_drops_and_closes(lab, server):
    with peers.connect(lab.proxy(server)) as sock:
        lab.toxic("timeout", stream="upstream", timeout=200)
        since = time.monotonic()
        sock.sendall(b"x")
        assert read_end(sock)[0] == b""
        assert_after(since, 0.2)


def test_timeout_0_drops_until_it_goes_and_then_closes(lab, server):
    with peers.connect(lab.proxy(server)) as sock:
        lab.toxic("timeout", timeout=0)
        sock.sendall(b"x")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(LATE)
        lab.remove("timeout_downstream")
        assert read_end(sock)[0] == b""


@pytest.mark.parametrize("stream", ("upstream", "downstream"))
@pytest.mark.parametrize("timeout", (0, 150))
def test_reset_peer_resets_both(lab, stream, timeout):
    with Pair(lab, toxics=[{"type": "reset_peer", "stream": stream, "attributes": {"timeout": timeout}}]) as (
            client, server):
        since = time.monotonic()
        (client if stream == "upstream" else server).sendall(b"x")
        assert read_end(client) == (b"", "rst")
        assert_after(since, timeout / 1000)
        assert read_end(server) == (b"", "rst")


@pytest.mark.parametrize("limit", (0, 1, 100_000))
def test_limit_data_lets_so_much_pass_and_closes(lab, limit):
    with Pair(lab, toxics=[{"type": "limit_data", "attributes": {"bytes": limit}}]) as (client, server):
        task = Task(send_hashed, server, Payload(limit + 1000, 3), False)
        got, end = read_end(client)
        assert (len(got), end) == (limit, "fin")
        task.result()
        assert read_end(server)[1] == "fin"


def test_slicer_pauses_between_slices(lab):
    with Pair(lab, toxics=[{"type": "slicer", "attributes": {"average_size": 10, "delay": 20000}}]) as (client, server):
        since = time.monotonic()
        server.sendall(b"0123456789" * 10)
        assert timed(client, 100)[0] == b"0123456789" * 10
        assert_after(since, 0.18)


def test_toxicity_bites_its_part_by_the_seed(server):
    bitten = []
    for _ in range(2):
        with Lab("-seed", "42") as lab:
            at = lab.proxy(server, toxics=[{"type": "limit_data", "toxicity": 0.5, "attributes": {"bytes": 1}}])
            ends = []
            for _ in range(30):
                with peers.connect(at) as sock:
                    sock.sendall(b"xy")
                    peers.fin(sock)
                    ends.append(len(read_end(sock)[0]))
            bitten.append(ends)
            lab.toxic("timeout", toxicity=0)
            with peers.connect(at) as sock:
                sock.sendall(b"x")
                assert read_exactly(sock, 1) == b"x"
    assert bitten[0] == bitten[1] and 5 < bitten[0].count(1) < 25


def test_unix_sockets_on_both_sides(lab, tmp_path):
    with Pair(lab, ("unix", "unix"), tmp_path) as (client, server):
        assert lab.get("/proxies/p")["listen"] == f"unix:{tmp_path}/lab"
        client.sendall(b"x")
        assert read_exactly(server, 1) == b"x"
        client.close()
        assert read_end(server)[0] == b""
    lab.do("DELETE", "/proxies/p")
    assert not (tmp_path / "lab").exists()


@pytest.mark.parametrize("toxics", ((), ("upstream",), ("downstream",), ("upstream", "downstream")), ids=str)
def test_a_unix_client_may_close_before_the_server_has_answered(lab, tmp_path, toxics):
    with contextlib.closing(peers.Upstream("tcp4", None)) as upstream:
        at = lab.proxy(upstream.address, listen=f"unix:{tmp_path}/lab",
                       toxics=[{"type": "noop", "stream": stream} for stream in toxics])
        lab.process.send_signal(signal.SIGSTOP)
        with peers.connect(at) as client:
            client.sendall(b"a question")
        lab.process.send_signal(signal.SIGCONT)
        with peers.prepare(upstream.sock.accept()[0]) as server:
            assert read_end(server) == (b"a question", "fin")
            wait.until(lambda: not lab.get("/connections"), "the connection is gone")


def test_a_reset_without_toxics_does_not_wait_for_the_reader(lab):
    with Pair(lab) as (client, _server):
        transfer.fill(client)
        peers.reset(client)
        wait.until(lambda: lab.get("/connections")[0]["state"] == "resetting", "the server is to be reset")


def test_all_of_it_is_gone_when_the_connections_are(lab, server):
    at = lab.proxy(server, toxics=[{"type": "latency", "attributes": {"latency": 1}}])
    fds = proc.fds(lab.process.pid)
    for _ in range(scaled(200, 20)):
        with peers.connect(at) as sock:
            sock.sendall(b"x")
            read_exactly(sock, 1)
    wait.until(lambda: proc.fds(lab.process.pid) <= fds + 1, "all fds are closed")
