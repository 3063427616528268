# SPDX-License-Identifier: ISC
"""A record of which node has which address of the service, and since when. keepalived moves the addresses."""

import json
import re
import subprocess
import threading
import time

from weirtest.settings import DEADLINE

from .cluster import NODES

_LINE = re.compile(r"(Deleted )?\d+: \S+\s+inet (192\.0\.2\.\d+)/32 ")


class Addresses:
    """For `with`: follows the addresses of all nodes of a cluster."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._seen = []  # (when, node, address, whether it came)
        self._has = {number: set() for number in NODES}
        self._news = threading.Condition()
        self._monitors = {}

    def __enter__(self):
        for number in NODES:
            monitor = subprocess.Popen(["ip", "-n", self._cluster.namespace(f"n{number}"), "monitor", "address"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            self._monitors[number] = monitor
            threading.Thread(target=self._follow, args=(number, monitor.stdout), daemon=True).start()
        with self._news:
            for number in NODES:
                for link in json.loads(self._cluster.ip(f"n{number}", "address", "show", "dev", "eth0")):
                    self._has[number] |= {one["local"] for one in link["addr_info"] if one["local"].startswith("192.0.2.")}
        return self

    def __exit__(self, *_):
        for monitor in self._monitors.values():
            monitor.kill()
            monitor.wait()

    def _follow(self, number, lines):
        for line in lines:
            if found := _LINE.match(line):
                with self._news:
                    self._seen.append((time.monotonic(), number, found[2], not found[1]))
                    (self._has[number].discard if found[1] else self._has[number].add)(found[2])
                    self._news.notify_all()

    def has(self, number):
        with self._news:
            return set(self._has[number])

    def wait(self, where, deadline=2 * DEADLINE):
        """Waits until each of these nodes has these addresses and no other: {1: {"192.0.2.1"}, 3: set()}."""
        with self._news:
            assert self._news.wait_for(lambda: all(self._has[number] == had for number, had in where.items()), deadline), \
                f"the addresses are {self._has}, not {where}"

    def had(self, number, address):
        """Waits until this node gives the address up. Returns the last moment at which it certainly had it."""
        last = time.monotonic()
        end = last + 2 * DEADLINE
        while (now := time.monotonic()) < end:
            if f'"{address}"' not in self._cluster.ip(f"n{number}", "address", "show", "dev", "eth0"):
                return last
            last = now
            time.sleep(0.02)
        raise AssertionError(f"node {number} keeps {address}")

    def came(self, number, address, since):
        """Waits until this node has got the address, after `since`. Returns when that was."""
        def seen():
            return [one[0] for one in self._seen if one[1:] == (number, address, True) and one[0] >= since]
        with self._news:
            assert self._news.wait_for(seen, 2 * DEADLINE), f"node {number}, {address}: {self._seen}"
            return seen()[0]
