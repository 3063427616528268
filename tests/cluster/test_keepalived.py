# SPDX-License-Identifier: ISC
"""Two addresses over three nodes: keepalived moves an address when its node is drained, killed, silent or cut off."""

import contextlib
import json
import subprocess
import time
from signal import SIGTERM

import pytest
from clustertest.addresses import Addresses
from clustertest.cluster import PORT, Cluster
from clustertest.faults import cut_off, drained, hung, killed, silent
from clustertest.load import Flows, Steady, greeting

from weirtest import asking, wait
from weirtest.settings import DEADLINE

FIRST, SECOND = "192.0.2.1", "192.0.2.2"
SPREAD = {1: {FIRST}, 2: {SECOND}, 3: set()}
PATIENCE = 6


@pytest.fixture(scope="module", name="made")
def _made():
    with Cluster("keepalived") as cluster, Addresses(cluster) as addresses:
        yield cluster, addresses


@pytest.fixture(name="both")
def _both(made):
    """(cluster, addresses): each address is at its own node, and no pair is open. A node that has lost its address does
    not learn that another node has reset the clients of its pairs, and keeps the pairs until their timers expire."""
    cluster, addresses = made
    for node in cluster.nodes.values():
        node.post("/v1/undrain")
    addresses.wait(SPREAD)
    for node in cluster.nodes.values():
        assert asking.ask(node, "DELETE", "/v1/pairs?all=true").status == 200
        wait.until(lambda: node.pairs_open() == 0, "no pair open")
    return made


def move(cluster, load, start):
    """Waits until node 1 has lost the first address to node 3, after `start`. Returns when the router switched."""
    came = cluster.settled({3}, start)
    load.excuse(start, came)
    load.goes_on()
    assert set(load.nodes(came)) == {3}
    return came


def come_back(cluster, load, event):
    """Calls `event`, and waits until node 1 has the address again. Returns how long that took."""
    start = time.monotonic()
    event()
    back = cluster.settled({1}, start)
    load.excuse(start, back)
    load.goes_on()
    return back - start


def failed(load):
    """Says how many connections failed. Each of them must have been open in a switch of the router."""
    return f"{len(load.cut())} of {len(load.done)} connections failed"


def test_each_address_has_a_node_of_its_own_and_both_lead_to_the_servers(both, report):
    cluster, _ = both
    for host in range(16, 26):
        servers = set()
        for address, number in ((FIRST, 1), (SECOND, 2)):
            with cluster.tcp(1, f"10.1.1.{host}") as sock:
                sock.connect((address, PORT))
                server, node = greeting(sock.recv(100), sock.getsockname())
                assert node == number
                servers.add(server)
        assert len(servers) == 1
    report("10 clients: each reaches the same server by both addresses, and the server knows the client's address")


def test_each_node_has_its_name_in_its_log_and_its_metrics(made):
    for number, node in made[0].nodes.items():
        assert f'node="weir-{number}"' in asking.ask(node, "GET", "/metrics").text
        assert node.get("/v1/status")["node"] == f"weir-{number}"
        assert {line["node"] for line in node.log()} == {f"weir-{number}"}


def test_a_reload_fails_nobody(both, report):
    cluster, _ = both
    with Steady(cluster, patience=PATIENCE) as load:
        load.goes_on(20)
        for node in cluster.nodes.values():
            before = node.get("/v1/status")["generation"]
            node.post("/v1/reload")
            assert node.get("/v1/status")["generation"] == before + 1
            load.goes_on(20)
    assert not load.cut()
    assert set(load.nodes()) == {1}
    report(f"{len(load.done)} connections while each node is reloaded, 0 failed")


