# SPDX-License-Identifier: ISC
"""SIGTERM: weir stops accepting, lets pairs finish, and ends the rest; clients in the backlog are served."""

import os
import select
import signal
import socket
import time

import pytest

from weirtest import config, peers, transfer, wait
from weirtest.address import MIXES, TRANSPORTS
from weirtest.clock import Watch, within
from weirtest.daemon import Weir
from weirtest.rig import relay
from weirtest.settings import DEADLINE, LATE, scaled

MIB = 1 << 20

# No pair is ended for being idle; all that remain end together when the budget is over.
AT_THE_END = {"idle_first": "none", "spread": "0s"}
MIXED = pytest.mark.parametrize("client, upstream", MIXES)
SIDES = pytest.mark.parametrize("by_client", (True, False), ids=("client", "upstream"))
WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(4, marks=pytest.mark.workers)))


def sides(rig, by_client, **options):
    pair = rig.pair(**options)
    return pair if by_client else pair[::-1]


def is_listening(rig):
    """
    Tries with a client whether weir listens. If the client gets a pair, the pair is ended at once. If the
    listener is closed during the handshake, the kernel resets the client's connection.
    """
    try:
        client = rig.client()
    except (ConnectionRefusedError, ConnectionResetError, FileNotFoundError):
        return False
    ready, _, _ = select.select([rig.upstream.sock, client], [], [], DEADLINE)
    client.close()
    if rig.upstream.sock not in ready:
        return False
    rig.accept().close()
    return True


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_without_pairs_it_stops_at_once(number, report):
    with relay(timeouts={"drain": "60s"}) as rig:
        start = time.monotonic()
        rig.weir.signal(number)
        assert rig.weir.wait_exit() == 0
        passed = time.monotonic() - start
        assert passed < LATE
        rig.weir.notice("STOPPING=1")
        report(f"gone after {passed * 1e3:.0f} ms")


@WORKERS
@SIDES
@MIXED
def test_transfer_under_way_is_completed(client, upstream, by_client, workers, report):
    size = scaled(16 * MIB, MIB)
    with relay(client, upstream, workers=workers, timeouts={"drain": "60s"},
               drain=AT_THE_END) as rig:
        sender, receiver = sides(rig, by_client)
        payload = transfer.Payload(size, seed=5)
        sending = transfer.Task(transfer.send_hashed, sender, payload)
        assert receiver.recv(1, socket.MSG_PEEK)
        rig.weir.signal(signal.SIGTERM)
        rig.weir.notice("STOPPING=1")
        wait.until(lambda: not is_listening(rig), "the listener to be given up")
        assert transfer.receive_hashed(receiver) == (sending.result(), size)
        receiver.sendall(b"thanks")
        peers.fin(receiver)
        assert peers.read_end(sender) == (b"thanks", "fin")
        assert rig.weir.wait_exit() == 0
        rig.weir.close_line(reason="eof")
        report(f"{size >> 20} MiB completed after SIGTERM")


@SIDES
@MIXED
def test_quiet_pair_ends_with_fins_when_the_time_is_over(client, upstream, by_client, report):
    with relay(client, upstream, timeouts={"drain": "1500ms"}, drain=AT_THE_END) as rig:
        first, second = sides(rig, by_client)
        first.sendall(b"x")
        assert peers.read_exactly(second, 1) == b"x"
        watch = Watch(1.5)
        rig.weir.signal(signal.SIGTERM)
        watch.expect(first, ("fin",))
        watch.expect(second, ("fin",))
        assert rig.weir.wait_exit() == 0
        watch.strike(rig.weir, "drain")
        report(watch.text)


@SIDES
@MIXED
def test_busy_pair_ends_with_resets_when_the_time_is_over(client, upstream, by_client, report):
    with relay(client, upstream, rcvbuf=4096, timeouts={"drain": "1200ms"},
               drain=AT_THE_END) as rig:
        sender, stuck = sides(rig, by_client, rcvbuf=4096)
        flood = transfer.Flood(sender)
        assert stuck.recv(1)
        watch = Watch(1.2)
        rig.weir.signal(signal.SIGTERM)
        assert flood.end() == "rst"
        watch.judge(time.monotonic() - watch.start)
        data, end = peers.read_end(stuck)
        assert end in peers.abort_of(stuck) and len(data) + 1 < flood.sent
        assert rig.weir.wait_exit() == 0
        watch.strike(rig.weir, "drain")
        report(watch.text)


@SIDES
def test_pair_that_spoke_within_a_second_is_busy(by_client):
    with relay(timeouts={"drain": "300ms"}, drain=AT_THE_END) as rig:
        first, second = sides(rig, by_client)
        with within(time.monotonic(), 1):
            first.sendall(b"x")
            assert peers.read_exactly(second, 1) == b"x"
            watch = Watch(0.3)
            rig.weir.signal(signal.SIGTERM)
            watch.expect(second, ("rst",))
            watch.expect(first, ("rst",))
        assert rig.weir.wait_exit() == 0
        watch.strike(rig.weir, "drain")


@MIXED
def test_pair_that_is_still_connecting_is_reset_when_the_time_is_over(client, upstream):
    with relay(client, upstream, servers=[peers.BlackHole],
               timeouts={"connect": "60s", "drain": "300ms"}, drain=AT_THE_END) as rig:
        sock = rig.client()
        watch = Watch(0.3)
        rig.weir.signal(signal.SIGTERM)
        watch.expect(sock, peers.abort_of(sock))
        assert rig.weir.wait_exit() == 0
        rig.weir.close_line(reason="drain", by="weir", timer="drain")


