# SPDX-License-Identifier: ISC
"""The service: its start ends when it relays, its status shows its pairs, and it stops in the time it has."""

import contextlib
import time

import pytest
from weirtest import config, peers, transfer, wait
from weirtest.settings import LATE

from boottest import traffic

LISTEN, SERVER = traffic.DEFAULT_LISTEN, traffic.DEFAULT_SERVER
PAIRS = 100


@contextlib.contextmanager
def pairs(machine, count):
    """For `with`: `count` pairs through the default listener, each as the client and its socket at the upstream."""
    with machine.network(), contextlib.ExitStack() as stack:
        upstream = stack.enter_context(
            contextlib.closing(peers.Upstream("tcp4", None, at=traffic.address(SERVER))))
        made = []
        for _ in range(count):
            client = stack.enter_context(traffic.client())
            made.append((client, stack.enter_context(upstream.accept())))
        yield made


def test_started_means_that_every_listener_accepts(machine):
    ports = range(8100, 8120)
    machine.configure(config.relay([f"127.0.0.1:{port}" for port in ports], SERVER))
    machine.systemctl("restart", "weir")
    with machine.network(), traffic.default_upstream():
        for port in ports:
            with traffic.client(f"127.0.0.1:{port}") as client:
                client.sendall(b"x")
                assert peers.read_exactly(client, 1) == b"x"


def test_status_tells_listeners_and_pairs(machine):
    with pairs(machine, 3):
        wait.until(lambda: " 3 of " in machine.show("weir", "StatusText"), "three pairs in the status")
        assert "1 listener" in machine.show("weir", "StatusText")
        assert f'Status: "{machine.show("weir", "StatusText")}"' in \
            machine.systemctl("status", "weir").stdout


def test_weir_ends_a_hundred_pairs_itself_however_short_the_stop_timeout(machine):
    """Half of the pairs are silent, half have full buffers. The drain takes longer than TimeoutStopSec= allows."""
    machine.configure({
        "timeouts": {"drain": "5s"}, "drain": {"idle_first": "1s", "spread": "2s"},
        **config.relay(LISTEN, SERVER)})
    machine.drop_in("[Service]\nTimeoutStopSec=2\n")
    machine.systemctl("restart", "weir")
    with pairs(machine, PAIRS) as made:
        floods = [transfer.Flood(client) for client, _ in made[::2]]
        for _, server in made[::2]:
            assert server.recv(1)
        start = time.monotonic()
        machine.systemctl("stop", "weir")
        passed = time.monotonic() - start
        for flood in floods:
            flood.end()
        for client, _ in made[1::2]:
            assert peers.end_of(client) == "fin"
    assert 3 <= passed < 5 + LATE, "the full pairs are ended in the last 2 of 5 seconds"
    closed = machine.journal("WEIR_EVENT=close")
    assert [one["WEIR_REASON"] for one in closed] == ["drain"] * PAIRS
    assert machine.show("weir", "Result", "ExecMainCode", "ExecMainStatus") == {
        "Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0"}
    assert "timed out" not in machine.log() and "SIGKILL" not in machine.log()


def test_status_counts_down_while_it_drains(machine):
    machine.configure({"timeouts": {"drain": "60s"}, "drain": {"idle_first": "none"},
                       **config.relay(LISTEN, SERVER)})
    machine.systemctl("restart", "weir")
    with pairs(machine, 2) as made:
        machine.systemctl("stop", "--no-block", "weir")
        for left in (2, 1):
            wait.until(lambda: "raining" in (text := machine.show("weir", "StatusText"))
                       and f" {left} " in text, f"{left} pairs in the status")
            for sock in made[left - 1]:
                sock.close()
        machine.wait_state("weir", "inactive")


@pytest.mark.parametrize("signal", ("SEGV", "KILL"))
def test_it_is_started_again_after_a_crash(machine, signal):
    pid = machine.pid()
    machine.systemctl("kill", f"--signal={signal}", "weir")
    wait.until(lambda: machine.pid() not in (0, pid), "another process", every=0.05)
    machine.wait_state("weir", "active")
    with machine.network(), traffic.default_upstream(), traffic.client() as client:
        client.sendall(b"x")
        assert peers.read_exactly(client, 1) == b"x"
