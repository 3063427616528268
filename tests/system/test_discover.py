# SPDX-License-Identifier: ISC
"""Servers that weir finds by DNS, from a real DNS server."""

import collections
import contextlib
import time

import pytest

from weirtest import asking, nameserver, peers, wait
from weirtest.address import tcp
from weirtest.daemon import Free, Weir
from weirtest.settings import LATE

LOOPBACK = tuple(f"127.0.0.{i}" for i in (2, 3, 4))


class Named(peers.Server):
    """A server that sends the address on which it was reached, and closes when the client does."""

    def __init__(self, host, port=0):
        def serve(sock):
            sock.sendall(host.encode())
            sock.recv(1)
        super().__init__(None, None, serve, at=tcp(host, port))


@contextlib.contextmanager
def servers(*hosts):
    """Runs a server on each of these hosts, all on one port, which is yielded."""
    for _ in range(20):
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(contextlib.closing(Named(hosts[0])))
            port = first.address.sockaddr[1]
            try:
                for host in hosts[1:]:
                    stack.enter_context(contextlib.closing(Named(host, port)))
            except OSError:
                continue
            yield port
            return
    raise RuntimeError("no port that is free on all addresses")


def settings(dns, discover, *, resolver=None, **upstream):
    return {
        "workers": 2,
        "listeners": [{"name": "relay", "listen": Free("tcp4"), "upstream": "app"}],
        "upstreams": [{"name": "app", "balance": "least_pairs", "retry_for": "10s", "discover": discover, **upstream}],
        "resolver": {"servers": [str(dns)], "timeout": "200ms", "tries": 2, **(resolver or {})},
    }


def ask(weir):
    """The server that answers a client; "" if none does."""
    with contextlib.closing(peers.connect(weir.address)) as sock:
        try:
            return sock.recv(100).decode()
        except ConnectionResetError:
            return ""


def shares(weir, n):
    """How many of n open pairs each server has. They open one by one, as two workers may choose at the same time."""
    with contextlib.ExitStack() as stack:
        return collections.Counter(
            stack.enter_context(contextlib.closing(peers.connect(weir.address))).recv(100).decode() for _ in range(n))


def changed(weir, *, resolver=None, **upstream):
    """The settings with these changes of the upstream, where None removes a key, and of the resolver."""
    made = {key: one for key, one in {**weir.settings["upstreams"][0], **upstream}.items() if one is not None}
    return {**weir.settings, "upstreams": [made], "resolver": {**weir.settings["resolver"], **(resolver or {})}}


def reload(weir, settings_):
    done = weir.reload(settings_)
    assert done.returncode == 0, done.stderr


def asked(weir, n):
    return collections.Counter(ask(weir) for _ in range(n))


def until_answered(weir, expected):
    """Waits until exactly these servers answer."""
    wait.until(lambda: set(asked(weir, 2 * len(expected))) == set(expected), f"{expected} answer")


def test_all_addresses_of_a_name_are_servers():
    with nameserver.serving(app=[f"60 A {host}" for host in LOOPBACK]) as dns, servers(*LOOPBACK) as port, \
            Weir(settings(dns, f"dns:app.test:{port}")) as weir:
        weir.record("discovered", upstream="app", name="app.test", servers="3")
        assert shares(weir, 30) == {host: 10 for host in LOOPBACK}


def test_a_client_waits_for_the_first_answer():
    with nameserver.serving() as dns, servers("127.0.0.2") as port:
        dns.set("app.test", "1 A 127.0.0.2")
        dns.mood("app.test", "deny")
        with Weir(settings(dns, f"dns:app.test:{port}")) as weir:
            with contextlib.closing(peers.connect(weir.address)) as sock:
                weir.record("discover_failed", upstream="app")
                dns.mood("app.test", "")
                assert sock.recv(100) == b"127.0.0.2"


def test_a_name_that_changes_moves_new_pairs_within_its_ttl_and_a_second():
    with nameserver.serving(app=["2 A 127.0.0.2"]) as dns, servers("127.0.0.2", "127.0.0.3") as port, \
            Weir(settings(dns, f"dns:app.test:{port}")) as weir:
        until_answered(weir, {"127.0.0.2"})
        dns.set("app.test", "2 A 127.0.0.3")
        start = time.time()
        moved = weir.record("discovered", added="1", removed="1")
        assert time.time() - start < 2 + 1 + LATE and moved["servers"] == "1"
        assert asked(weir, 6) == {"127.0.0.3": 6}


