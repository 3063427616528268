# SPDX-License-Identifier: ISC
"""
The parts of bench/peers. A part is a table of works by proxies; each round does each work once through
each proxy, in a new random order.
"""
import contextlib
import os
import random
import sys
import time

from benchlib import edge, work
from benchlib.host import install
from benchlib.proxies import PROXIES, Proxy

ORIGIN = Proxy("origin", "origin", "origin", "nginx")
PROXIED = Proxy("origin", "origin, behind PROXY headers", "origin", "nginx", proxied=" proxy_protocol")
STREAM_WORKS = {"1": (1, False), "1-reverse": (1, True), "8": (8, False), "8-reverse": (8, True)}
BULK = ["weir", "weir-before", "weir-copy", "haproxy", "haproxy-splice", "nginx", "socket-proxyd", "floor",
        "floor-splice"]
BESIDES = ["haproxy", "nginx", "socket-proxyd", "floor"]


class Part:
    """A part: its proxies, its works (with the function that does one), and how long they take."""

    def __init__(self, title, proxies, works, needs, step_s, do, origin=ORIGIN):
        self.title = title
        self.proxies = proxies
        self.works = works
        self.needs = needs
        self.step_s = step_s
        self.do = do
        self.origin = origin

    def steps(self, args):
        """What one round does: each (proxy, work)."""
        return [(name, one) for name in self.proxies if name in args.proxies for one in self.works]

    def estimate_s(self, args):
        """About how long the part will take."""
        return args.rounds * len(self.steps(args)) * self.step_s(args)


def _bulk(stage, proxy, works, user, _):
    return work.bulk(stage, proxy, user, *STREAM_WORKS[works])


def _wrk(stage, proxy, works, user, origin):
    """`works` is the number of connections, or "close": a new one for each request."""
    close = works == "close"
    with stage.run(proxy, origin, user) as (port, account):
        return work.wrk(port, account, stage.args.seconds, 64 if close else int(works), close)


def _balance(stage, proxy, works, user, origin):
    """`works` is the number of servers, which are used in rotation."""
    with stage.run(proxy, origin, user, int(works)) as (port, account):
        return work.wrk(port, account, stage.args.seconds, 64, close=True)


def _proxied(stage, proxy, _, user, origin):
    with stage.run(proxy, origin, user, edge=edge.proxy_headers) as (port, account):
        return work.opened(stage, port, account, edge.PROXIED_REQUEST)


def _routed(stage, proxy, works, user, origin):
    """`works` is the number of names; clients ask for the last one. The server takes the ClientHello for a bad
    request, answers and closes, so the figures contain no TLS handshake."""
    with stage.run(proxy, origin, user, edge=edge.routes(int(works))) as (port, account):
        return work.opened(stage, port, account, edge.hello(edge.names(int(works))[-1]))


def _idle(stage, proxy, _, user, origin):
    return work.idle(stage, proxy, user, origin)


def _growth(stage, proxy, _, user, origin):
    return work.growth(stage, proxy, user, origin)


def _as_root(stage, proxy, works, _, origin):
    return _bulk(stage, proxy, works, None, origin)


PARTS = {
    "bulk": Part("bulk", BULK, list(STREAM_WORKS), ["iperf3"], lambda args: args.seconds + 0.7, _bulk),
    "bulk-root": Part("bulk, proxies run by root",
                      ["weir", "weir-before", "haproxy-splice", "socket-proxyd",
                       "floor-splice"], ["1"],
                      ["iperf3"], lambda args: args.seconds + 0.7, _as_root),
    "keepalive": Part("requests", ["weir", "weir-before", *BESIDES], ["1", "64"], ["wrk", "nginx"],
                      lambda args: args.seconds + 0.5, _wrk),
    "connections": Part("connections", ["weir", "weir-before", "weir-info", *BESIDES], ["close"],
                        ["wrk", "nginx"], lambda args: args.seconds + 0.5, _wrk),
    "workers": Part("one worker more", ["weir", "weir-2"], ["close", "64"], ["wrk", "nginx"],
                    lambda args: args.seconds + 0.5, _wrk),
    "balance": Part("servers", ["weir", "haproxy", "nginx"], ["1", "8", "1000"], ["wrk", "nginx"],
                    lambda args: args.seconds + 0.7, _balance),
    "proxy": Part("PROXY headers", ["weir", "haproxy", "nginx"], ["close"], ["gcc", "nginx"],
                  lambda args: args.seconds + 0.7, _proxied, PROXIED),
    "sni": Part("routes", ["weir", "haproxy", "nginx"], ["10", "10000"], ["gcc", "nginx"],
                lambda args: args.seconds + 0.9, _routed),
    "idle": Part("idle pairs", ["weir", "weir-before", *BESIDES], ["pairs"], ["nginx"],
                 lambda args: 2 * args.seconds + 2 * work.SETTLE_S + args.pairs / 1500, _idle),
    "growth": Part("growth", ["weir", "weir-before", "weir-2", "haproxy", "nginx"], ["64"], ["wrk", "nginx"],
                   lambda args: 4 * (args.seconds + 1) + args.pairs / 1000, _growth),
}


def missing(args):
    """Leaves out the proxies and parts that lack a program, and prints a line for each."""
    for name in [one for one in args.proxies if PROXIES[one].needs]:
        if not install(PROXIES[name].needs, args.install):
            print(f"{PROXIES[name].needs} is not installed: {name} is left out", file=sys.stderr)
            args.proxies.remove(name)
    for name in list(args.only):
        lacks = [one for one in PARTS[name].needs if not install(one, args.install)]
        if lacks or (name == "bulk-root" and os.geteuid() != 0):
            print(f"{', '.join(lacks) or 'root'} is missing: {name} is left out", file=sys.stderr)
            args.only.remove(name)


def do_step(part, stage, name, works, user, origin):
    """Does one work through one proxy. A failure is kept as its result, so that it does not end a long run."""
    try:
        return part.do(stage, PROXIES[name], works, user, origin)
    except Exception as error:  # any failure counts
        print(f"{name}, {part.title} {works}: {error}", file=sys.stderr)
        return {"error": str(error)}


def run_part(name, stage, args, keep):
    """Runs all rounds of a part; after each, `keep` gets the results so far."""
    part = PARTS[name]
    rounds = []
    began = time.time()
    with contextlib.ExitStack() as stack:
        origin = None
        if "nginx" in part.needs:
            origin, _ = stack.enter_context(stage.run(part.origin, 0, args.user))
        for number in range(args.rounds):
            print(f"{part.title}: round {number + 1} of {args.rounds}", file=sys.stderr)
            steps = part.steps(args)
            random.shuffle(steps)
            rounds.append([{"proxy": proxy, "work": works,
                            **do_step(part, stage, proxy, works, args.user, origin)}
                           for proxy, works in steps])
            keep(name, {"began": int(began), "took_s": int(time.time() - began),
                        "load_1m": os.getloadavg()[0], "seconds": args.seconds,
                        "pairs": args.pairs, "user": args.user or "own", "rounds": rounds})
