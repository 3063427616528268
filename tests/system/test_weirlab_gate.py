# SPDX-License-Identifier: ISC
"""refuse and flap for a part of the clients: which clients, what they see, and what weirlab reports."""

import contextlib
import re
import time

import pytest

from weirtest import peers, wait
from weirtest.lab import Lab
from weirtest.peers import read_exactly
from weirtest.settings import scaled

HOUR_MS = 3_600_000
DOWN = {"up_ms": 1, "down_ms": HOUR_MS}
# What a client sees if it is not let in. A UNIX client that has sent nothing sees an end instead of a reset.
TURNED_AWAY = {"tcp4": ("reset",), "unix": ("reset", "end")}


@pytest.fixture(name="lab")
def fixture_lab():
    with Lab("-seed", "1") as lab:
        yield lab


@pytest.fixture(name="server")
def fixture_server():
    server = peers.Server("tcp4", None, peers.echo)
    yield server.address
    server.close()


def listen_of(transport, folder):
    return "localhost:0" if transport == "tcp4" else f"unix:{folder}/lab"


def asked(sock):
    """What a client sees after it has sent a byte: "served", "reset" or "end"."""
    try:
        sock.sendall(b"x")
        return "served" if sock.recv(1) else "end"
    except ConnectionError:
        return "reset"


def fate(at):
    """What a new client sees: "refused", or as for asked()."""
    try:
        with peers.connect(at) as sock:
            return asked(sock)
    except ConnectionRefusedError:
        return "refused"


def served(at, count):
    """The numbers of the clients that are served, of `count` in a row; the others must be turned away properly."""
    fates = [fate(at) for _ in range(count)]
    assert set(fates) <= {"served", *TURNED_AWAY["unix" if at.is_unix else "tcp4"]}, fates
    return {i for i, one in enumerate(fates) if one == "served"}


@contextlib.contextmanager
def seeded(seed, server, transport, folder, toxics=()):
    """A laboratory with this seed, and its proxy's address."""
    with Lab("-seed", str(seed)) as lab:
        yield lab, lab.proxy(server, listen=listen_of(transport, folder), toxics=list(toxics))


# ---- refuse ----

@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_refuse_turns_its_part_away_by_the_seed(server, tmp_path, transport):
    toxic = {"type": "refuse", "toxicity": 0.3}
    choices = []
    for seed in (7, 7, 8):
        with seeded(seed, server, transport, tmp_path, [toxic]) as (_, at):
            choices.append(served(at, 200))
    assert choices[0] == choices[1] != choices[2]
    for choice in choices:
        assert 120 <= len(choice) <= 160  # 70% of 200 are 140; the seed decides, so this is not left to chance


def test_refuse_with_toxicity_resets_before_a_byte_and_without_the_upstream(lab):
    upstream = peers.Upstream("tcp4", None)
    at = lab.proxy(upstream.address, toxics=[{"type": "refuse", "toxicity": 0.999999}])
    for _ in range(10):
        with peers.connect(at) as client:
            with pytest.raises(ConnectionResetError):
                client.recv(1)  # the client has sent nothing
    upstream.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        upstream.sock.accept()
    assert lab.get("/connections") == []
    upstream.close()


def test_a_higher_toxicity_refuses_whom_a_lower_one_does(server):
    choices = []
    for toxicity in (0.2, 0.6):
        with seeded(5, server, "tcp4", None, [{"type": "refuse", "toxicity": toxicity}]) as (_, at):
            choices.append(served(at, 100))
    assert choices[1] < choices[0]


def test_the_choice_is_that_of_the_other_toxics(server):
    """It depends on seed, proxy, number of the connection, stream and name: limit_data makes the same choice."""
    choices = []
    for kind, attributes in (("refuse", {}), ("limit_data", {"bytes": 0})):
        toxic = {"type": kind, "name": "it", "toxicity": 0.5, "attributes": attributes}
        with seeded(3, server, "tcp4", None, [toxic]) as (_, at):
            choices.append({i for i in range(60) if fate(at) == "served"})
    assert choices[0] == choices[1]


def test_the_toxicity_of_refuse_changes_while_it_runs(lab, server):
    at = lab.proxy(server)
    lab.toxic("refuse", toxicity=0.5)
    assert 10 < len(served(at, 50)) < 40
    lab.update("refuse_downstream", toxicity=0)
    assert len(served(at, 20)) == 20
    lab.update("refuse_downstream", toxicity=1)
    assert fate(at) == "refused"
    lab.update("refuse_downstream", toxicity=0.5)
    assert 10 < len(served(at, 50)) < 40
    lab.remove("refuse_downstream")
    assert len(served(at, 20)) == 20


