# SPDX-License-Identifier: ISC
"""What clients see while the nodes of a cluster leave and come back: BIRD, and the route that it installs."""

import collections
import signal
import time

from clustertest.cluster import NODES, PORT, SERVERS, SERVICE
from clustertest.load import Flows, Steady, greeting

WAY = ("bird", "plain")
SETTINGS = {"ANNOUNCE_WAIT": "1"}


def leave(cluster, node, load, tell):
    """Waits until the router does without a node that was told to leave, however long that takes."""
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
        for node in (*cluster.nodes.values(), *cluster.nodes.values()):  # twice: not by taking turns
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
            # drain.grace of the config is long enough for the router; then nothing has to be waited for any more.
            leave(cluster, node, load, lambda: node.signal(signal.SIGTERM))
            node.end(signal.SIGINT)
            come_back(cluster, node, load, node.start)
            load.goes_on(20)
        took = time.monotonic() - start
    cut = load.cut()
    assert all(len(servers) == 1 for servers in load.servers_by_source().values())
    report(f"{len(load.done)} connections in {took:.0f} s, {len(cut)} cut by 6 switches of the router, 0 failed else")


def test_a_drain_waits_for_open_pairs_and_says_how_many_it_cuts(cluster, report):
    node = cluster.nodes[1]
    with Flows(cluster, 24) as flows:
        on_it = flows.nodes()[1]
        assert on_it
        known = node.pairs_open()  # perhaps more: what a switch has cut before is open here, until a timer ends it
        start = time.monotonic()
        drain(node)
        switched = cluster.routed(NODES - {1}, start)
        waits, cuts, goes = (node.says(text, start) for text in ("waits for", "are cut", " goes: "))
        assert f"waits for {known} open pairs" in waits[1] and f"{known} open pairs are cut" in cuts[1]
        assert cuts[0] - waits[0] >= 0.98  # ANNOUNCE_WAIT, by a clock of hundredths
        # Each of them heard it, without a byte of its own.
        assert flows.heard(on_it) == {1: on_it}
    report(f"waited {cuts[0] - waits[0]:.2f} s, {on_it} of its pairs are cut; the router had switched "
           f"{(switched - goes[0]) * 1e3:.0f} ms later")
    node.post("/v1/undrain")


def test_a_drain_waits_no_longer_than_its_pairs(cluster):
    node = cluster.nodes[3]
    with Flows(cluster, 24) as flows:
        assert flows.nodes()[3]
        start = time.monotonic()
        drain(node)
        node.says("waits for", start)
    goes = node.says(" goes: ", start)[1]
    assert "no pair is open" in goes or node.said("are cut", start) and time.monotonic() - start >= 1
    cluster.routed(NODES - {3}, start)
    node.post("/v1/undrain")


def test_a_drain_that_is_undone_leaves_the_address(cluster):
    node = cluster.nodes[3]
    with Flows(cluster, 24) as flows:
        start = time.monotonic()
        drain(node)
        node.says("waits for", start)
        node.post("/v1/undrain")
        if not node.said(" goes: ", start):
            assert not flows.probe()
