# SPDX-License-Identifier: ISC
"""What is lost when a part of the cluster fails (a node, a server, DNS), and how soon the other parts notice."""

import contextlib
import time

import pytest
from clustertest import faults
from clustertest.cluster import NODES, SERVERS
from clustertest.faults import hung, killed, silent, unplugged
from clustertest.load import Flows, Steady

from weirtest import wait
from weirtest.settings import DEADLINE

WAY = ("bird", "plain")
SRV = "_app._tcp.cluster.test."


def lookups_failed(node):
    return sum(one["event"] == "discover_failed" for one in node.log())


def usable(node):
    return {address for address, is_usable in node.servers().items() if is_usable}


@pytest.mark.parametrize("fault, number", ((killed, 1), (hung, 1), (silent, 2), (unplugged, 3)))
def test_a_node_that_is_lost_is_noticed(cluster, report, fault, number):
    with Steady(cluster) as load, contextlib.ExitStack() as mended:
        load.goes_on(20)
        start = time.monotonic()
        mended.enter_context(fault(cluster, number))
        gone = cluster.routed(NODES - {number}, start)
        load.excuse(start, gone)
        assert fault is not silent or "BFD session down" in cluster.bird("show", "protocols", f"n{number}")
        load.goes_on(20)
        start_of_return = time.monotonic()
        mended.close()
        back = cluster.routed(NODES, start_of_return)
        assert fault not in (killed, hung) or back - start_of_return >= 1.95  # ANNOUNCE_RISE: 2 s of good answers
        load.excuse(start_of_return, back)
        load.goes_on(20)
    lost, later = load.cut_in_each()
    report(f"{fault.__name__}: noticed after {(gone - start) * 1e3:.0f} ms, back {back - start_of_return:.1f} s after it "
           f"was mended; {lost} and {later} of {len(load.done)} connections cut, none that began when the router had switched")


def test_a_server_that_dies_is_left_out(cluster, report):
    with Flows(cluster, 64) as flows, Steady(cluster) as load, contextlib.ExitStack() as mended:
        load.goes_on(40)
        before = load.servers_by_source()
        its = flows.by("server")["s2"]
        start = time.monotonic()
        mended.enter_context(faults.without(cluster, "s2", "server", "server 2"))
        died = time.monotonic()
        load.excuse(start, died)  # clients that it served, or had in its accept queue
        load.goes_on(40)
        cut = flows.probe("server")
        for node in cluster.nodes.values():
            wait.until(lambda: SERVERS["s2"] not in usable(node), "its check fails")
        load.goes_on(40)
        restarted = time.monotonic()
        mended.close()
        for node in cluster.nodes.values():
            wait.until(lambda: SERVERS["s2"] in usable(node), "its check succeeds")
        again = time.monotonic()
        load.goes_on(40)
    lost = load.cut()
    assert its and cut == {"s2": its}
    assert not [one for one in load.done if one.server == "s2" and died <= one.began and one.ended < restarted]
    after = {one.source: one.server for one in load.done if not one.error and one.began >= again}
    assert all(before[source] == {server} for source, server in after.items() if source in before)
    report(f"{its} of 64 open flows, all that it has, and {len(lost)} of {len(load.done)} connections are cut, none that "
           "began later")


def test_servers_follow_dns(cluster, report):
    with Steady(cluster) as load:
        load.goes_on(40)
        start = time.monotonic()
        cluster.dns("local_data_remove", SRV)
        for server in ("s1", "s3"):
            cluster.dns("local_data", f"{SRV} 1 SRV 0 1 7000 {server}.cluster.test.")
        for node in cluster.nodes.values():
            wait.until(lambda: set(node.servers()) == {SERVERS["s1"], SERVERS["s3"]}, "two servers", 2 * DEADLINE)
        changed = load.goes_on(40)
        cluster.dns("local_data", f"{SRV} 1 SRV 0 1 7000 s2.cluster.test.")
        for node in cluster.nodes.values():
            wait.until(lambda: set(node.servers()) == set(SERVERS.values()), "three servers", 2 * DEADLINE)
        load.goes_on(40)
    assert not load.cut()
    report(f"{len(load.done)} connections, 0 failed; all nodes had followed {changed - start:.1f} s after the change")


def test_nothing_happens_without_dns(cluster, report):
    with Steady(cluster) as load, Flows(cluster, 24) as flows, contextlib.ExitStack() as mended:
        before = {node: lookups_failed(node) for node in cluster.nodes.values()}
        start = time.monotonic()
        mended.enter_context(faults.without(cluster, "router", "unbound", "names"))
        for node in cluster.nodes.values():
            wait.until(lambda: lookups_failed(node) > before[node], "a lookup fails")
        load.goes_on(100)
        for node in cluster.nodes.values():
            assert usable(node) == set(SERVERS.values())
        assert not flows.probe()
        took = time.monotonic() - start
    assert not load.cut()
    report(f"{len(load.done)} connections in {took:.1f} s without DNS, 0 failed")
