# SPDX-License-Identifier: ISC
"""Reloads while pairs are open: what stays, what is added, what goes; no client loses its connection."""

import contextlib
import os
import select
import socket
import stat
import time

import pytest

from weirtest import address, config, peers, transfer, wait
from weirtest.asking import get
from weirtest.clock import Watch, within
from weirtest.daemon import Free, Weir
from weirtest.house import FAILED, Callers, exchange, house, listener, say, upstream
from weirtest.settings import LATE, scaled

WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(3, marks=pytest.mark.workers)))
lossless = pytest.mark.invariant("a reload loses no client", "docs/ARCHITECTURE.md", "Listening sockets")
MIB = 1 << 20


# ---- what stays


@lossless
@WORKERS
@pytest.mark.parametrize("transport", address.TRANSPORTS)
def test_listener_that_stays_loses_no_connection(transport, workers, report):
    with house(transport, workers=workers) as here:
        callers = Callers(here.weir.address)
        for _ in range(scaled(10, 3)):
            callers.wait_served(20)
            here.reload()
        callers.stop()
        assert callers.refused == 0
        report(f"{callers.served} connections during {scaled(10, 3)} reloads, none lost")


@lossless
@pytest.mark.workers
def test_transfers_under_way_are_exact(report):
    """Twenty long transfers, while reloads change all that may change."""
    count, size = 20, scaled(16 * MIB, MIB)
    with house(workers=3) as here:
        other = here.server()
        socks = [here.client() for _ in range(count)]
        payloads = [transfer.Payload(size, seed=seed) for seed in range(count)]
        receiving = [transfer.Task(transfer.receive_hashed, sock) for sock in socks]
        sending = [transfer.Task(transfer.send_hashed, sock, payload)
                   for sock, payload in zip(socks, payloads)]
        rounds = 0
        while rounds < 3 or (rounds < 10 and any(task.alive for task in sending)):
            here.reload(upstreams=[upstream(other)], timeouts={"idle": f"{rounds + 60}s"},
                        relay={"splice": ("off", "auto")[rounds % 2], "high_water_mark": "16k"},
                        listeners=[listener("web", str(here.weir.address)),
                                   *([listener("more", str(here.free()))] if rounds % 2 else [])])
            rounds += 1
        for sent, received in zip(sending, receiving):
            assert received.result() == (sent.result(), size)
        report(f"{count} times {size >> 20} MiB each way during {rounds} reloads")


@WORKERS
def test_open_pair_keeps_its_upstream_and_a_new_one_has_the_new_one(workers):
    with house(workers=workers, serve=say(b"1")) as here:
        first = here.client()
        assert first.recv(1) == b"1"
        here.reload(upstreams=[upstream(here.server(say(b"2")))])
        second = here.client()
        assert second.recv(1) == b"2"
        exchange(first)
        exchange(second)


def test_client_that_is_connecting_goes_on_with_the_servers_in_force():
    """The client has no pair yet: weir no longer tries a server that the new config does not have."""
    with contextlib.ExitStack() as stack:
        weir = Weir({}, control=True)
        hole = stack.enter_context(contextlib.closing(peers.BlackHole("tcp4", weir.folder)))
        old = stack.enter_context(contextlib.closing(peers.Server("tcp4", weir.folder, say(b"1"))))
        new = stack.enter_context(contextlib.closing(peers.Server("tcp4", weir.folder, say(b"2"))))
        weir.settings = {"workers": 1, "timeouts": {"connect": "3s"},
                         **config.relay(Free("tcp4"), hole, old, name="web")}
        weir.settings["upstreams"][0]["balance"] = "first"
        stack.enter_context(weir)
        with peers.connect(weir.address) as sock:
            with within(time.monotonic(), 3):  # otherwise weir tries the old server before the reload
                wait.until(lambda: [one["state"] for one in get(weir, "/v1/pairs")["pairs"]] == ["connecting"],
                           "a connect")
                assert weir.reload({**weir.settings, **config.relay(str(weir.address), new, name="web")}).returncode == 0
            assert sock.recv(1) == b"2"