def test_a_rolling_restart_of_all_nodes(both, report):
    cluster, addresses = both
    with Steady(cluster, patience=PATIENCE) as load:
        start = load.goes_on(20)
        for number, node in cluster.nodes.items():
            weirctl = f"n{number}", f"{cluster.folder}/weirctl", "-s", f"{node.runtime}/control"
            # The steps of docs/SCALING.md: wait for open pairs, drain, end those that are left; restart after the move.
            left = time.monotonic()
            cluster.inside(*weirctl, "drain", "1h", "--wait", "5s")
            cluster.inside(*weirctl, "kill", "--all")
            for address in SPREAD[number]:
                addresses.came(3, address, left)
            if FIRST in SPREAD[number]:
                load.excuse(left, cluster.settled({3}, left))
            load.goes_on(20)
            cluster.inside(*weirctl, "drain", "0s", "--end-pairs")
            node.end(SIGTERM)
            back = time.monotonic()
            node.start()
            addresses.wait(SPREAD)
            if FIRST in SPREAD[number]:
                load.excuse(back, cluster.settled({1}, back))
            load.goes_on(20)
        took = time.monotonic() - start
    failures = failed(load)
    assert {1, 3} <= set(load.nodes())
    report(f"{failures} in {took:.0f} s, none that began after its address had moved")


def test_a_drained_node_gives_its_address_up_and_gets_it_back(both, report):
    cluster, addresses = both
    node = cluster.nodes[1]
    with Steady(cluster, patience=PATIENCE) as load, Flows(cluster, 24) as flows, contextlib.ExitStack() as undrained:
        load.goes_on()
        start = time.monotonic()
        undrained.enter_context(drained(cluster, 1))
        had = addresses.had(1, FIRST)
        came = move(cluster, load, start)
        load.excused = [(had, came)]  # before `had`, weir accepts clients as usual
        assert node.get("/v1/status")["state"] == "drain_grace"
        cut = sum(flows.probe().values())
        took = come_back(cluster, load, undrained.close)
    assert cut == 24
    report(f"drained: the address is at another node after {came - start:.1f} s, back {took:.1f} s after the undrain; "
           f"24 of 24 open connections are cut; {failed(load)}")


@contextlib.contextmanager
def started(*argv):
    """For `with`: a program that runs meanwhile."""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_drain_that_waits_cuts_nobody_who_ends_in_time(both, report):
    cluster, addresses = both
    ctl = [cluster.folder + "/weirctl", "-s", cluster.nodes[1].runtime + "/control"]
    with Flows(cluster, 4) as flows, started(*ctl, "--json", "drain", "20s", "--wait", "1h") as drain:
        assert "waits for 4 open pairs" in drain.stderr.readline()
        assert not flows.probe() and addresses.has(1) == {FIRST}
        ended = time.monotonic()
        flows.close()
        out, err = drain.communicate(timeout=DEADLINE)
    assert drain.returncode == 0 and json.loads(out)["pairs_open"] == 0 and not err
    came = addresses.came(3, FIRST, ended)
    cluster.nodes[1].post("/v1/undrain")
    report(f"drain --wait: the address moves {came - ended:.1f} s after the last pair has ended; 0 of 4 are cut")


@pytest.mark.parametrize("fault, words", ((killed, "a weir that is killed"), (silent, "a silent node"),
                                         (cut_off, "a link that is down"), (hung, "a weir that hangs")))
def test_a_node_that_is_lost_loses_its_address(both, fault, words, report):
    cluster, addresses = both
    with Steady(cluster, patience=PATIENCE) as load, contextlib.ExitStack() as mended:
        load.goes_on()
        start = time.monotonic()
        mended.enter_context(fault(cluster, 1))
        came = move(cluster, load, start)
        took = come_back(cluster, load, mended.close)
    report(f"{words}: the address is at another node after {came - start:.1f} s, back {took:.1f} s after the end; "
           f"{failed(load)}")


def test_with_two_nodes_gone_the_third_has_both_addresses(both):
    cluster, addresses = both
    with drained(cluster, 1), drained(cluster, 2):
        addresses.wait({1: set(), 2: set(), 3: {FIRST, SECOND}})
        for address in (FIRST, SECOND):
            with cluster.tcp(2) as sock:
                sock.connect((address, PORT))
                assert greeting(sock.recv(100), sock.getsockname()).node == 3
    wait.until(lambda: all(node.is_ready() for node in cluster.nodes.values()), "all nodes ready")
