# SPDX-License-Identifier: ISC
"""Which open connections a node's leaving cuts: its own, and those of other nodes that the router moves."""

import collections
import time

import pytest
from clustertest import netns
from clustertest.cluster import NODES, Cluster, run
from clustertest.load import Flows, Steady

from weirtest import wait
from weirtest.settings import DEADLINE

COUNT = 640


def buckets(cluster):
    """How many buckets of the resilient group lead to each node."""
    lines = run("ip", "-n", cluster.namespace("router"), "nexthop", "bucket", "show", "id", 100).stdout.splitlines()
    return collections.Counter(int(line.split("nhid ")[1].split()[0]) for line in lines)


@pytest.fixture
def resilient():
    if not netns.has_resilient_groups():
        pytest.skip("this kernel has no resilient next-hop groups")


@pytest.mark.parametrize("kind", ("plain", pytest.param("resilient", marks=pytest.mark.usefixtures("resilient"))))
def test_flows_that_are_cut_are_counted(kind, report):
    with Cluster("bird", kind, ANNOUNCE_WAIT="0") as cluster, Flows(cluster, COUNT) as flows:
        assert not flows.probe()
        for number in (1, 2):  # at the end of the route, as node 3 is, and in its midst
            node = cluster.nodes[number]
            before = flows.nodes()
            with Steady(cluster, rate=30) as load:
                start = time.monotonic()
                node.post("/v1/drain", {"grace": "60s"})
                load.excuse(start, cluster.routed(NODES - {number}, start))
                left = flows.probe()
                flows.renew()
                start = time.monotonic()
                node.post("/v1/undrain")
                load.excuse(start, cluster.routed(NODES, start))
                came = flows.probe()
                flows.close()
            short = len(load.cut())
            if kind == "resilient":
                # Nothing moves any more, and so the buckets do.
                wait.until(lambda: buckets(cluster)[number] > 40, "it has buckets again", 2 * DEADLINE)
            flows.renew()
            # Packets of its own reach another kernel. Those of the others need not move.
            others = sum(left.values()) - left[number]
            assert left[number] == before[number]
            assert kind == "plain" or not others
            report(f"{kind}, {COUNT} flows, node {number} leaves: {left[number]} of its own are cut and {others} of the "
                   f"others; it comes back: {sum(came.values())} are cut; {short} of {len(load.done)} short ones, none "
                   f"that began after a switch; of {COUNT} new ones it has {flows.nodes()[number]}")


@pytest.mark.usefixtures("resilient")
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
        report(f"resilient: a link that goes down is noticed after {(gone - start) * 1e3:.0f} ms, "
               f"{on_it} of 64 flows are cut")
