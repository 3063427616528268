# SPDX-License-Identifier: ISC
"""What clients see while the nodes of a cluster leave and come back, with BIRD and the route that it installs."""

import collections
import contextlib
import signal
import time

import pytest
from clustertest.cluster import NODES, PORT, SERVERS, SERVICE
from clustertest.faults import drained
from clustertest.load import Flows, Steady, greeting

from weirtest import asking, wait

WAY = ("bird", "plain")
SETTINGS = {"ANNOUNCE_WAIT": "1", "ANNOUNCE_TIMEOUT": "20"}  # seconds; long for a busy machine: no weir hangs here


def leave(cluster, node, load, tell):
    """Calls `tell`, which makes the node leave, and waits until the router has switched. Returns how long that took."""
    start = time.monotonic()
    tell()
    switched = cluster.routed(NODES - {node.number}, start)
    node.says(" goes: ", start)
    load.excuse((node.said("are cut", start) + node.said(" goes: ", start))[0][0], switched)
    return switched - start


def drain(node, grace="60s"):
    return node.post("/v1/drain", {"grace": grace})["state"]


def come_back(cluster, node, load, put_back):
    start = time.monotonic()
    put_back()
    switched = cluster.routed(NODES, start)
    load.excuse(start, switched)
    return switched


def open_from(cluster, client, source, to):
    sock = cluster.tcp(client, source)
    sock.connect(to)
    return sock, greeting(sock.recv(100), sock.getsockname())


def test_a_client_reaches_the_same_server_through_any_node(cluster, report):
    used = set()
    for host in range(16, 32):
        found = set()
        for node in (*cluster.nodes.values(), *cluster.nodes.values()):  # twice: the server must not change
            sock, (server, number) = open_from(cluster, 1, f"10.1.1.{host}", (node.address, PORT))
            sock.close()
            assert number == node.number
            found.add(server)
        assert len(found) == 1, f"10.1.1.{host} reaches {found}"
        used |= found
    assert used == set(SERVERS)
    report("16 clients through 3 nodes: each reaches one server, and knows its own address by it")


def test_the_connections_of_one_client_are_spread_over_all_nodes(cluster, report):
    nodes = collections.Counter()
    for _ in range(48):
        sock, (_, number) = open_from(cluster, 1, "10.1.1.16", (SERVICE, PORT))
        sock.close()
        nodes[number] += 1
    assert set(nodes) == NODES
    report(f"48 connections of one client: {', '.join(f'{nodes[one]} by node {one}' for one in sorted(nodes))}")


def test_a_node_is_drained_and_comes_back_under_load(cluster, report):
    node = cluster.nodes[2]
    with Steady(cluster) as load:
        load.goes_on()
        took = leave(cluster, node, load, lambda: drain(node))
        assert drain(node, "0s") == "drained"
        load.goes_on()
        back = come_back(cluster, node, load, lambda: node.post("/v1/undrain"))
        load.goes_on()
    cut = load.cut()
    assert load.nodes(back)[2]
    assert all(len(servers) == 1 for servers in load.servers_by_source().values())
    assert not [one for one in load.done if one.node == 2 and load.excused[0][1] <= one.began < load.excused[1][0]]
    report(f"{len(load.done)} connections, {len(cut)} cut; the route is gone {took * 1e3:.0f} ms after the drain")


def test_a_reload_fails_nobody(cluster, report):
    with Steady(cluster) as load:
        load.goes_on(20)
        for node in cluster.nodes.values():
            before = node.get("/v1/status")["generation"]
            node.post("/v1/reload")
            assert node.get("/v1/status")["generation"] == before + 1
            load.goes_on(20)
    assert not load.cut()
    report(f"{len(load.done)} connections while each node is reloaded, 0 failed")


