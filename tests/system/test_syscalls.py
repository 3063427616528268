# SPDX-License-Identifier: ISC
"""
The system calls of a worker, one by one, compared with the list in docs/PERFORMANCE.md: for a short connection,
and for a request on a warm one. Client and server take turns, so the calls are the same each time, but for the
wake-ups: the kernel decides whether two events come in one turn or in two, the more so on a busy machine. So
all calls but the wake-ups are compared, and one in ten must have the wake-ups of the list, too.
"""

import collections
import contextlib
import os
import re
import subprocess

import pytest

from weirtest import address, announced, peers, tls, wait
from weirtest.rig import relay
from weirtest.settings import SANITIZER, scaled

pytestmark = pytest.mark.invariant("a connection takes exactly the system calls of the list", "docs/PERFORMANCE.md", "System calls")
COUNT = scaled(100, least=10)

ACCEPT = ["accept4", "epoll_ctl"]
# LOOK leaves the bytes in the socket; HEADER also reads the header, to discard it.
LOOK = ["epoll_wait", "recvfrom"]
HEADER = LOOK + ["recvfrom"]
CONNECT = ["socket", "setsockopt", "setsockopt", "connect", "epoll_ctl"]
# When bytes for the server are already there, one option more lets them go out with the ACK of its SYN.
CONNECT_TO_SPEAK = ["socket", "setsockopt", "setsockopt", "setsockopt", "connect", "epoll_ctl"]
RELAY = ["epoll_wait", "recvfrom", "sendto"]
CLOSE = ["epoll_wait", "recvfrom", "shutdown", "epoll_wait", "recvfrom", "close", "close"]

# The C library makes these calls for memory. They are not compared, because they end when a worker is warm.
NOT_OURS = {"brk", "mmap", "munmap", "mprotect", "madvise"}

NO_TIMER_STRIKES = {"connect": "10m", "idle": "10m", "preface": "10m"}


def assert_traceable():
    try:
        done = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True,
                              check=False)
    except FileNotFoundError:
        pytest.fail("strace is not installed: scripts/setup test")
    assert done.returncode == 0, f"strace may not trace here, and nothing else counts: {done.stderr}"


def worker_calls(trace):
    """The names of the system calls of the thread that accepts, in order."""
    calls = collections.defaultdict(list)
    for line in trace.splitlines():
        match = re.match(r"(\d+) +(\w+)\(", line)
        # The main thread tries at the start whether it may accept at all, with accept4(-1).
        if match and match.group(2) not in NOT_OURS and "accept4(-1," not in line:
            calls[match.group(1)].append(match.group(2))
    # The thread with execve is the main thread, which does not accept.
    accepting = [each for each in calls.values() if "accept4" in each and "execve" not in each]
    assert len(accepting) == 1, f"{len(accepting)} threads accept"
    return accepting[0]


def laps(calls, first):
    """
    The calls from each `first` to the next. Two are left out: the first lap, which sets the timer for all, and
    the last, which includes the end.
    """
    starts = [at for at, name in enumerate(calls) if name == first][1:-1]
    return [tuple(calls[begin:end]) for begin, end in zip(starts, starts[1:])]


def without_waits(lap):
    return [name for name in lap if name != "epoll_wait"]


def judge(found, expected, report, what):
    usual, times = collections.Counter(found).most_common(1)[0]
    report(f"{what}: {len(usual)} calls, {times} of {len(found)} times: {' '.join(usual)}")
    strange = [lap for lap in found if without_waits(lap) != without_waits(expected)]
    assert not strange, f"{len(strange)} of {len(found)}, the first: {' '.join(strange[0])}"
    as_listed = sum(list(lap) == expected for lap in found)
    assert as_listed >= len(found) / 10, f"{as_listed} of {len(found)}: mostly {' '.join(usual)}"


