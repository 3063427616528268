# SPDX-License-Identifier: ISC
"""examples/cluster/bird/nexthops makes a resilient group from a route, and follows the changes of the route."""

import contextlib
import json
import os
import subprocess
import time

import pytest
from clustertest import netns
from clustertest.cluster import EXAMPLE, NODES, SERVICE, Cluster, run
from clustertest.load import Flows

from weirtest import wait
from weirtest.settings import DEADLINE

TABLE = 100
pytestmark = pytest.mark.skipif(not netns.has_resilient_groups(), reason="this kernel has no resilient next-hop groups")


class Router:
    """For `with`: a namespace with one device, in which nexthops runs."""

    def __init__(self):
        self._name = f"t{os.getpid()}nexthops"
        self._process = None

    def __enter__(self):
        run("ip", "netns", "add", self._name)
        try:
            for command in ("link add e0 type veth peer name e1", "link set e0 up", "link set e1 up",
                            "address add 10.0.0.1/24 dev e0"):
                self.ip(*command.split())
            self._process = subprocess.Popen(
                ("ip", "netns", "exec", self._name, EXAMPLE / "bird/nexthops", SERVICE, str(TABLE)),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for pid in run("ip", "netns", "pids", self._name).stdout.split():
            with contextlib.suppress(ProcessLookupError):  # a program may have ended meanwhile
                os.kill(int(pid), 9)
        if self._process:
            self._process.wait(DEADLINE)
        run("ip", "netns", "delete", self._name)

    def ip(self, *argv):
        return run("ip", "-n", self._name, *argv).stdout

    def route(self, *gateways):
        """Sets the route as BIRD would."""
        hops = [word for one in gateways for word in ("nexthop", "via", one, "dev", "e0")]
        self.ip("route", "replace", "table", TABLE, SERVICE, *hops)

    def json(self, *argv):
        return json.loads(self.ip("-j", *argv) or "[]")

    def leads_to(self, *gateways):
        """Whether clients are led to these gateways and no other, and no other next hop exists."""
        known = self.json("nexthop")
        hops = {one["id"]: one["gateway"] for one in known if "gateway" in one}
        groups = [[hops.get(one["id"]) for one in group["group"]] for group in known if "group" in group]
        routes = [route for route in self.json("route") if route["dst"] == SERVICE]
        return (sorted(hops.values()) == sorted(gateways) and [sorted(one) for one in groups] == [sorted(gateways)]
                and len(routes) == 1)


def test_nodes_behind_one_device_are_a_group_that_follows_the_route():
    with Router() as router:
        for gateways in (("10.0.0.2", "10.0.0.3"), ("10.0.0.2", "10.0.0.4", "10.0.0.5"), ("10.0.0.5",)):
            router.route(*gateways)
            wait.until(lambda: router.leads_to(*gateways), f"clients are led to {gateways}", every=0.05)
        router.ip("route", "delete", "table", TABLE, SERVICE)
        wait.until(lambda: not router.json("nexthop"), "nothing is left", every=0.05)


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
        wait.until(lambda: cluster.buckets()[2] > 40, "node 2 has buckets again", 2 * DEADLINE)
        flows.renew()
        assert flows.nodes()[2]
        report(f"resilient: a link that goes down is noticed after {(gone - start) * 1e3:.0f} ms, "
               f"{on_it} of 64 flows are cut")