def test_a_rolling_restart_of_all_nodes(cluster, report):
    with Steady(cluster) as load:
        start = load.goes_on(20)
        for node in cluster.nodes.values():
            # drain.grace of the config is long enough for the router to switch. Then weir need not wait for pairs.
            leave(cluster, node, load, lambda: node.signal(signal.SIGTERM))
            node.end(signal.SIGINT)
            come_back(cluster, node, load, node.start)
            load.goes_on(20)
        took = time.monotonic() - start
    cut = load.cut()
    assert all(len(servers) == 1 for servers in load.servers_by_source().values())
    report(f"{len(load.done)} connections in {took:.0f} s, {len(cut)} cut by 6 switches of the router, 0 failed else")


def no_pairs(node):
    """Ends all pairs: an earlier switch may have cut clients whose pairs the node keeps until a timer ends them."""
    assert asking.ask(node, "DELETE", "/v1/pairs?all=true").status == 200
    wait.until(lambda: node.pairs_open() == 0, "no pair open")


def test_a_drain_waits_for_open_pairs_and_says_how_many_it_cuts(cluster, report):
    node = cluster.nodes[1]
    no_pairs(node)
    with Flows(cluster, 24) as flows:
        on_it = flows.nodes()[1]
        assert on_it
        start = time.monotonic()
        with drained(cluster, 1):
            switched = cluster.routed(NODES - {1}, start)
            waits, cuts, goes = (node.says(text, start) for text in ("waits for", "are cut", " goes: "))
            assert f"waits for {on_it} open pairs" in waits[1] and f"{on_it} open pairs are cut" in cuts[1]
            assert cuts[0] - waits[0] >= 0.98  # ANNOUNCE_WAIT, by a clock that counts in hundredths
            # Each client learns that it is cut without sending a byte.
            assert flows.heard(on_it) == {1: on_it}
    report(f"waited {cuts[0] - waits[0]:.2f} s, {on_it} of its pairs are cut; the router had switched "
           f"{(switched - goes[0]) * 1e3:.0f} ms later")


def test_a_weir_announce_that_is_stopped_ends_the_open_pairs(cluster):
    node = cluster.nodes[2]
    no_pairs(node)
    with Flows(cluster, 24) as flows:
        on_it = flows.nodes()[2]
        assert on_it
        start = time.monotonic()
        with stopped(cluster, 2):
            assert f" {on_it} open pairs are cut" in node.says("are cut", start)[1]
            assert flows.heard(on_it) == {2: on_it}
            assert "weir-announce ends" in node.says(" goes: ", start)[1]
            cluster.routed(NODES - {2}, start)


@contextlib.contextmanager
def stopped(cluster, number, **env):
    """For `with`: weir-announce does not run on a node. At the end it is started again with `env`."""
    start = time.monotonic()
    cluster.end(f"n{number}", "announce", signal.SIGTERM)
    try:
        yield
    finally:
        settings = " ".join(f"{name}={value}" for name, value in env.items())
        cluster.shell(f'. "$here/bird/way.sh"; {settings} announce {number}')
        cluster.routed(NODES, start)


@pytest.fixture(scope="module")
def patient(shared):
    """A node whose weir-announce waits longer than any of the tests that follow."""
    node = shared.nodes[3]
    with stopped(shared, node.number, ANNOUNCE_WAIT=3600):
        pass
    return node


def test_a_drain_waits_no_longer_than_its_pairs(cluster, patient):
    no_pairs(patient)
    with Flows(cluster, 24) as flows:
        assert flows.nodes()[patient.number]
        start = time.monotonic()
        with drained(cluster, patient.number, "2h"):
            patient.says("waits for", start)
            flows.close()
            assert "no pair is open" in patient.says(" goes: ", start)[1]
            cluster.routed(NODES - {patient.number}, start)


def test_a_drain_that_is_undone_leaves_the_address(cluster, patient):
    no_pairs(patient)
    with Flows(cluster, 24) as flows:
        assert flows.nodes()[patient.number]
        start = time.monotonic()
        with drained(cluster, patient.number, "2h"):
            patient.says("waits for", start)

        def is_here():
            return not patient.said(" goes: ", start)
        assert wait.holds(is_here, 1, every=0.1)
        assert not flows.probe()
        flows.close()  # the drain waited for these pairs
        wait.until(lambda: patient.pairs_open() == 0, "no pair open")
        assert wait.holds(is_here, 1, every=0.1)