@contextlib.contextmanager
def traced(tmp_path, upstream, level="warn", **settings):
    """A Rig. The yielded list has the worker's calls after the block."""
    file = tmp_path / "trace"
    calls = []
    daemon = {"prefix": ("strace", "-D", "-f", "-q", "-o", str(file))}
    if SANITIZER:  # the search for leaks uses ptrace, too
        daemon["env"] = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
    assert_traceable()
    with relay(servers=[lambda *where: peers.Upstream(*where, at=upstream)], daemon=daemon,
               log={"level": level}, timeouts=NO_TIMER_STRIKES, **settings) as rig:
        yield rig, calls
        pid = rig.weir.pid
    end = re.compile(rf"^{pid} +\+\+\+ exited", re.M)
    wait.until(lambda: end.search(file.read_text(encoding="ascii")), "the whole trace")
    calls += worker_calls(file.read_text(encoding="ascii"))


def low():
    """An address whose port connect(2) never picks for its own end."""
    return address.low("127.0.0.1")


def ask(client, server):
    """A request and its answer; each has arrived before the other begins."""
    client.sendall(b"ping")
    assert peers.read_exactly(server, 4) == b"ping"
    server.sendall(b"pong")
    assert peers.read_exactly(client, 4) == b"pong"


def visit(rig, greet=lambda server: None, header=b""):
    """A short connection: the client speaks first and ends first; `greet` reads what the server gets before."""
    with rig.client() as client:
        client.sendall(header + b"ping")
        with rig.accept() as server:
            greet(server)
            assert peers.read_exactly(server, 4) == b"ping"
            server.sendall(b"pong")
            assert peers.read_exactly(client, 4) == b"pong"
            peers.fin(client)
            assert server.recv(1) == b""
        assert client.recv(1) == b""


def test_a_short_connection(tmp_path, report):
    with traced(tmp_path, low()) as (rig, calls):
        for _ in range(COUNT + 2):
            visit(rig)
    judge(laps(calls, "accept4"), ACCEPT + CONNECT + RELAY + RELAY + CLOSE + ["epoll_wait"], report,
          "a short connection")


def test_access_and_limits_of_sources_cost_no_call(tmp_path, report):
    listener = {"allow": ["127.0.0.0/8"], "deny": ["127.0.0.2"], "max_pairs_per_source": 5,
                "rate": {"accept_per_source": "1000000/s"}}
    with traced(tmp_path, low(), listener=listener) as (rig, calls):
        for _ in range(COUNT + 2):
            visit(rig)
    judge(laps(calls, "accept4"), ACCEPT + CONNECT + RELAY + RELAY + CLOSE + ["epoll_wait"], report,
          "a short connection under limits")


def test_a_denied_client_costs_its_reset(tmp_path, report):
    with traced(tmp_path, low(), listener={"deny": ["127.0.0.1"]}) as (rig, calls):
        for _ in range(COUNT + 2):
            with rig.client() as client:
                assert peers.end_of(client) == "rst"
    # It may come while weir still resets the one before it: then one accept4() more finds the backlog empty.
    found = [lap for lap in laps(calls, "accept4") if "setsockopt" in lap]
    judge(found, ["accept4", "setsockopt", "close"], report, "a denied client")


def test_a_header_for_the_server_costs_its_address(tmp_path, report):
    """The header goes out with the first bytes; it costs one call, for the address to which the client connected."""
    with traced(tmp_path, low(), upstream_settings={"send_proxy": "v2", "send_proxy_tlvs": ["unique_id", "crc32c"]}) \
            as (rig, calls):
        for _ in range(COUNT + 2):
            visit(rig, announced.read)
    asks = ["epoll_wait", "getsockname", "recvfrom", "sendto"]
    found = laps(calls, "accept4")
    # On a busy machine the server is connected before the client has spoken, and the header is sent without its bytes.
    in_time = [lap for lap in found if lap[lap.index("getsockname") + 1] != "sendto"]
    assert len(in_time) >= len(found) / 10
    judge(in_time, ACCEPT + CONNECT_TO_SPEAK + asks + RELAY + CLOSE + ["epoll_wait"], report,
          "a short connection with a header")


ANNOUNCES = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"


def test_a_short_connection_with_a_proxy_header(tmp_path, report):
    with traced(tmp_path, low(), listener={"accept_proxy": ["any"]}) as (rig, calls):
        for _ in range(COUNT + 2):
            visit(rig, header=ANNOUNCES)
    judge(laps(calls, "accept4"), ACCEPT + HEADER + CONNECT_TO_SPEAK + RELAY + RELAY + CLOSE + ["epoll_wait"], report,
          "a short connection with a PROXY header")


