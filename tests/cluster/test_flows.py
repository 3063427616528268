# SPDX-License-Identifier: ISC
"""Which open connections are cut when a node leaves: its own, and those of other nodes that the router moves."""

import time

import pytest
from clustertest import netns
from clustertest.cluster import NODES, Cluster
from clustertest.load import Flows, Steady

from weirtest import wait
from weirtest.settings import DEADLINE

COUNT = 640
# These settings save processor time and waiting. The results do not depend on them.
QUICK = {"ANNOUNCE_EVERY": "0.5", "ANNOUNCE_RISE": "0"}


@pytest.fixture
def resilient():
    if not netns.has_resilient_groups():
        pytest.skip("this kernel has no resilient next-hop groups")


@pytest.mark.parametrize("kind", ("plain", pytest.param("resilient", marks=pytest.mark.usefixtures("resilient"))))
def test_flows_that_are_cut_are_counted(kind, report):
    with Cluster("bird", kind, ANNOUNCE_WAIT="0", **QUICK) as cluster, Flows(cluster, COUNT) as flows:
        assert not flows.probe()
        for number in (1, 2):  # node 1 is at an end of the route, like node 3; node 2 is in the middle
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
            leaving, returning = load.cut_in_each()
            if kind == "resilient":
                # No packets use the buckets any more, so the kernel moves them.
                wait.until(lambda: cluster.buckets()[number] > 40, "it has buckets again", 2 * DEADLINE)
            flows.renew()
            # The node's own flows are cut, because another kernel gets their packets. Other flows need not move.
            others = sum(left.values()) - left[number]
            assert left[number] == before[number]
            assert kind == "plain" or not others
            report(f"{kind}, {COUNT} flows, node {number} leaves: {left[number]} of its own are cut and {others} of the "
                   f"others; it comes back: {sum(came.values())} of the others are cut; of {COUNT} new ones it has "
                   f"{flows.nodes()[number]}")
            report(f"{kind}, {len(load.done)} short connections meanwhile: {leaving} are cut when node {number} leaves, "
                   f"{returning} when it comes back, none that began after a switch")
