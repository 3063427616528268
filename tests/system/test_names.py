# SPDX-License-Identifier: ISC
"""Names of servers: which of their addresses weir tries, when it looks them up again, and lookups that hang."""

import contextlib
import os
import re
import socket
import subprocess
import time

import pytest

from weirtest import address, config, names, peers
from weirtest.address import tcp
from weirtest.asking import ask
from weirtest.daemon import Free, Weir, run
from weirtest.house import house
from weirtest.rig import relay
from weirtest.settings import DEADLINE


def pair_of_ports(first, second):
    """Two Upstreams, as made by first() and second(), on a port that is free on the addresses of both."""
    for _ in range(20):
        one = first(0)
        try:
            return one, second(one.address.sockaddr[1])
        except OSError:
            one.close()
    raise RuntimeError("no port that is free on both addresses")


def listening(host):
    return lambda port: peers.Upstream(None, None, at=tcp(host, port))


class HoleAt(peers.BlackHole):
    """A black hole on an address of the test's choice."""

    def __init__(self, at):
        address_before, address.bindable = address.bindable, lambda *_: at
        try:
            super().__init__(None, None)
        finally:
            address.bindable = address_before


def swallowing(host):
    return lambda port: HoleAt(tcp(host, port))


def named(upstream, name):
    """Servers for relay(): this upstream, under a name."""
    upstream.address.text = f"{name}:{upstream.address.sockaddr[1]}"
    return [lambda *_: upstream]


@contextlib.contextmanager
def slow_and_good(folder, **settings):
    """A relay to a name whose IPv6 address swallows connections and whose IPv4 address answers."""
    name, prefix = names.two_addresses(folder)
    hole, good = pair_of_ports(swallowing("::1"), listening("127.0.0.1"))
    with contextlib.closing(hole), relay(servers=named(good, name), daemon={"prefix": prefix},
                                         log={"level": "debug"}, **settings) as rig:
        yield rig


@pytest.mark.root
def test_a_black_holed_family_costs_a_quarter_of_a_second_and_once(folder, report):
    with slow_and_good(folder) as rig:
        waits = []
        for turn in range(2):
            start = time.monotonic()
            client, server = rig.pair()
            waits.append(time.monotonic() - start)
            peers.fin(client)
            peers.fin(server)
            assert (peers.end_of(client), peers.end_of(server)) == ("fin", "fin")
            closed = rig.weir.record("close", nth=turn, reason="eof")
            if turn == 0:
                assert waits[0] >= 0.25
                assert closed["tried"].startswith("[::1]:") and "slower" in closed["tried"]
            else:
                assert "tried" not in closed, "the family that won is tried first"
        assert waits[0] < 5, "that is all of connect"
        report(f"{waits[0] * 1000:.0f} ms, then {waits[1] * 1000:.0f} ms")


@pytest.mark.root
def test_a_second_address_waits_for_the_first_where_no_fd_is_spare(folder):
    """max_pairs is the most that the limit of descriptors allows: no fd is left for a second attempt of a pair."""
    limit = ("prlimit", "--nofile=120:120")
    with open(os.path.join(folder, "conf"), "w", encoding="ascii") as file:
        file.write(config.text({"workers": 1, "max_pairs": 1000, **config.relay("unix:@x", "127.0.0.1:9")}))
    refused = run("-c", file.name, prefix=limit)
    most = int(re.search(r"max_pairs = (\d+) or less", refused.stderr)[1])
    name, prefix = names.two_addresses(folder)
    hole, good = pair_of_ports(swallowing("::1"), listening("127.0.0.1"))
    with contextlib.closing(hole), relay(servers=named(good, name), daemon={"prefix": (*limit, *prefix)},
                                         max_pairs=most, timeouts={"connect": "400ms"}) as rig:
        start = time.monotonic()
        rig.pair()
        assert time.monotonic() - start >= 0.4


@pytest.mark.root
def test_each_address_is_tried_and_told(folder):
    """A black hole, and an address that refuses: the line names both, and the timer of the first."""
    name, prefix = names.two_addresses(folder)
    hole, refusing = pair_of_ports(swallowing("::1"), listening("127.0.0.1"))
    refusing.sock.close()
    with contextlib.closing(hole), relay(servers=named(refusing, name), daemon={"prefix": prefix},
                                         timeouts={"connect": "500ms"}) as rig:
        assert peers.end_of(rig.client()) == "rst"
        closed = rig.weir.close_line(reason="connect_timeout", by="upstream", timer="connect")
        assert "[::1]:" in closed["tried"] and "127.0.0.1:" in closed["tried"]


