# SPDX-License-Identifier: ISC
"""All that changes the choice of a server, at once and under load: no client may notice any of it."""

import contextlib
import itertools

import pytest

from test_checks import Switch
from weirtest import nameserver, peers
from weirtest.address import tcp
from weirtest.house import Callers, exchange, house, upstream
from weirtest.settings import scaled

CALLERS = 8
FOUND = ("127.0.0.2", "127.0.0.3")


@contextlib.contextmanager
def echoes_at(*hosts):
    """A port at which each of these addresses has an echo server."""
    for _ in range(20):
        with contextlib.ExitStack() as stack:
            def echo(host, port, stack=stack):
                return stack.enter_context(contextlib.closing(
                    peers.Server(None, None, peers.echo, at=tcp(host, port))))
            port = echo(hosts[0], 0).address.sockaddr[1]
            try:
                for host in hosts[1:]:
                    echo(host, port)
            except OSError:
                continue
            yield port
            return
    raise RuntimeError("no port that is free on all addresses")


def app(own, healths, found, weights, balance):
    """
    An upstream with servers that have a check address and few places, one server that refuses, and those that
    DNS finds. The latter stay while the DNS server has no records for a moment, between the old ones and the
    new.
    """
    made = {**upstream(*own), "balance": balance, "slow_start": "100ms", "queue_max": 100, "tries": 10,
            "check": {"every": "50ms", "timeout": "5s", "rise": 1, "fall": 1},
            "eject": {"failures": 1, "for": "100ms", "at_most": 100},
            "discover": f"dns:app.test:{found}", "discovery": {"hold": "1m", "max_pairs": 2}}
    for server, health, weight in zip(made["servers"], healths, weights):
        server.update(weight=weight, max_pairs=2, check={"address": str(health)} if health else "off")
    return made


@pytest.mark.workers
def test_no_client_feels_checks_ejections_weights_discovery_and_reloads_together(report):
    """It also uses the queue: there are eight clients at a time, and a server has two places."""
    with nameserver.serving(app=[f"1 A {FOUND[0]}"]) as dns, echoes_at(*FOUND) as found, \
            house(workers=4, resolver={"servers": [str(dns)], "timeout": "1s"}) as here:
        healths = [here.stack.enter_context(contextlib.closing(Switch(here.weir.folder))) for _ in range(2)]
        refusing = here.stack.enter_context(contextlib.closing(peers.RefusingUpstream("tcp4", here.weir.folder)))
        own = [here.server(), here.server(), refusing]
        balances = itertools.cycle(("least_pairs", "random", "round_robin", "hash", "first"))

        def reload(*weights):
            here.reload(upstreams=[app(own, [*healths, None], found, weights, next(balances))])

        reload(1, 1, 1)
        callers = Callers(here.weir.address, CALLERS)
        for nth in range(scaled(10, 5)):
            health = healths[nth % 2]
            if health.server:
                n_told = len(here.weir.records("server_down"))
                health.kill()
                here.weir.record("server_down", nth=n_told)
            else:
                n_told = len(here.weir.records("server_up"))
                health.start()
                here.weir.record("server_up", nth=n_told)
            dns.set("app.test", f"1 A {FOUND[nth % 2]}")
            callers.wait_served(CALLERS)
            reload(nth % 3, 3, 1 + nth % 2)
            callers.wait_served(CALLERS)
        callers.stop()
        assert callers.refused == 0
        ends = here.weir.records("close")
        assert {one["reason"] for one in ends} == {"eof"}
        report(f"{callers.served} clients served, {len([one for one in ends if 'queue_ms' in one])} of them after a wait, "
               f"{len([one for one in ends if 'tried' in one])} after another server had failed, "
               f"{len(here.weir.records('server_ejected'))} ejections")
        # All places are free again: each server has two, and DNS finds one server.
        for health in healths:
            if not health.server:
                n_told = len(here.weir.records("server_up"))
                health.start()
                here.weir.record("server_up", nth=n_told)
        reload(1, 1, 1)
        with contextlib.ExitStack() as stack:
            for _ in range(6):
                exchange(stack.enter_context(peers.connect(here.weir.address)))
