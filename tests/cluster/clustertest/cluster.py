# SPDX-License-Identifier: ISC
"""A cluster that examples/cluster/up makes, with functions for the tests to change and watch it."""

import collections
import contextlib
import datetime
import functools
import glob
import itertools
import json
import os
import re
import signal
import subprocess
import threading
import time

from weirtest import asking, logfmt, wait
from weirtest.settings import DEADLINE, ROOT, WEIR

from . import netns

EXAMPLE = ROOT / "examples/cluster"
SERVICE = "192.0.2.1"
PORT = 7000
NODES = frozenset((1, 2, 3))
SERVERS = {f"s{i}": f"10.2.{i}.2:{PORT}" for i in (1, 2, 3)}

_numbers = itertools.count(1)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{3}Z?")
_SILENCE = 10  # the longest time, in seconds, from when a node falls silent to the last effect of that


def run(*argv, check=True, **options):
    done = subprocess.run([str(one) for one in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=4 * DEADLINE, check=False, **options)
    assert not check or done.returncode == 0, f"{argv[0]} failed:\n{done.stdout}{done.stderr}"
    return done


class Node:
    """One weir of the cluster. Its control socket has a path, so tests reach it from any network namespace."""

    def __init__(self, cluster, number):
        self._cluster = cluster
        self.number = number
        self.runtime = f"{cluster.folder}/n{number}"
        self.address = f"10.0.{number}.2"

    def get(self, target):
        return asking.get(self, target)

    def post(self, target, body=None):
        answer = asking.ask(self, "POST", target, body)
        assert answer.status == 200, answer.text
        return answer.json

    def pairs_open(self):
        return self.get("/v1/status")["pairs"]["open"]

    def servers(self):
        """The servers of this node: {address: whether it is usable}."""
        return {one["address"]: one["usable"] for one in self.get("/v1/upstreams")["upstreams"][0]["servers"]}

    def is_ready(self):
        with contextlib.suppress(OSError):
            return asking.ask(self, "GET", "/readyz").status == 200
        return False

    def log(self):
        with open(f"{self.runtime}/weir.log", encoding="utf-8") as file:
            return [logfmt.parse(line.rstrip("\n")) for line in file]

    def said(self, text, since=0.0):
        """The lines of weir-announce that contain `text`: [(when, line), ...], by time.monotonic()."""
        found = self._cluster.logged(f"n{self.number}/announce.log", text)
        return [(when, line) for when, line in found if when >= since - 0.01]  # the line's milliseconds are cut off

    def says(self, text, since):
        """Waits until weir-announce has written such a line, after `since`. Returns the first (when, line)."""
        return wait.until(lambda: self.said(text, since), f"weir-announce on node {self.number} says: {text}",
                          2 * DEADLINE)[0]

    def end(self, how):
        self._cluster.end(f"n{self.number}", "weir", how)

    def signal(self, number):
        os.kill(self._cluster.pid(f"n{self.number}", "weir"), number)

    def start(self):
        self._cluster.shell(f"weir {self.number}")
        wait.until(self.is_ready, f"node {self.number} is ready")


class Cluster:
    """
    For `with`: a cluster that is up, for example `Cluster("bird", "plain")`. At the end no weir may have logged an
    error, except those whose event is in `errors`.
    """

    def __init__(self, *way, errors=(), **env):
        self.name = f"t{os.getpid()}n{next(_numbers)}"
        self.folder = f"/run/weir-cluster-{self.name}"
        self.env = {**os.environ, "WEIR_CLUSTER": self.name, "WEIR": WEIR, "TZ": "UTC0", **env}
        self._way = way
        self._errors = errors
        self.nodes = {number: Node(self, number) for number in NODES}
        self._routes = []  # (when the route was seen, its nodes)
        self._news = threading.Condition()
        self._monitor = None
        self._keeper = None

    def __enter__(self):
        # The keeper runs "down" when its standard input is closed, and so when this process ends, in whatever way.
        self._keeper = subprocess.Popen(("bash", "-c", 'read -r _; exec "$0/down"', EXAMPLE), env=self.env,
                                        stdin=subprocess.PIPE, start_new_session=True)
        try:
            run(EXAMPLE / "up", *self._way, env=self.env)
            self._watch()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind, problem, trace):
        try:
            records = [one for node in self.nodes.values() for one in node.log()]
            if kind:
                self._show()
            assert None not in records, "lines that are not weir's"
            bad = [one for one in records if one.get("level") == "error" and one["event"] not in self._errors]
            assert kind or not bad, f"errors logged: {bad}"
        finally:
            self.remove()

    def _show(self):
        for path in sorted(glob.glob(f"{self.folder}/*/*.log")):
            print(f"--- {path}\n{run('tail', '-n', 30, path).stdout}")

    def remove(self):
        if self._monitor:
            self._monitor.kill()
            self._monitor.wait()
        self._keeper.stdin.close()
        assert self._keeper.wait(4 * DEADLINE) == 0

    def namespace(self, place):
        return f"{self.name}-{place}"

    def inside(self, place, *argv, check=True):
        return run("ip", "netns", "exec", self.namespace(place), *argv, check=check)

    def ip(self, place, *argv):
        return run("ip", "-j", "-n", self.namespace(place), *argv).stdout

    def shell(self, command):
        """Calls a function of topology.sh."""
        run("bash", "-c", f'. "$0/topology.sh"; {command}', EXAMPLE, env=self.env)

    def pid(self, place, program):
        """The PID of a program that "up" has started."""
        with open(f"{self.folder}/{place}/{program}.pid", encoding="ascii") as file:
            return int(file.read())

    def end(self, place, program, how=signal.SIGKILL):
        pid = self.pid(place, program)
        os.kill(pid, how)
        wait.until(lambda: not os.path.exists(f"/proc/{pid}"), f"{program} has ended", 2 * DEADLINE)

    def dns(self, *command):
        run("unbound-control", "-c", f"{self.folder}/router/unbound.conf", *command)

    def plug_in(self, number):
        """Sets the link of a node up again, and its default route, which the kernel has dropped with the link."""
        self.ip(f"n{number}", "link", "set", "eth0", "up")
        self.ip(f"n{number}", "route", "replace", "default", "via", f"10.0.{number}.1")

    def bird(self, *command):
        """Sends a command to BIRD on the router. Returns the answer."""
        return run("birdc", "-s", f"{self.folder}/router/bird.control", *command).stdout

    def buckets(self):
        """How many buckets of a resilient group lead to each node. The ID of a next hop is its address as a number."""
        lines = run("ip", "-n", self.namespace("router"), "nexthop", "bucket", "show", "id", 100).stdout.splitlines()
        return collections.Counter(int(line.split("nhid ")[1].split()[0]) >> 8 & 255 for line in lines)

    # Clients

    def tcp(self, client, source=None):
        return netns.tcp(self.namespace(f"c{client}"), source)

    # The nodes to which the router sends packets of the service: by its route (BIRD), or by ARP (keepalived)

    def _watch(self):
        what = ("route", "nexthop") if self._way[0] == "bird" else ("neigh",)
        self._monitor = subprocess.Popen(["ip", "-n", self.namespace("router"), "monitor", *what],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._follow, daemon=True).start()
        self._look()

    def _follow(self):
        for line in self._monitor.stdout:
            if not line.startswith("\t"):
                with contextlib.suppress(AssertionError):
                    self._look()

    def _look(self):
        hops = self._next_hops() if self._way[0] == "bird" else self._neighbour()
        with self._news:
            if not self._routes or self._routes[-1][1] != hops:
                self._routes.append((time.monotonic(), hops))
            self._news.notify_all()

    def _next_hops(self):
        found = json.loads(self.ip("router", "route", "show", SERVICE) or "[]")
        return frozenset(int(one["dev"][1:]) for route in found for one in route.get("nexthops", [route])
                         if "linkdown" not in one.get("flags", []))

    def _neighbour(self):
        """The node that has the service's address in the router's ARP table; none before the first answer."""
        found = json.loads(self.ip("router", "neigh", "show", SERVICE) or "[]")
        return frozenset(number for number in NODES for one in found if one.get("lladdr") == self._hardware(number))

    @functools.lru_cache(maxsize=None)  # pylint: disable=method-cache-max-size-none
    def _hardware(self, number):
        return json.loads(self.ip(f"n{number}", "link", "show", "eth0"))[0]["address"]

    def routed(self, hops, since=0.0, deadline=2 * DEADLINE):
        """Waits until the route has exactly these nodes. Returns when that was first seen, after `since`."""
        def seen():
            return [when for when, nodes in self._routes if nodes == frozenset(hops) and when >= since]
        end = time.monotonic() + deadline
        with self._news:
            while not seen():
                left = end - time.monotonic()
                assert left > 0, f"the route is {self._routes[-1]}, not {hops}"
                self._news.wait(left)
            return seen()[0]

    def settled(self, hops, since, seconds=1.5):
        """
        Like routed(), for keepalived: a node that takes an address over announces it twice, a second apart
        (vrrp_garp_master_delay), and the node that leaves may announce it once more between. Waits until the route has
        these nodes and has not changed for `seconds`. Returns when the route was seen to have them.
        """
        def is_settled():
            with self._news:
                when, nodes = self._routes[-1]
            return nodes == frozenset(hops) and when >= since and time.monotonic() - when >= seconds and when
        return wait.until(is_settled, f"a route over {set(hops)} that stays", 2 * DEADLINE)

    def switched_by_itself(self, since, asked):
        """
        The switches of the router after `since` that no test caused: their times are in none of `asked`. Returns
        [(from, until), ...]; each includes the time before the switch in which a node fell silent. The logs must say
        that a node was silent: a node that leaves for another reason fails the test.
        """
        with self._news:
            routes = list(self._routes)
        found, left = [], {}
        for (_, before), (when, now) in zip(routes, routes[1:]):
            left.update(dict.fromkeys(before - now, when))
            if when >= since and not any(start <= when <= end for start, end in asked):
                for number in before ^ now:  # a node that comes has left before
                    assert self._was_silent(number, left.get(number, since)), \
                        f"node {number} has left the route, {before} and then {now}, and was not silent"
                found.append((when - _SILENCE, when + 1))
        return found

    def _was_silent(self, number, when):
        """Whether BIRD or weir-announce took this node for dead just before it left the route. keepalived does not log
        why a node takes an address over; with it, the result is whether this machine is busy."""
        if self._way[0] != "bird":
            return os.getloadavg()[0] > os.cpu_count()
        words = [("router/bird.log", f"n{number}: BFD session down"), (f"n{number}/bird.log", "uplink: BFD session down"),
                 (f"n{number}/announce.log", "has not answered")]
        return any(when - _SILENCE <= one <= when + 1 for log, text in words for one, _ in self.logged(log, text))

    def logged(self, log, text):
        """The lines of a log that contain `text`: [(when, line), ...], by time.monotonic()."""
        with open(f"{self.folder}/{log}", encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file if text in line]
        offset = time.time() - time.monotonic()
        return [(datetime.datetime.fromisoformat(_TIME.match(line)[0].rstrip("Z") + "+00:00").timestamp() - offset, line)
                for line in lines]

    def whole(self):
        """Puts all nodes back into service, and waits until all can use all servers, also after a failed test."""
        for node in self.nodes.values():
            node.post("/v1/undrain")
        wait.until(lambda: self._routes[-1][1] == NODES, "a route over three nodes", 2 * DEADLINE)
        for node in self.nodes.values():
            wait.until(lambda: sorted(address for address, usable in node.servers().items() if usable) ==
                       sorted(SERVERS.values()), f"all servers usable on node {node.number}")