def test_timeouts_change_for_new_pairs_only():
    with house(timeouts={"idle": "60s"}) as here:
        old = here.client()
        exchange(old)
        here.reload(timeouts={"idle": "300ms"})
        watch = Watch(0.3)
        new = here.client()
        watch.expect(new, ("fin",))
        exchange(old)
        here.weir.close_line(reason="idle")
        assert len(here.weir.records("close")) == 1


@WORKERS
def test_timeouts_apply_to_open_pairs_on_demand(workers):
    """A shorter timeout that has passed ends pairs at once, which is not logged as late. A longer one delays an end."""
    apply = {"apply_to_open_pairs": ["timeouts"]}
    with house(workers=workers, timeouts={"idle": "60s"}) as here:
        pairs = [here.client() for _ in range(6)]
        for sock in pairs:
            exchange(sock)
        time.sleep(0.4)  # longer than the timeout that the reload brings
        start = time.monotonic()
        here.reload(timeouts={"idle": "300ms"}, reload=apply)
        for sock in pairs:
            assert peers.end_of(sock) == "fin"
        assert time.monotonic() - start < LATE
        for nth in range(len(pairs)):
            line = here.weir.record("close", nth=nth, reason="idle", timer="idle")
            assert int(line["late_us"]) < LATE * 1e6
        here.reload(timeouts={"idle": "1s"}, reload=apply)
        with within(time.monotonic(), 1):
            late = here.client()
            exchange(late)
            here.reload(timeouts={"idle": "60s"}, reload=apply)
        assert not select.select([late], [], [], 1.5)[0]
        exchange(late)


@pytest.mark.parametrize("timer, said", (
    ("first_byte", b""), ("idle_client", b"x"), ("idle_upstream", b"x")))
def test_timers_of_one_side_apply_to_open_pairs_too(timer, said):
    with house(timeouts={"idle": "60s"}) as here:
        pair = here.client()
        if said:
            exchange(pair)
        time.sleep(0.3)  # longer than the timeout that the reload brings
        here.reload(timeouts={"idle": "60s", timer: "200ms"},
                    reload={"apply_to_open_pairs": ["timeouts"]})
        assert peers.end_of(pair) == "fin"
        line = here.weir.record("close", reason=timer, timer=timer, by="weir")
        assert int(line["late_us"]) < LATE * 1e6


def test_timeouts_of_a_listener_that_went_stay():
    with house(timeouts={"idle": "60s"}) as here:
        sock = here.client()
        exchange(sock)
        here.reload(timeouts={"idle": "100ms"}, reload={"apply_to_open_pairs": ["timeouts"]},
                    listeners=[listener("other", str(here.weir.address))])
        assert not select.select([sock], [], [], 0.5)[0]
        exchange(sock)


@pytest.mark.parametrize("transport", ("tcp4", "unix", "abstract"))
def test_address_may_move_to_a_listener_of_another_name(transport):
    with house(transport) as here:
        callers = Callers(here.weir.address)
        callers.wait_served(10)
        here.reload(listeners=[listener("first", str(here.free())),
                               listener("renamed", str(here.weir.address))])
        callers.wait_served(20)
        callers.stop()
        assert callers.refused == 0
        here.weir.close_line(listener="web")
        here.weir.close_line(listener="renamed")
        here.weir.record("listening", listener="first")
        assert not here.weir.records("listening_ends")


def test_mode_of_a_unix_socket_changes_on_the_socket_that_stays():
    with house("unix") as here:
        path = here.weir.address.sockaddr
        before = os.stat(path)
        here.reload(listeners=[listener("web", str(here.weir.address), mode="0600")])
        after = os.stat(path)
        assert after.st_ino == before.st_ino and stat.S_IMODE(after.st_mode) == 0o600
        exchange(here.client())