@pytest.mark.parametrize("timeouts, timer", (
    ({"drain": "10s", "idle": "400ms"}, "idle"),
    ({"drain": "10s", "lifetime": "400ms"}, "lifetime"),
    ({"drain": "400ms", "idle": "10s", "lifetime": "10s"}, "drain"),
))
def test_drain_against_other_timers(timeouts, timer, report):
    with relay(timeouts=timeouts, drain=AT_THE_END) as rig:
        watch = Watch(0.4)
        pair = rig.pair()
        if timer == "drain":
            watch.restart()
        rig.weir.signal(signal.SIGTERM)
        for sock in pair:
            watch.expect(sock, ("fin", "rst"))
        assert rig.weir.wait_exit() == 0
        watch.strike(rig.weir, timer)
        report(watch.text)


@pytest.mark.workers
@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_second_signal_ends_at_once(number, report):
    count = 20
    with relay(workers=4, timeouts={"drain": "none"}, drain=AT_THE_END) as rig:
        pairs = [rig.pair() for _ in range(count)]
        rig.weir.signal(signal.SIGTERM)
        rig.weir.notice("STOPPING=1")
        if number == signal.SIGTERM:
            time.sleep(1.001)  # sooner it would count as the same signal
        start = time.monotonic()
        rig.weir.signal(number)
        assert rig.weir.wait_exit() == 0
        passed = time.monotonic() - start
        for pair in pairs:
            for sock in pair:
                assert peers.end_of(sock) in ("rst", "fin")
        rig.weir.record("close", nth=count - 1, reason="drain", by="weir")
        report(f"{count} pairs, gone after {passed * 1e3:.0f} ms")
        assert passed < LATE


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_signal_that_repeats_at_once_is_the_same_one(number):
    """sudo, shells and systemd send a signal twice."""
    with relay(timeouts={"drain": "none"}, drain=AT_THE_END) as rig:
        client, server = rig.pair()
        start = time.monotonic()
        rig.weir.signal(number)
        rig.weir.record("stopping")
        rig.weir.signal(number)
        rig.weir.signal(signal.SIGUSR1)  # once this one is logged, weir has handled those before it
        rig.weir.record("signal_ignored")
        if time.monotonic() - start < 1:  # later it may count as a second one
            client.sendall(b"x")
            assert peers.read_exactly(server, 1) == b"x"
            assert len(rig.weir.records("stopping")) == 1


@WORKERS
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("limit", (1000, 5), ids=("no_limit", "at_max_pairs"))
def test_backlog_of_a_listener_that_is_given_up_is_served(transport, workers, limit, report):
    """weir is stopped by SIGSTOP while clients connect, and gets SIGTERM before it can have accepted any."""
    count = 100
    with relay(transport, "tcp4", workers=workers, max_pairs=limit, timeouts={"drain": "20s"},
               drain=AT_THE_END, servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig:
        rig.weir.signal(signal.SIGSTOP)
        socks = [rig.client() for _ in range(count)]
        rig.weir.signal(signal.SIGTERM)
        rig.weir.signal(signal.SIGCONT)
        for number, sock in enumerate(socks):
            sock.sendall(b"%d" % number)
            peers.fin(sock)
        for number, sock in enumerate(socks):
            assert peers.read_end(sock) == (b"%d" % number, "fin")
        assert rig.weir.wait_exit() == 0
        report(f"{count} clients in the backlog, all served")


@WORKERS
def test_clients_that_keep_coming_are_served_or_refused(workers, report):
    """From SIGTERM on a client is refused, or served to the end. Only handshakes that are under way may be cut."""
    served, refused, cut = [], [], []

    def visit(address, until):
        while time.monotonic() < until and not refused:
            try:
                sock = peers.connect(address)
            except (ConnectionRefusedError, ConnectionResetError):
                refused.append(1)
                return
            with sock:
                try:
                    sock.sendall(b"hello")
                    whole = peers.read_exactly(sock, 5) == b"hello"
                except (OSError, AssertionError):
                    whole = False
                (served if whole else cut).append(1)

    with relay(workers=workers, timeouts={"drain": "20s"}, drain=AT_THE_END,
               servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig:
        visitors = [transfer.Task(visit, rig.weir.address, time.monotonic() + 20) for _ in range(4)]
        rig.weir.record("close", nth=50)
        rig.weir.signal(signal.SIGTERM)
        for visitor in visitors:
            visitor.result()
        assert rig.weir.wait_exit() == 0
        report(f"{len(served)} served, {len(cut)} cut (the kernel resets a handshake that is under "
               "way when its listener is closed), then refused")
        assert len(cut) <= 4 and len(served) >= 50


def test_unix_path_is_free_as_soon_as_a_weir_that_drains_has_stopped_listening():
    """Another weir takes the path, and the first one leaves it in place when it ends."""
    with relay("unix", timeouts={"drain": "60s"}, drain={"idle_first": "none"}) as rig:
        client, server = rig.pair()
        path = rig.weir.address.sockaddr
        rig.weir.signal(signal.SIGTERM)
        wait.until(lambda: not os.path.exists(path) and not os.path.exists(path + ".lock"), "the path to go")
        settings = {"workers": 1, **config.relay(str(rig.weir.address), rig.upstream)}
        with Weir(settings), peers.connect(rig.weir.address) as other:
            other_server = rig.accept()
            for one, another in ((other, other_server), (client, server)):
                one.sendall(b"hello")
                assert peers.read_exactly(another, 5) == b"hello"
            for sock in (client, server):
                sock.close()
            assert rig.weir.wait_exit() == 0
            assert os.path.exists(path)
            other_server.close()