def test_two_toxics_of_refuse_choose_each_for_itself(server):
    def choice(*toxics):
        with seeded(9, server, "tcp4", None, toxics) as (_, at):
            return served(at, 100)
    first, second = ({"type": "refuse", "name": name, "toxicity": 0.4} for name in ("first", "second"))
    assert choice(first) != choice(second)
    assert choice(first, second) == choice(first) & choice(second)


def test_who_is_let_in_by_refuse_gets_the_other_toxics(lab, server):
    at = lab.proxy(server, toxics=[
        {"type": "refuse", "toxicity": 0.5}, {"type": "latency", "attributes": {"latency": 100}},
        {"type": "cut", "toxicity": 0.5, "attributes": {"after_bytes": 2, "how": "rst"}}])
    fates = {"reset": 0, "whole": 0, "cut": 0}
    for _ in range(30):
        with peers.connect(at) as sock:
            since = time.monotonic()
            if asked(sock) == "reset":
                fates["reset"] += 1
                continue
            assert time.monotonic() - since >= 0.1
            fates["whole" if (asked(sock), asked(sock)) == ("served", "served") else "cut"] += 1
    assert min(fates.values()) > 2


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_refuse_of_a_part_begins_and_ends_at_its_time(lab, server, tmp_path, transport):
    at = lab.proxy(server, listen=listen_of(transport, tmp_path))
    since = time.monotonic()
    lab.toxic("refuse", toxicity=0.999999, after_ms=200, for_ms=300)
    wait.until(lambda: fate(at) in TURNED_AWAY[transport], "it refuses")
    assert time.monotonic() - since >= 0.2
    wait.until(lambda: fate(at) == "served", "it is open again")
    assert time.monotonic() - since >= 0.5


def test_refuse_of_a_part_begins_after_its_bytes(lab, server):
    at = lab.proxy(server)
    lab.toxic("refuse", toxicity=0.999999, after_bytes=200)
    with peers.connect(at) as client:
        client.sendall(b"x" * 50)
        read_exactly(client, 50)  # they count in both directions, so this is half of them
        assert fate(at) == "served"
        client.sendall(b"x" * 50)
        read_exactly(client, 50)
        wait.until(lambda: fate(at) == "reset", "it refuses")
        assert asked(client) == "served"


def test_whom_a_toxic_resets_is_logged_and_counted(server):
    def counted(by):
        labels = f'listener="{at}",proxy="p",type="{by}",upstream="{server}"'
        text = lab.raw("GET", "/metrics")[2]
        return int(re.search(rf"^weirlab_proxy_reset_clients_total{{{re.escape(labels)}}} (\d+)$", text, re.M)[1])

    with Lab("-seed", "1", "-proxy-metrics") as lab:
        at = lab.proxy(server, toxics=[{"type": "refuse", "name": "door", "toxicity": 0.5}])
        turned_away = {i for i in range(20)} - served(at, 20)
        assert (counted("refuse"), counted("flap")) == (len(turned_away), 0)
        lab.remove("door")
        lab.toxic("flap", toxicity=0.999999, **DOWN)
        # A connection from before the proxy went down is closed, which does not count here.
        wait.until(lambda: fate(at) == "reset" and counted("flap") > 0, "it is down")
        for i in turned_away:
            assert wait.until(lambda: lab.said(f"proxy p: connection {i + 1} from 127.0.0.1:\\d+ is reset by door$"),
                              "it is told")
        assert len([line for line in lab.lines if "is reset by door" in line]) == len(turned_away)
        assert (counted("refuse"), counted("flap")) == (len(turned_away), 1)


# ---- flap ----

def live(at, count):
    """`count` clients that are served."""
    socks = [peers.connect(at) for _ in range(count)]
    assert [asked(sock) for sock in socks] == ["served"] * count
    return socks


def closed(socks):
    """The numbers of the clients that have read an end or a reset."""
    found = set()
    for i, sock in enumerate(socks):
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            try:
                assert sock.recv(1) == b""
            except ConnectionError:
                pass
            found.add(i)
        sock.settimeout(peers.DEADLINE)
    return found