@pytest.mark.parametrize("mood", ("refuse", "deny", "transparent"))
def test_a_server_error_or_a_hang_takes_nothing_away(mood):
    with nameserver.serving(app=["1 A 127.0.0.2"]) as dns, servers("127.0.0.2") as port, \
            Weir(settings(dns, f"dns:app.test:{port}", discovery={"hold": "1s"})) as weir:
        weir.record("discovered", servers="1")
        dns.mood("app.test", mood)
        weir.record("discover_failed", upstream="app", name="app.test", servers="1")
        assert asked(weir, 4) == {"127.0.0.2": 4}
        assert wait.holds(lambda: asked(weir, 1) == {"127.0.0.2": 1}, 3)
        dns.mood("app.test", "")
        weir.record("discover_well", upstream="app")
        assert len(weir.records("discover_failed")) == 1, "it is told once"
        assert len(weir.records("discovered")) == 1


def test_servfail_is_no_answer():
    with nameserver.serving() as dns, Weir(settings(dns, "dns:app.broken.example:80")) as weir:
        weir.record("discover_failed", upstream="app", servers="0")
        assert not weir.records("discovered")


def test_an_empty_name_keeps_its_servers_for_hold():
    with nameserver.serving(app=["1 A 127.0.0.2"]) as dns, servers("127.0.0.2") as port, \
            Weir(settings(dns, f"dns:app.test:{port}", retry_for="none", discovery={"hold": "2s"})) as weir:
        weir.record("discovered", servers="1")
        dns.set("app.test")
        weir.record("discover_empty", upstream="app", servers="1")
        assert asked(weir, 2) == {"127.0.0.2": 2}
        weir.record("discovered", servers="0", removed="1")
        assert ask(weir) == ""
        dns.set("app.test", "1 A 127.0.0.2")
        until_answered(weir, {"127.0.0.2"})


def test_srv_records_have_priorities_and_weights():
    with nameserver.serving(a=["60 A 127.0.0.2"], b=["60 A 127.0.0.3"], c=["60 A 127.0.0.4"]) as dns, \
            servers(*LOOPBACK) as port:
        dns.set("_app._tcp.test", f"60 SRV 1 10 {port} a.test.", f"60 SRV 1 30 {port} b.test.",
                f"60 SRV 2 1 {port} c.test.")
        with Weir(settings(dns, "srv:_app._tcp.test")) as weir:
            weir.record("discovered", servers="3", backups="1")
            assert shares(weir, 40) == {"127.0.0.2": 10, "127.0.0.3": 30}


def test_a_long_answer_comes_over_tcp_and_is_cut():
    with nameserver.serving() as dns, servers("127.0.0.2") as port:
        dns.set("app.test", *[f"60 A 127.1.0.{i}" for i in range(1, 60)], "60 A 127.0.0.2")
        with Weir(settings(dns, f"dns:app.test:{port}", discovery={"max_servers": 1})) as weir:
            found = weir.record("discovered", servers="1", level="warn")
            assert found["left_out"] == "59" and "max_servers" in found["remedy"]
            assert asked(weir, 3) == {"127.0.0.2": 3}


def test_a_found_address_that_is_written_is_the_written_one():
    with nameserver.serving(app=["60 A 127.0.0.2", "60 A 127.0.0.3"]) as dns, \
            servers("127.0.0.2", "127.0.0.3") as port, \
            Weir(settings(dns, f"dns:app.test:{port}",
                          servers=[{"name": "a", "address": f"127.0.0.2:{port}", "weight": 3}])) as weir:
        weir.record("discovered", servers="2")
        assert shares(weir, 8) == {"127.0.0.2": 6, "127.0.0.3": 2}


def test_a_reload_keeps_what_was_found():
    with nameserver.serving(app=["60 A 127.0.0.2"]) as dns, servers("127.0.0.2") as port, \
            Weir(settings(dns, f"dns:app.test:{port}"), control=True) as weir:
        weir.record("discovered", servers="1")
        dns.mood("app.test", "deny")
        reload(weir, changed(weir, retry_for="none"))
        assert asked(weir, 3) == {"127.0.0.2": 3}
        assert len(weir.records("discovered")) == 1


def test_what_was_found_stays_while_no_listener_leads_there():
    with nameserver.serving(app=["60 A 127.0.0.2"]) as dns, servers("127.0.0.2", "127.0.0.3") as port, \
            Weir(settings(dns, f"dns:app.test:{port}"), control=True, errors=("reload_failed",)) as weir:
        weir.record("discovered", servers="1")
        dns.mood("app.test", "transparent")
        app = weir.settings["upstreams"][0]
        both = {**weir.settings, "upstreams": [app, {"name": "green", "servers": [{"address": f"127.0.0.3:{port}"}]}]}
        for name, server in (("green", "127.0.0.3"), ("app", "127.0.0.2")):
            both["listeners"] = [{**weir.settings["listeners"][0], "upstream": name}]
            reload(weir, both)
            assert asked(weir, 3) == {server: 3}
        assert len(weir.records("discovered")) == 1


