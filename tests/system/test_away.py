# SPDX-License-Identifier: ISC
"""
What weir keeps of servers that get no clients for a while: a reload has switched the listener to another upstream, as
from blue to green, or has removed the servers from their upstream.
"""

import contextlib

import pytest

from test_checks import CHECK, switch
from weirtest import peers, wait
from weirtest.asking import ask, get
from weirtest.house import exchange, house, listener, say, upstream
from weirtest.settings import SANITIZER

A, B, GREEN = b"a", b"b", b"g"


class Switched:
    """A house whose listener leads to "blue" or to "green"."""

    def __init__(self, here, **blue):
        self.here = here
        self.blue = blue
        self.servers = {name: here.server(say(name)) for name in (A, B, GREEN)}

    def lead_to(self, name, *servers, queue="1m", **changes):
        """A reload that leads to `name`; blue then has these servers, with `changes`. Without any there is no blue."""
        blue = {"name": "blue", "balance": "first", **self.blue,
                "servers": [{"name": one.decode(), "address": str(self.servers[one]), **changes} for one in servers]}
        self.here.reload(
            listeners=[listener("web", str(self.here.weir.address), name, timeouts={"queue": queue})],
            upstreams=[blue] * bool(servers) + [upstream(self.servers[GREEN], name="green")])

    def client(self):
        """A client, and the name of the server that serves it."""
        sock = self.here.client()
        return sock, sock.recv(1)

    def shown(self):
        """The servers of blue, by name."""
        ups = {one["name"]: one["servers"] for one in get(self.here.weir, "/v1/upstreams")["upstreams"]}
        return {one["name"]: one for one in ups["blue"]}

    def tell(self, name, word):
        answer = ask(self.here.weir, "PATCH", f"/v1/upstreams/blue/servers/{name.decode()}", word)
        assert answer.status == 200, answer.text
        return answer.json


@contextlib.contextmanager
def switched(**blue):
    with house() as here:
        yield Switched(here, **blue)


@pytest.mark.parametrize("steps", (
    [("blue", A), "down"],
    [("green", A), "down"],
    [("green", B)],
    [("green", A), ("green", B)],
    [("green", A), ("green",)],
    [("green", A), ("blue", B)],
    [("green",)],
), ids=lambda steps: "+".join(step if step == "down" else b"-".join((step[0].encode(), *step[1:])).decode() for step in steps))
def test_open_pairs_end_with_their_server_whatever_the_listener_uses(steps):
    with switched(on_down="end") as here:
        here.lead_to("blue", A)
        sock, server = here.client()
        assert server == A
        exchange(sock)
        for step in steps:
            if step == "down":
                here.tell(A, {"state": "down"})
            else:
                here.lead_to(*step)
        assert peers.end_of(sock) in ("fin", "rst")
        here.here.weir.close_line(by="weir", reason="server_down", upstream="blue")


def test_open_pairs_stay_where_only_the_listener_leaves():
    with switched(on_down="end") as here:
        here.lead_to("blue", A)
        sock, _ = here.client()
        here.lead_to("green", A)
        other, server = here.client()
        assert server == GREEN
        here.lead_to("blue", A)
        exchange(sock)
        exchange(other)


def test_an_upstream_that_nobody_uses_is_shown_as_the_config_has_it():
    with switched() as here:
        here.lead_to("green", A)
        assert here.shown()["a"]["usable"]
        assert here.tell(A, {"weight": 7})["weight"] == 7
        here.lead_to("blue", A)
        _, server = here.client()  # its pair still uses the blue of that config
        assert server == A
        here.lead_to("green", B)
        assert list(here.shown()) == ["b"]
        answer = get(here.here.weir, "/v1/status")["servers"]
        assert answer == {"usable": 2, "all": 2}


@pytest.mark.parametrize("away", (("green", A, B), ("blue", B), ("green", B), ("green",)))
def test_what_an_administrator_has_set_holds(away):
    with switched() as here:
        here.lead_to("blue", A, B)
        here.tell(A, {"state": "drain", "weight": 9})
        here.lead_to(*away)
        here.lead_to("blue", A, B)
        a = here.shown()["a"]
        assert (a["told"], a["weight_told"], a["usable"]) == ("drain", 9, False)
        if away != ("green", A, B):
            here.here.weir.record("server_told", why="kept", server=str(here.servers[A]), state="drain", weight="9")
        assert here.client()[1] == B
        here.tell(A, {"state": "auto"})
        assert here.shown()["a"]["weight"] == 9
        here.lead_to(*away)
        here.lead_to("blue", A, B)
        a = here.shown()["a"]
        assert (a["told"], a["weight_told"], a["weight"]) == ("auto", 9, 9)
        here.tell(A, {"weight": None})
        here.lead_to(*away)
        here.lead_to("blue", A, B)
        a = here.shown()["a"]
        assert (a["told"], a["weight_told"], a["weight"]) == ("auto", None, 1)


def test_what_an_administrator_has_set_is_for_one_upstream():
    """It does not hold for a server of another upstream that has the same address."""
    with switched() as here:
        here.lead_to("blue", A)
        here.tell(A, {"state": "drain"})
        here.here.reload(upstreams=[upstream(here.servers[A], name="other")],
                         listeners=[listener("web", str(here.here.weir.address), "other")])
        assert here.client()[1] == A


def test_checks_go_on():
    with switched(check=CHECK) as here:
        health = switch(here.here)
        weir = here.here.weir

        def lead_to(name):
            here.lead_to(name, A, check={"address": str(health)})
        lead_to("blue")
        health.kill()
        weir.record("server_down", upstream="blue")
        lead_to("green")
        assert here.client()[1] == GREEN
        lead_to("blue")
        a = here.shown()["a"]
        assert (a["check"], a["usable"]) == ("down", False)
        assert not weir.records("server_up")
        lead_to("green")
        health.start()
        weir.record("server_up", upstream="blue", checks=str(CHECK["rise"]))
        health.kill()
        weir.record("server_down", nth=1, upstream="blue")
        assert len(weir.records("server_down")) == 2


def test_who_waits_gets_a_server_of_the_config_in_force():
    with switched() as here:
        here.lead_to("blue", A, max_pairs=1)
        first, server = here.client()
        assert server == A
        waiting = here.here.client()
        wait.until(lambda: get(here.here.weir, "/v1/upstreams")["upstreams"][0]["waiting"] == 1, "a client that waits")
        here.lead_to("green", B, max_pairs=1)
        assert waiting.recv(1) == B
        exchange(first)


@pytest.mark.skipif(bool(SANITIZER), reason="it shows no code that the others do not")
def test_metrics_have_the_servers_of_an_upstream_that_nobody_uses():
    with switched() as here:
        here.lead_to("green", A, B)
        text = ask(here.here.weir, "GET", "/metrics").text
        assert 'weir_server_up{upstream="blue",server="a"} 1' in text
        assert "\nweir_servers 3\n" in text and "\nweir_servers_usable 3\n" in text