@pytest.mark.root
def test_forty_addresses_are_all_tried(folder):
    """Only the last of them listens."""
    hosts = names.Hosts(folder, many=[f"127.0.1.{one}" for one in range(1, 41)])
    good = listening("127.0.1.40")(0)
    with relay(servers=named(good, "many.test"), daemon={"prefix": hosts.prefix}) as rig:
        _, server = rig.pair()
        assert server


@pytest.mark.root
def test_a_name_that_leads_nowhere_is_asked_again_soon(folder):
    """The address of the name refuses. weir knows the new one about a second later, not after ten."""
    hosts = names.Hosts(folder, moves=["127.0.1.1"])
    good = listening("127.0.1.2")(0)
    with relay(servers=named(good, "moves.test"), daemon={"prefix": hosts.prefix}) as rig:
        with contextlib.suppress(ConnectionResetError):
            rig.client().recv(1)
        rig.weir.close_line(reason="connect_failed")
        hosts.set(moves=["127.0.1.2"])
        start = time.monotonic()
        good.sock.settimeout(0.1)
        while time.monotonic() < start + 8:
            with contextlib.suppress(ConnectionResetError):
                rig.client()
            with contextlib.suppress(TimeoutError):
                good.accept().close()
                return
        raise AssertionError("the old address for 8 s")


# ---- a network of its own: clients use UNIX sockets, and the servers do not exist ----

@contextlib.contextmanager
def island(world, servers, **settings):
    """
    A daemon in its own network, with a UNIX listener for each server. Yields the Weir, and a function that connects a
    client to the listener of a server.
    """
    weir = Weir({}, prefix=world.prefix)
    frees = {server: Free("unix") for server in servers}
    weir.settings = {
        "workers": 1, **settings,
        "listeners": [{"name": f"l{nth}", "listen": free, "upstream": f"u{nth}"}
                      for nth, free in enumerate(frees.values())],
        "upstreams": [{"name": f"u{nth}", "servers": [{"address": server}]}
                      for nth, server in enumerate(servers)],
    }
    with weir:
        yield weir, lambda server: peers.connect(frees[server].address)


@pytest.mark.root
def test_localhost_is_ipv6_where_only_lo_has_it(folder):
    """Only lo has an IPv6 address. The connect is refused, so weir has tried it."""
    world = names.Island(folder, setup="ip addr add 192.0.2.1/24 dev lo", six=["::1"])
    with island(world, ["six.test:9"]) as (weir, client), client("six.test:9"):
        closed = weir.close_line(reason="connect_failed", by="upstream")
        assert closed["tried"] == "[::1]:9 (Connection refused)"


@pytest.mark.root
def test_names_that_hang_do_not_hold_up_others(folder):
    hanging = [f"hangs{nth}.test:9" for nth in range(20)]
    world = names.Island(folder, mute=True, good=["127.0.0.1"])
    with island(world, [*hanging, "good.test:9"], timeouts={"connect": "500ms"}) as (weir, client):
        with contextlib.ExitStack() as stack:
            for server in hanging:
                stack.enter_context(client(server))
            with client("good.test:9"):
                closed = weir.close_line(listener="l20")
                assert (closed["reason"], closed["errno"]) == ("connect_failed", "ECONNREFUSED")
            for nth, server in enumerate(hanging):
                closed = weir.close_line(listener=f"l{nth}")
                assert (closed["reason"], closed["timer"]) == ("connect_timeout", "connect")
                assert closed["tried"] == f"{server} (lookup: timed out)"
                assert closed.number("connect_ms") >= 500


@pytest.mark.root
def test_more_than_all_lookups_hang_and_the_line_is_bounded(folder):
    """The time for a lookup begins when it gets a thread. The wait for the thread has a limit, too."""
    hanging = [f"hangs{nth}.test:9" for nth in range(40)]
    world = names.Island(folder, mute=True)
    with island(world, hanging, timeouts={"connect": "400ms"}) as (weir, client):
        with contextlib.ExitStack() as stack:
            for server in hanging:
                stack.enter_context(client(server))
            lines = [weir.close_line(listener=f"l{nth}") for nth in range(40)]
        whys = [one["tried"].partition(" ")[2] for one in lines]
        assert whys.count("(lookup: timed out in line)") == 8
        assert whys.count("(lookup: timed out)") == 32
        assert all(one.number("connect_ms") >= 400 for one in lines)


# ---- zones ----

def in_network(weir, script):
    """Runs shell commands in the network of the daemon."""
    user = () if os.geteuid() == 0 else ("-U", "--preserve-credentials")
    subprocess.run(["nsenter", "-t", str(weir.pid), *user, "-n", "sh", "-ec", script], check=True, timeout=DEADLINE)