def test_an_upstream_that_nobody_uses_looks_too():
    with nameserver.serving(app=["60 A 127.0.0.2"]) as dns, servers("127.0.0.2", "127.0.0.3") as port:
        made = settings(dns, f"dns:app.test:{port}")
        made["upstreams"].append({"name": "green", "servers": [{"address": f"127.0.0.3:{port}"}]})
        made["listeners"][0]["upstream"] = "green"
        with Weir(made) as weir:
            weir.record("discovered", upstream="app", servers="1")
            assert asked(weir, 3) == {"127.0.0.3": 3}


def test_a_server_that_was_drained_stays_so_when_dns_has_it_again():
    with nameserver.serving(app=["1 A 127.0.0.2", "1 A 127.0.0.3"]) as dns, \
            servers("127.0.0.2", "127.0.0.3") as port, Weir(settings(dns, f"dns:app.test:{port}"), control=True) as weir:
        weir.record("discovered", servers="2")
        told = asking.ask(weir, "PATCH", f"/v1/upstreams/app/servers/127.0.0.2:{port}", {"state": "drain"})
        assert told.status == 200
        dns.set("app.test", "1 A 127.0.0.3")
        weir.record("discovered", removed="1")
        dns.set("app.test", "1 A 127.0.0.3", "1 A 127.0.0.2")
        weir.record("discovered", servers="2", added="1")
        assert asked(weir, 6) == {"127.0.0.3": 6}


def test_a_changed_resolver_is_asked_at_once():
    with nameserver.serving(app=["300 A 127.0.0.2"]) as dns, nameserver.serving(app=["300 A 127.0.0.3"]) as other, \
            servers("127.0.0.2", "127.0.0.3") as port, Weir(settings(dns, f"dns:app.test:{port}"), control=True) as weir:
        weir.record("discovered", servers="1", added="1")
        reload(weir, changed(weir, resolver={"servers": [str(other)]}))
        weir.record("discovered", servers="1", added="1", removed="1")
        assert asked(weir, 3) == {"127.0.0.3": 3}


def test_an_upstream_that_looks_no_more_forgets_what_was_found():
    with nameserver.serving(app=["60 A 127.0.0.2"]) as dns, servers("127.0.0.2", "127.0.0.3") as port, \
            Weir(settings(dns, f"dns:app.test:{port}"), control=True) as weir:
        weir.record("discovered", servers="1")
        reload(weir, changed(weir, discover=None, servers=[{"address": f"127.0.0.3:{port}"}]))
        assert asked(weir, 3) == {"127.0.0.3": 3}


def test_an_answer_that_leads_back_to_weir_makes_no_loop():
    with nameserver.serving() as dns:
        made = settings(dns, "dns:app.test:1", retry_for="none")
        with Weir(made, control=True) as weir:
            port = weir.address.sockaddr[1]
            dns.set("app.test", "1 A 127.0.0.1")
            reload(weir, changed(weir, discover=f"dns:app.test:{port}"))
            weir.record("discovered", servers="1", added="1")
            assert ask(weir) == ""
            assert len(weir.records("close")) <= 3


def test_found_servers_are_checked():
    with nameserver.serving(app=["60 A 127.0.0.2", "60 A 127.0.0.3"]) as dns, servers("127.0.0.2") as port, \
            Weir(settings(dns, f"dns:app.test:{port}", check={"every": "100ms", "fall": 1})) as weir:
        weir.record("server_down", upstream="app", server=f"127.0.0.3:{port}")
        assert asked(weir, 6) == {"127.0.0.2": 6}
        assert not weir.records("close", reason="connect_failed")


def test_pairs_stay_with_a_server_that_is_no_longer_found():
    with nameserver.serving(app=["1 A 127.0.0.2"]) as dns, servers("127.0.0.2", "127.0.0.3") as port, \
            Weir(settings(dns, f"dns:app.test:{port}", on_down="end", check={"every": "100ms"})) as weir:
        weir.record("discovered", servers="1")
        with contextlib.closing(peers.connect(weir.address)) as sock:
            assert sock.recv(100) == b"127.0.0.2"
            dns.set("app.test", "1 A 127.0.0.3")
            weir.record("discovered", added="1", removed="1")
            assert asked(weir, 3) == {"127.0.0.3": 3}
            assert not weir.records("close", server=f"127.0.0.2:{port}"), "that pair stays"
