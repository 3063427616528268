# SPDX-License-Identifier: ISC
"""Which open connections a node's leaving cuts: its own, and those of other nodes that the router moves."""

import collections
import time

import pytest
from clustertest.cluster import NODES, Cluster, run
from clustertest.load import Flows

from weirtest import wait
from weirtest.settings import DEADLINE

COUNT = 640


def buckets(cluster):
    """How many buckets of the resilient group lead to each node."""
    lines = run("ip", "-n", cluster.namespace("router"), "nexthop", "bucket", "show", "id", 100).stdout.splitlines()
    return collections.Counter(int(line.split("nhid ")[1].split()[0]) for line in lines)


@pytest.mark.parametrize("kind", ("plain", "resilient"))
def test_flows_that_are_cut_are_counted(kind, report):
    with Cluster("bird", kind, ANNOUNCE_WAIT="0") as cluster, Flows(cluster, COUNT) as flows:
        assert not flows.probe()
        for number in (1, 2):  # at the end of the route, as node 3 is, and in its midst
            node = cluster.nodes[number]
            before = flows.nodes()
            leaves = time.monotonic()
            node.post("/v1/drain", {"grace": "60s"})
            left_at = cluster.routed(NODES - {number}, leaves)
            left = flows.probe()
            flows.renew()
            comes = time.monotonic()
            node.post("/v1/undrain")
            came_at = cluster.routed(NODES, comes)
            came = flows.probe()
            flows.close()
            if kind == "resilient":
                # Nothing moves any more, and so the buckets do.
                wait.until(lambda: buckets(cluster)[number] > 40, f"node {number} has buckets again", 2 * DEADLINE)
            flows.renew()
            cluster.was_quiet(leaves, but_in=[(leaves, left_at), (comes, came_at)])
            # Packets of its own reach another kernel. Those of the others need not move.
            others = sum(left.values()) - left[number]
            assert left[number] == before[number]
            assert kind == "plain" or not others
            report(f"{kind}, {COUNT} flows, node {number} leaves: {left[number]} of its own are cut and {others} of the "
                   f"others; it comes back: {sum(came.values())} are cut; of {COUNT} new ones it has "
                   f"{flows.nodes()[number]}")


def test_a_link_that_goes_and_comes_back_is_in_the_group_again(report):
    with Cluster("bird", "resilient") as cluster, Flows(cluster, 64) as flows:
        on_it = flows.nodes()[2]
        start = time.monotonic()
        cluster.ip("n2", "link", "set", "eth0", "down")
        gone = cluster.routed(NODES - {2}, start)
        assert flows.probe() == {2: on_it}
        flows.close()
        back = time.monotonic()
        cluster.plug_in(2)
        cluster.routed(NODES, back)
        wait.until(lambda: buckets(cluster)[2] > 40, "node 2 has buckets again", 2 * DEADLINE)
        flows.renew()
        assert flows.nodes()[2]
        report(f"resilient: a link that goes down is noticed after {(gone - start) * 1e3:.0f} ms, {on_it} of 64 flows cut")
