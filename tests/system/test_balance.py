# SPDX-License-Identifier: ISC
"""The rules that choose a server, on the real daemon."""

import collections
import contextlib

import pytest

from weirtest import address, peers
from weirtest.daemon import Free, Weir
from weirtest.house import exchange, listener
from weirtest.settings import scaled

WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(4, marks=pytest.mark.workers)))


def naming(name):
    """A server's work: it says who it is, then echoes."""
    def serve(sock):
        sock.sendall(name.encode())
        peers.echo(sock)
    return serve


@contextlib.contextmanager
def three(folder):
    """Servers a, b and c, as a config has them."""
    with contextlib.ExitStack() as stack:
        yield {name: {"name": name, "address": str(stack.enter_context(
            contextlib.closing(peers.Server("tcp4", folder, naming(name)))))} for name in "abc"}


def balanced(balance, *servers, workers=1, **more):
    return Weir({"workers": workers, "listeners": [listener("web", Free("tcp4"))],
                 "upstreams": [{"name": "app", "balance": balance, "servers": list(servers), **more}]})


def who(weir, at=None):
    """The name of the server that a new client gets."""
    with peers.connect(weir.address, bind=at) as client:
        return peers.read_exactly(client, 1).decode()


@WORKERS
def test_rotation_is_exact_over_all_workers_together(workers, folder):
    with three(folder) as servers:
        weighted = [{**servers[name], "weight": weight} for name, weight in zip("abc", (1, 2, 3))]
        with balanced("round_robin", *weighted, workers=workers) as weir:
            rounds = scaled(20, 5)
            assert "".join(who(weir) for _ in range(6)) == "cbacbc"
            picks = collections.Counter(who(weir) for _ in range(6 * rounds))
            assert picks == {"a": rounds, "b": 2 * rounds, "c": 3 * rounds}


@WORKERS
@pytest.mark.parametrize("balance", ("round_robin", "least_pairs", "random", "hash"))
def test_of_three_one_is_dead_and_no_client_fails(balance, workers, folder):
    with three(folder) as servers, contextlib.closing(peers.RefusingUpstream("tcp4", folder)) as dead:
        mixed = [servers["a"], {"name": "dead", "address": str(dead)}, servers["c"]]
        more = {"hash_on": "client_port"} if balance == "hash" else {}
        with balanced(balance, *mixed, workers=workers, **more) as weir:
            for _ in range(scaled(75, 15)):
                with peers.connect(weir.address) as client:
                    client.sendall(b"early")
                    assert peers.read_exactly(client, 6)[1:] == b"early"
                    exchange(client)


@WORKERS
def test_a_client_keeps_its_server_on_every_weir(workers, folder):
    clients = [address.tcp(f"127.0.1.{i}", 0) for i in range(1, 17)]
    with three(folder) as servers:
        with balanced("hash", *servers.values(), workers=workers) as one, \
                balanced("hash", *reversed(servers.values()), workers=workers) as other:
            first = [who(one, client) for client in clients]
            assert set(first) == set("abc")
            for weir in (one, other):
                assert [who(weir, client) for client in clients] == first