def add_interface(weir, name, other):
    """Adds an interface with the address fe80::1, and waits for its route, which the kernel adds later."""
    in_network(weir, f"ip link add {name} type veth peer name {other}; ip link set {name} up;"
                     f"ip link set {other} up; ip -6 addr add fe80::1/64 dev {name} nodad;"
                     f"until ip -6 route get fe80::1 oif {name} | grep -q '^local'; do sleep 0.01; done")


@pytest.mark.root
def test_a_zone_is_looked_up_at_each_connect(folder):
    """The interface is missing at the start, appears, goes, and appears again with another number."""
    server = "[fe80::1%late0]:9"
    with island(names.Island(folder), [server]) as (weir, client):
        assert weir.record("zone_unknown", zone="late0")["level"] == "warn"

        def tried(nth):
            with client(server):
                return weir.record("close", nth=nth, reason="connect_failed")["tried"]

        assert tried(0) == f"{server} (No such device)"
        add_interface(weir, "late0", "peer0")
        assert tried(1) == f"{server} (Connection refused)"
        in_network(weir, "ip link del late0")
        assert tried(2) == f"{server} (No such device)"
        add_interface(weir, "other1", "other2")
        add_interface(weir, "late0", "peer0")
        assert tried(3) == f"{server} (Connection refused)"


@pytest.mark.root
def test_a_zone_is_looked_up_at_each_bind(folder):
    """A reload adds the listener once the interface is there; the names of its clients have the zone, too."""
    where = "[fe80::1%late0]:8080"
    path = os.path.join(folder, "in.sock")
    weir = Weir({}, prefix=names.Island(folder).prefix, control=True, errors=("reload_failed",))
    weir.settings = {
        "workers": 1,
        "listeners": [{"name": "in", "listen": f"unix:{path}", "upstream": "out"}],
        "upstreams": [{"name": "out", "servers": [{"address": where}]},
                      {"name": "end", "servers": [{"address": "127.0.0.1:9"}]}],
    }
    more = {**weir.settings, "listeners": [*weir.settings["listeners"],
                                           {"name": "zone", "listen": where, "upstream": "end"}]}
    with weir:
        refused = weir.reload(more)
        assert refused.returncode == 1 and 'the name after "%"' in refused.stderr
        add_interface(weir, "late0", "peer0")
        assert weir.reload().returncode == 0
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            closed = weir.close_line(listener="zone")
            assert closed["client"].startswith("[fe80::1%late0]:")
            assert weir.close_line(listener="in")["server"] == where


# ---- tasks ----

def as_nobody(tasks):
    """A prefix that runs weir as a user without other processes, who may have `tasks` tasks."""
    user = str(61000 + os.getpid() % 4000)
    return ("prlimit", f"--nproc={tasks}:{tasks}", "setpriv", f"--reuid={user}", f"--regid={user}",
            "--clear-groups")


@pytest.mark.root
@pytest.mark.parametrize("tasks", (5, 6, 7, 8, 16))
def test_too_few_tasks_are_told_at_the_start_or_never(tasks):
    """If weir starts, it has the threads for names that a reload adds; without them it does not start."""
    server = peers.Upstream("tcp4", None)
    weir = Weir({}, prefix=as_nobody(tasks), control=True, notify=False, errors=("reload_failed",))
    os.chmod(weir.folder, 0o777)
    os.makedirs(weir.runtime)
    os.chmod(weir.runtime, 0o777)
    weir.settings = {"workers": 1, **config.relay(Free("tcp4"), server)}
    with contextlib.closing(server):
        try:
            with weir:
                weir.configure({**weir.settings, **config.relay(
                    weir.address.text, f"localhost:{server.address.sockaddr[1]}")})
                done = weir.reload()
                if done.returncode == 0:
                    with peers.connect(weir.address), server.accept():
                        pass
                else:  # there is no task for the child that checks the config
                    assert "checked" in done.stderr
        except AssertionError as problem:
            assert "exit 1" in str(problem) and tasks < 16
            assert "lookups" not in str(problem) or "TasksMax=" in str(problem)


def test_a_stop_while_a_server_with_a_name_starts_slowly_ends_well():
    with house() as here:
        port = here.server().address.sockaddr[1]
        here.reload(upstreams=[{"name": "app", "slow_start": "1h",
                                "servers": [{"name": "a", "address": f"localhost:{port}"}]}])
        for weight in (0, None):
            answer = ask(here.weir, "PATCH", "/v1/upstreams/app/servers/a", {"weight": weight})
            assert answer.status == 200, answer.text
        here.weir.stop()
        assert here.weir.records("stopped")
