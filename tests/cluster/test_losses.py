# SPDX-License-Identifier: ISC
"""What is lost when a part of the cluster fails, and how soon the others know: nodes, servers, DNS."""

import signal
import time

import pytest
from clustertest.cluster import NODES, SERVERS
from clustertest.load import Flows, Steady

from weirtest import wait
from weirtest.settings import DEADLINE

WAY = ("bird", "plain")
SETTINGS = {"ANNOUNCE_TIMEOUT": "2", "ANNOUNCE_EVERY": "0.2"}
SRV = "_app._tcp.cluster.test."


def usable(node):
    return {address for address, is_usable in node.servers().items() if is_usable}


def kill_weir(cluster):
    node = cluster.nodes[1]
    return 1, lambda: node.end(signal.SIGKILL), node.start


def stop_weir(cluster):
    node = cluster.nodes[1]
    return 1, lambda: node.signal(signal.SIGSTOP), lambda: node.signal(signal.SIGCONT)


def silence(cluster):
    rules = ("add table inet silence; "
             "add chain inet silence in { type filter hook input priority 0; policy drop; }; "
             "add chain inet silence out { type filter hook output priority 0; policy drop; }")
    return 2, (lambda: cluster.inside("n2", "nft", rules)), \
        (lambda: cluster.inside("n2", "nft", "delete table inet silence"))


def unplug(cluster):
    return 3, (lambda: cluster.ip("n3", "link", "set", "eth0", "down")), lambda: cluster.plug_in(3)


@pytest.mark.parametrize("how", (kill_weir, stop_weir, silence, unplug))
def test_a_node_that_is_lost_is_noticed(cluster, report, how):
    number, strike, mend = how(cluster)
    with Steady(cluster) as load:
        load.goes_on(20)
        start = time.monotonic()
        strike()
        gone = cluster.routed(NODES - {number}, start)
        load.excuse(start, gone)
        assert how is not silence or "BFD session down" in cluster.bird("show", "protocols", f"n{number}")
        load.goes_on(20)
        start_of_return = time.monotonic()
        mend()
        back = cluster.routed(NODES, start_of_return)
        load.excuse(start_of_return, back)
        load.goes_on(20)
    cut = load.cut()
    report(f"{how.__name__}: noticed after {(gone - start) * 1e3:.0f} ms, back {back - start_of_return:.1f} s after it "
           f"was mended; {len(cut)} of {len(load.done)} connections cut, none that began when the router had switched")


def test_a_server_that_dies_is_left_out(cluster, report):
    with Flows(cluster, 64) as flows, Steady(cluster) as load:
        load.goes_on(40)
        before = load.servers_by_source()
        start = time.monotonic()
        cluster.end("s2", "server")
        died = time.monotonic()
        load.excuse(start, died)  # whom it served, or had in its queue
        load.goes_on(40)
        cut = flows.probe()
        for node in cluster.nodes.values():
            wait.until(lambda: SERVERS["s2"] not in usable(node), "its check fails")
        load.goes_on(40)
        restarted = time.monotonic()
        cluster.shell("server 2")
        for node in cluster.nodes.values():
            wait.until(lambda: SERVERS["s2"] in usable(node), "its check succeeds")
        again = time.monotonic()
        load.goes_on(40)
    lost = load.cut()
    assert not [one for one in load.done if one.server == "s2" and died <= one.began and one.ended < restarted]
    after = {one.source: one.server for one in load.done if not one.error and one.began >= again}
    assert all(before[source] == {server} for source, server in after.items() if source in before)
    report(f"{sum(cut.values())} of 64 open flows and {len(lost)} of {len(load.done)} connections are cut, none that "
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
    with Steady(cluster) as load, Flows(cluster, 24) as flows:
        cluster.end("router", "unbound")
        start = time.monotonic()
        for node in cluster.nodes.values():
            wait.until(lambda: [one for one in node.log() if one["event"] == "discover_failed"], "a lookup fails")
        load.goes_on(100)
        for node in cluster.nodes.values():
            assert usable(node) == set(SERVERS.values())
        assert not flows.probe()
        took = time.monotonic() - start
        cluster.shell("names")
    assert not load.cut()
    report(f"{len(load.done)} connections in {took:.1f} s without DNS, 0 failed")
