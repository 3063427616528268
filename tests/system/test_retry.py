# SPDX-License-Identifier: ISC
"""retry_for: clients wait for an upstream that is still starting."""

import contextlib
import os
import socket
import time

import pytest

from weirtest import address, config, peers, proc
from weirtest.daemon import Free, Weir

LONG = "100s"


@contextlib.contextmanager
def waiting(*servers, retry_for=LONG, **settings):
    """A weir whose upstream has these addresses; no server need listen there yet."""
    made = {"workers": 1, **settings, **config.relay(Free("tcp4"), *servers)}
    made["upstreams"][0]["retry_for"] = retry_for
    with Weir(made) as weir:
        yield weir


def not_there(transport, folder):
    """An address at which nobody listens yet."""
    if transport in ("unix", "abstract"):
        return address.free(transport, folder)
    refusing = peers.RefusingUpstream(transport, folder)
    refusing.close()
    return refusing.address


def start_late(where):
    """A server at an address where nobody listened."""
    return contextlib.closing(peers.Upstream(None, None, at=where))


def assert_waits(client):
    """Asserts that the client gets neither an end nor a byte for longer than the first waits take."""
    client.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(30)


@pytest.mark.parametrize("transport", address.TRANSPORTS)
def test_a_client_waits_until_the_server_is_there(transport, folder):
    where = not_there(transport, folder)
    with waiting(where) as weir, peers.connect(weir.address) as client:
        client.sendall(b"early")
        assert_waits(client)
        with start_late(where) as late, late.accept() as server:
            assert peers.read_exactly(server, 5) == b"early"
            server.sendall(b"answer")
            assert peers.read_exactly(client, 6) == b"answer"
            server.close()
            client.close()
            line = weir.close_line()
        assert int(line["retries"]) >= 2
        assert line["tried"].count(where.text) == 1
        assert float(line["connect_ms"]) >= 500


def test_a_socket_file_that_nobody_listens_on_is_waited_for(folder):
    path = os.path.join(folder, "dead")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    with waiting(address.unix(path)) as weir, peers.connect(weir.address) as client:
        assert_waits(client)
        os.unlink(path)
        with start_late(address.unix(path)) as late, late.accept() as server:
            server.sendall(b"x")
            assert peers.read_exactly(client, 1) == b"x"


def test_whichever_server_is_first_gets_the_client(folder):
    servers = [not_there("unix", folder), not_there("tcp4", folder), not_there("abstract", folder)]
    with waiting(*servers) as weir, peers.connect(weir.address) as client:
        assert_waits(client)
        with start_late(servers[1]) as late, late.accept() as server:
            server.sendall(b"x")
            assert peers.read_exactly(client, 1) == b"x"


def test_an_end_of_input_while_waiting_is_passed_on(folder):
    where = not_there("tcp4", folder)
    with waiting(where) as weir, peers.connect(weir.address) as client:
        client.sendall(b"whole")
        peers.fin(client)
        assert_waits(client)
        with start_late(where) as late, late.accept() as server:
            assert peers.read_end(server) == (b"whole", "fin")
            server.sendall(b"answer")
            server.close()
            assert peers.read_end(client) == (b"answer", "fin")


def test_after_retry_for_the_client_is_reset(folder, report):
    where = not_there("tcp4", folder)
    with waiting(where, retry_for="1.5s") as weir, peers.connect(weir.address) as client:
        start = time.monotonic()
        assert peers.end_of(client) == "rst"
        report(f"reset after {time.monotonic() - start:.3f} s of 1.5 s")
        line = weir.close_line()
        assert (line["by"], line["reason"], line["errno"]) == ("upstream", "connect_failed", "ECONNREFUSED")
        # weir waits 100, 200, 400 and 800 ms; it tries for the last time when retry_for is over.
        assert line["retries"] == "4"
        assert float(line["connect_ms"]) >= 1500


def test_without_retry_for_the_client_is_reset_at_once(folder):
    with waiting(not_there("tcp4", folder), retry_for="none") as weir, \
            peers.connect(weir.address) as client:
        assert peers.end_of(client) == "rst"
        assert "retries" not in weir.close_line()


def test_a_client_that_resets_while_waiting_ends_its_pair(folder):
    with waiting(not_there("tcp4", folder)) as weir:
        client = peers.connect(weir.address)
        assert_waits(client)
        peers.reset(client)
        line = weir.close_line()
        assert (line["by"], line["reason"]) == ("client", "reset")


def test_lifetime_and_drain_end_the_waiting(folder):
    where = not_there("tcp4", folder)
    with waiting(where, timeouts={"lifetime": "300ms"}) as weir, peers.connect(weir.address):
        assert weir.close_line()["reason"] == "lifetime"
    with waiting(where, timeouts={"drain": "300ms"}) as weir, \
            peers.connect(weir.address) as client:
        assert_waits(client)
        weir.stop()
        weir.join()
        assert weir.close_line()["reason"] == "drain"


def test_a_server_that_comes_while_draining_is_still_connected(folder):
    where = not_there("tcp4", folder)
    with waiting(where, timeouts={"drain": "60s"}) as weir, peers.connect(weir.address) as client:
        client.sendall(b"early")
        assert_waits(client)
        weir.signal(15)
        weir.record("stopping")
        with start_late(where) as late, late.accept() as server:
            assert peers.read_exactly(server, 5) == b"early"
            server.close()
            client.close()
            assert weir.wait_exit() == 0


@pytest.mark.workers
def test_hundreds_wait_cheaply_and_all_are_served(folder, report):
    """A waiting client takes one descriptor, and next to no processor time."""
    count, seconds = 300, 3
    where = not_there("unix", folder)
    with waiting(where, workers=2) as weir, contextlib.ExitStack() as stack:
        before = proc.settled_fds(weir.pid)
        clients = [stack.enter_context(peers.connect(weir.address)) for _ in range(count)]
        assert_waits(clients[-1])
        assert proc.settled_fds(weir.pid) <= before + count
        cpu = proc.cpu_seconds(weir.pid)
        time.sleep(seconds)  # we measure the cost of this wait
        cpu = proc.cpu_seconds(weir.pid) - cpu
        report(f"{count} waiting clients: {cpu / seconds * 100:.1f}% of a CPU")
        with start_late(where) as late:
            for _ in clients:
                with late.accept() as server:
                    server.sendall(b"x")
            for client in clients:
                assert peers.read_exactly(client, 1) == b"x"