def test_log_level_changes_at_once():
    with house() as here:
        exchange(here.client())
        assert not here.weir.records("open")
        here.reload(log={"level": "debug"})
        exchange(here.client())
        here.weir.record("open")


# ---- what is added and what goes


@WORKERS
def test_new_listener_is_served(workers):
    with house(workers=workers) as here:
        new = [here.free("tcp4"), here.free("tcp6"), here.free("unix")]
        here.reload(listeners=[listener("web", str(here.weir.address)),
                               listener("more", [str(one) for one in new])])
        for one in [here.weir.address, *new]:
            for _ in range(2 * workers):
                exchange(here.client(one))


@lossless
@WORKERS
@pytest.mark.parametrize("transport", address.TRANSPORTS)
def test_listener_that_goes_resets_no_client(transport, workers, report):
    """Clients connect all the time while the listener comes and goes: each is served to the end, or refused."""
    with house(workers=workers) as here:
        web = listener("web", str(here.weir.address))
        served = refused = 0
        for _ in range(scaled(8, 2)):
            to = here.free(transport)
            here.reload(listeners=[web, listener("side", str(to))])
            callers = Callers(to)
            callers.wait_served(20)
            here.reload(listeners=[web])
            callers.wait_refused()
            callers.stop()
            served += callers.served
            refused += callers.refused
            if to.is_unix and transport == "unix":
                wait.until(lambda path=to.sockaddr: not os.path.exists(path), "the path to go")
        here.weir.record("listening_ends", listener="side")
        report(f"{served} served, {refused} refused, none reset")


def test_address_that_went_may_come_back_at_once():
    with house() as here:
        web = listener("web", str(here.weir.address))
        for transport in ("tcp4", "unix", "abstract"):
            side = here.free(transport)
            for _ in range(3):
                here.reload(listeners=[web, listener("side", str(side))])
                exchange(here.client(side))
                here.reload(listeners=[web])


def test_pairs_of_a_listener_that_went_go_on():
    with house() as here:
        side = here.free()
        web = listener("web", str(here.weir.address))
        here.reload(listeners=[web, listener("side", str(side))])
        sock = here.client(side)
        exchange(sock)
        here.reload(listeners=[web])
        wait.until(lambda: side.socket().connect_ex(side.sockaddr) != 0, "the listener to go")
        exchange(sock)
        peers.fin(sock)
        assert peers.read_end(sock) == (b"", "fin")
        here.weir.close_line(listener="side", reason="eof")


@pytest.mark.parametrize("wide", ("*", "0.0.0.0"))
def test_wildcard_and_address_of_the_same_port_take_turns(wide):
    with house() as here:
        web = listener("web", str(here.weir.address))
        port = here.free().sockaddr[1]
        narrow = address.tcp("127.0.0.1", port)
        for listen in (f"{wide}:{port}", str(narrow), f"{wide}:{port}"):
            here.reload(listeners=[web, listener("side", listen)])
            for _ in range(4):
                exchange(here.client(narrow))


def test_unix_socket_whose_file_was_removed_or_replaced_is_made_anew():
    with house("unix") as here:
        path = here.weir.address.sockaddr
        old = here.client()
        exchange(old)
        os.unlink(path)
        here.reload()
        exchange(here.client())
        os.rename(path, path + ".old")
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.bind(path)
        here.reload()
        exchange(here.client())
        exchange(old)
        inode = os.stat(path).st_ino
        here.reload()
        assert os.stat(path).st_ino == inode
        os.unlink(path + ".old")


def test_reload_that_fails_leaves_a_removed_path_to_the_next_one():
    with house("unix", errors=FAILED) as here:
        path = here.weir.address.sockaddr
        os.unlink(path)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            here.fail("another process listens there", listeners=[
                listener("web", str(here.weir.address)), listener("side", str(address.of_socket(taken)))])
        here.reload()
        exchange(here.client())