def told(lab):
    """How many connections flap has closed, by the log."""
    return sum(int(found[1]) for line in list(lab.lines) if (found := re.search(r"p: flap has closed (\d+) conn", line)))


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_flap_closes_its_part_by_the_seed_and_the_others_go_on(server, tmp_path, transport):
    choices = []
    for _ in range(2):
        with contextlib.ExitStack() as stack:
            lab, at = stack.enter_context(seeded(7, server, transport, tmp_path))
            socks = [stack.enter_context(sock) for sock in live(at, 40)]
            lab.toxic("flap", toxicity=0.4, **DOWN)
            wait.until(lambda lab=lab: told(lab), "it is down")
            gone = wait.until(lambda lab=lab, socks=socks: told(lab) == len(found := closed(socks)) and found, "they are closed")
            assert {asked(sock) for i, sock in enumerate(socks) if i not in gone} == {"served"}
            choices.append((gone, served(at, 40)))
            lab.remove("flap_downstream")
            assert len(served(at, 10)) == 10
    assert choices[0] == choices[1]
    assert 8 <= len(choices[0][0]) <= 24 and 16 <= len(choices[0][1]) <= 32


def test_a_higher_toxicity_of_flap_closes_more_at_once(lab, server):
    at = lab.proxy(server)
    lab.toxic("flap", toxicity=0.3, **DOWN)
    wait.until(lambda: fate(at) == "reset", "it is down")
    with contextlib.ExitStack() as stack:
        socks = []
        while len(socks) < 20:
            sock = stack.enter_context(peers.connect(at))
            if asked(sock) == "served":
                socks.append(sock)
        assert closed(socks) == set()
        before = told(lab)
        lab.update("flap_downstream", toxicity=0.7)
        some = wait.until(lambda: (found := closed(socks)) and told(lab) - before == len(found) and found, "more are hit")
        assert len(some) < 20
        lab.update("flap_downstream", toxicity=0.3)
        assert {asked(sock) for i, sock in enumerate(socks) if i not in some} == {"served"}
        lab.update("flap_downstream", toxicity=1)
        wait.until(lambda: closed(socks) == set(range(20)), "all are hit")
        assert fate(at) == "refused"


def test_flap_of_a_part_is_up_and_down_by_its_schedule(lab, server):
    at = lab.proxy(server)
    since = time.monotonic()
    lab.toxic("flap", toxicity=0.999999, up_ms=300, down_ms=200)
    with peers.connect(at) as client:
        assert asked(client) == "served"
        assert peers.read_end(client)[0] == b""
    assert time.monotonic() - since >= 0.3
    for _ in range(2):
        wait.until(lambda: fate(at) == "reset", "it is down")
        wait.until(lambda: fate(at) == "served", "it is up")
    assert time.monotonic() - since >= 1.0


def test_connections_say_when_flap_closes_those_that_it_hits(lab, server):
    at = lab.proxy(server)
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(sock) for sock in live(at, 20)]
        lab.toxic("flap", toxicity=0.5, after_bytes=1 << 40, up_ms=1, down_ms=HOUR_MS)
        by_bytes = [one["next"] is not None for one in lab.get("/connections")]
        lab.update("flap_downstream", attributes={"after_ms": 600_000})
        shown = [one["next"] for one in lab.get("/connections")]
        assert [one is not None for one in shown] == by_bytes and 4 < by_bytes.count(True) < 16
        assert {one["what"] for one in shown if one} == {"the proxy goes down"}
        lab.update("flap_downstream", attributes={"after_ms": 1, "after_bytes": 0})
        wait.until(lambda: len(lab.get("/connections")) < 20, "it is down")
        wait.until(lambda: closed(socks) == {i for i, hit in enumerate(by_bytes) if hit}, "those are closed")


def test_flap_of_a_part_with_many_connections_is_stopped_well(server):
    with Lab("-seed", "1") as lab:
        at = lab.proxy(server, toxics=[{"type": "latency", "attributes": {"latency": HOUR_MS}}])
        count = scaled(200, 20)
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(peers.connect(at)).sendall(bytes(1000))
            wait.until(lambda: len(lab.get("/connections")) == count, "all are open")
            lab.toxic("flap", toxicity=0.5, up_ms=1, down_ms=1)
            wait.until(lambda: count / 5 < len(lab.get("/connections")) < count, "some are closed")


# ---- scope ----

@pytest.mark.parametrize("kind", ("refuse", "blackhole", "flap"))
def test_the_scope_of_what_acts_on_clients_is_the_proxy(lab, server, kind):
    lab.proxy(server)
    status, answer = lab.ask("POST", "/proxies/p/toxics", {"type": kind, "attributes": {"scope": "connection"}})
    assert status == 400 and answer["error"] == (
        f'bad request body: attribute scope of {kind}: write "proxy", since a client that is not let in has neither '
        "an age nor bytes")
    shown = lab.toxic(kind, scope="proxy")
    assert shown["attributes"]["scope"] == "proxy"
    lab.remove(shown["name"])
    assert lab.toxic(kind)["attributes"] == shown["attributes"]
