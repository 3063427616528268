# SPDX-License-Identifier: ISC
"""Faults of a node, each for `with`: at the end the node is mended, even if the test has failed."""

import contextlib
import signal

# Packets are dropped at the device, and ARP too: a node that still sent ARP would take its address back all the time.
_CHAIN = "add chain netdev silence {0} {{ type filter hook {0}gress device eth0 priority 0; policy drop; }};"
_SILENCE = "add table netdev silence;" + _CHAIN.format("in") + _CHAIN.format("e")


@contextlib.contextmanager
def _struck(strike, mend):
    strike()
    try:
        yield
    finally:
        mend()


def killed(cluster, number):
    node = cluster.nodes[number]
    return _struck(lambda: node.end(signal.SIGKILL), node.start)


def hung(cluster, number):
    node = cluster.nodes[number]
    return _struck(lambda: node.signal(signal.SIGSTOP), lambda: node.signal(signal.SIGCONT))


def silent(cluster, number):
    return _struck(lambda: cluster.inside(f"n{number}", "nft", _SILENCE),
                   lambda: cluster.inside(f"n{number}", "nft", "delete table netdev silence"))


def unplugged(cluster, number):
    """Sets the node's end of its link down."""
    return _struck(lambda: cluster.ip(f"n{number}", "link", "set", "eth0", "down"), lambda: cluster.plug_in(number))


def cut_off(cluster, number):
    """Sets the router's end of the link down."""
    return _struck(lambda: cluster.ip("router", "link", "set", f"n{number}", "down"),
                   lambda: cluster.ip("router", "link", "set", f"n{number}", "up"))


def drained(cluster, number, grace="1h"):
    """Drains the node by a command, and puts it back into service at the end."""
    node = cluster.nodes[number]
    return _struck(lambda: node.post("/v1/drain", {"grace": grace}), lambda: node.post("/v1/undrain"))


def without(cluster, place, program, start):
    """Kills a program. At the end, `start`, a function of topology.sh with arguments, starts it again."""
    return _struck(lambda: cluster.end(place, program), lambda: cluster.shell(start))