def test_a_short_connection_that_is_routed_by_its_name(tmp_path, report):
    """A route by name costs one look more, and nothing if the address alone decides."""
    hello = tls.ByHand("a.test").hello
    routes = [{"sni": ["a.test"], "from": ["127.0.0.1"], "upstream": "relay"}]
    with traced(tmp_path, low(), listener={"routes": routes}) as (rig, calls):
        for _ in range(COUNT + 2):
            visit(rig, lambda server: peers.read_exactly(server, len(hello)), hello)
    judge(laps(calls, "accept4"), ACCEPT + LOOK + CONNECT_TO_SPEAK + RELAY + RELAY + CLOSE + ["epoll_wait"], report,
          "a short connection that is routed by its name")
    routes[0]["from"] = ["10.0.0.0/8"]
    with traced(tmp_path, low(), listener={"routes": routes}) as (rig, calls):
        for _ in range(COUNT + 2):
            visit(rig)
    judge(laps(calls, "accept4"), ACCEPT + CONNECT + RELAY + RELAY + CLOSE + ["epoll_wait"], report,
          "a short connection whose address decides")


def test_half_a_header_costs_a_look_and_no_more(tmp_path, report):
    """When its time is over, weir looks once more, and resets the client."""
    listener = {"accept_proxy": ["any"], "timeouts": {"preface": "300ms"}}
    with traced(tmp_path, low(), level="debug", listener=listener) as (rig, calls):
        for number in range(5):
            with rig.client() as client:
                client.sendall(ANNOUNCES[:20])
                rig.weir.record("close", number, reason="preface")
    for lap in laps(calls, "accept4"):
        judged = [name for name in without_waits(lap) if name not in ("futex", "read", "timerfd_settime")]
        assert judged == ["accept4", "epoll_ctl", "recvfrom", "recvfrom", "setsockopt", "close"], " ".join(lap)
        assert lap.count("epoll_wait") <= 5, " ".join(lap)
    report(f"half a header: {' '.join(laps(calls, 'accept4')[0])}")


def test_each_piece_of_a_header_costs_a_look(tmp_path):
    pieces = [ANNOUNCES[at:at + 9] for at in range(0, len(ANNOUNCES), 9)]
    with traced(tmp_path, low(), listener={"accept_proxy": ["any"]}) as (rig, calls):
        for _ in range(5):
            with rig.client() as client:
                for piece in pieces:
                    client.sendall(piece)
                    wait.holds(lambda: True, 0.02)  # so that most come one by one; the test also holds if they do not
                rig.accept().close()
                assert client.recv(1) == b""
    for lap in laps(calls, "accept4"):
        before = lap[:lap.index("socket")]
        assert 2 <= before.count("recvfrom") <= len(pieces) + 1, " ".join(lap)
        assert before.count("epoll_wait") <= len(pieces) + 2, " ".join(lap)


def test_a_request_on_a_warm_connection(tmp_path, report):
    with traced(tmp_path, low()) as (rig, calls):
        client, server = rig.pair()
        for _ in range(COUNT + 3):
            ask(client, server)
    # Each lap is half of a request: weir reads from one side and writes to the other.
    halves = [lap for lap in laps(calls, "recvfrom") if "sendto" in lap]
    judge(halves[:2 * COUNT], ["recvfrom", "sendto", "epoll_wait"], report, "half a request")


def test_a_closing_line_wakes_the_log_at_most_once(tmp_path, report):
    with traced(tmp_path, low(), level="info") as (rig, calls):
        for _ in range(COUNT + 2):
            visit(rig)
    found = laps(calls, "accept4")
    wakes = [lap.count("futex") for lap in found]
    report(f"{sum(wakes)} wake-ups of the log for {len(found)} closing lines")
    assert max(wakes) <= 1


def test_a_server_in_the_range_of_own_ports_is_looked_at_once(tmp_path):
    with traced(tmp_path, None) as (rig, calls):
        assert rig.upstream.address.sockaddr[1] >= address.ephemeral_from()
        for _ in range(COUNT + 2):
            visit(rig)
    assert all(lap.count("getsockname") == 1 for lap in laps(calls, "accept4"))
