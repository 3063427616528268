# SPDX-License-Identifier: ISC
"""Short configs: a server instead of an upstream, and ranges of ports."""

import contextlib
import os

import pytest

from weirtest import address, asking, config, peers, wait
from weirtest.daemon import Free, Weir, run
from weirtest.house import Callers, exchange, house, say
from weirtest.settings import scaled

PORTS = 10


def end_of(weir, client, **match):
    """Closes a client, and returns its closing line. If another client has the same address, `match` has the port."""
    name = peers.name(client)
    client.close()
    return weir.record("close", client=name, **match)


@pytest.mark.parametrize("transport", ("tcp4", "tcp6", "unix"))
def test_a_server_stands_in_the_place_of_an_upstream(transport, folder):
    with contextlib.closing(peers.Server(transport, folder, peers.echo)) as server:
        settings = {"listeners": [{"name": "pg", "listen": Free("tcp4"), "server": str(server)}]}
        with Weir(settings, control=True) as weir:
            client = peers.connect(weir.address)
            exchange(client)
            closed = end_of(weir, client)
            assert (closed["listener"], closed["upstream"], closed["server"]) == ("pg", "pg", str(server))
            assert "on" not in closed and "server_name" not in closed
            (upstream,) = asking.get(weir, "/v1/upstreams")["upstreams"]
            assert upstream["name"] == "pg" and [one["name"] for one in upstream["servers"]] == [str(server)]


def test_a_reload_makes_of_an_upstream_a_server_and_back():
    """weir keeps what it knows of the server, since the upstream's name and the server's address stay."""
    with house() as rig:
        server = str(rig.weir.settings["upstreams"][0]["servers"][0]["address"])
        (web,) = rig.weir.settings["listeners"]
        short = {**{key: value for key, value in web.items() if key != "upstream"}, "name": "app", "server": server}
        client = rig.client()
        exchange(client)
        rig.reload(listeners=[short], upstreams=None)
        exchange(client)
        exchange(rig.client())
        (upstream,) = asking.get(rig.weir, "/v1/upstreams")["upstreams"]
        assert upstream["name"] == "app" and upstream["servers"][0]["pairs"] == 2
        rig.reload()
        exchange(rig.client())


@contextlib.contextmanager
def ranged(server=None, **more):
    """A listener "lab" on ten ports, with a server for each, or with one server; each server says its port."""
    host, first, _kept = address.block(PORTS)
    far, far_first, _far = address.block(PORTS)
    with contextlib.ExitStack() as stack:
        for port in range(far_first, far_first + (1 if server else PORTS)):
            stack.enter_context(contextlib.closing(
                peers.Server("tcp4", None, say(str(port).encode()), at=address.tcp(far, port))))
        servers = f"{far}:{far_first}" if server else f"{far}:{far_first}-{far_first + PORTS - 1}"
        settings = {"workers": 2, "listeners": [
            {"name": "lab", "listen": f"{host}:{first}-{first + PORTS - 1}", "server": servers, **more}]}
        weir = stack.enter_context(Weir(settings, control=True))
        yield weir, [address.tcp(host, first + i) for i in range(PORTS)], [
            address.tcp(far, far_first + i) for i in range(PORTS)]


def said(client, server):
    expected = str(server.sockaddr[1]).encode()
    assert peers.read_exactly(client, len(expected)) == expected


def test_the_ith_port_goes_to_the_ith_server_and_is_one_listener():
    with ranged() as (weir, ports, servers):
        clients = [peers.connect(port) for port in ports for _ in range(3)]
        for i, client in enumerate(clients):
            said(client, servers[i // 3])
        (row,) = asking.get(weir, "/v1/listeners")["listeners"]
        assert row["name"] == "lab" and row["pairs"]["open"] == 3 * PORTS
        (upstream,) = asking.get(weir, "/v1/upstreams")["upstreams"]
        assert [one["pairs"] for one in upstream["servers"]] == [3] * PORTS
        metrics = asking.ask(weir, "GET", "/metrics").text
        assert f'weir_pairs_open{{listener="lab"}} {3 * PORTS}\n' in metrics
        for i, client in enumerate(clients):
            closed = end_of(weir, client, on=str(ports[i // 3]))
            assert (closed["listener"], closed["upstream"], closed["server"]) == ("lab", "lab", str(servers[i // 3]))


def test_all_ports_go_to_one_server_and_the_line_says_by_which_a_client_came():
    with ranged(server="one") as (weir, ports, servers):
        clients = [peers.connect(port) for port in ports]
        for client in clients:
            said(client, servers[0])
        for port, client in zip(ports, clients):
            end_of(weir, client, on=str(port))


@pytest.mark.parametrize("reason, limit", (("denied", {"deny": ["127.0.0.0/8"]}),
                                           ("source_limit", {"max_pairs_per_source": 1}),
                                           ("rate", {"rate": {"accept_per_source": "1/s"}})))
def test_the_line_of_a_client_that_is_refused_says_by_which_port_it_came(reason, limit):
    with ranged(server="one", **limit) as (weir, ports, _), contextlib.ExitStack() as stack:
        def come(port):
            with contextlib.suppress(ConnectionResetError):  # the reset may come before connect(2) returns
                stack.enter_context(peers.connect(port))
            return weir.records("close", on=str(port))

        come(ports[0])
        # We try again: on a busy machine a second may have passed, so that the rate has let a client in.
        told = wait.until(lambda: come(ports[7]), "one that is refused")
        assert told[0]["reason"] == reason


def test_a_limit_is_that_of_all_ports_together():
    with ranged(max_pairs_per_source=2) as (weir, ports, servers):
        clients = [peers.connect(ports[i]) for i in range(2)]
        for i, client in enumerate(clients):
            said(client, servers[i])
        assert peers.read_end(peers.connect(ports[2])) == (b"", "rst")
        assert weir.record("close", reason="source_limit")["listener"] == "lab"


def test_the_clients_of_a_server_that_is_down_go_to_no_other_one():
    with ranged() as (weir, ports, servers):
        done = asking.ask(weir, "PATCH", f"/v1/upstreams/lab/servers/{servers[4]}", {"state": "down"})
        assert done.status == 200, done.text
        assert peers.read_end(peers.connect(ports[4])) == (b"", "rst")
        closed = weir.record("close", reason="no_server")
        assert closed["on"] == str(ports[4]) and closed["server"] == ""
        with peers.connect(ports[5]) as client:
            said(client, servers[5])


def test_a_server_that_refuses_is_not_ejected_from_a_range():
    with ranged(timeouts={"connect": "5s"}) as (weir, ports, servers):
        gone, _, _ = address.block(1)
        far = servers[0].sockaddr[0]
        (row,) = weir.settings["listeners"]
        changed = {**weir.settings, "listeners": [{**row, "server": row["server"].replace(far, gone)}]}
        assert weir.reload(changed).returncode == 0
        for _ in range(6):
            assert peers.read_end(peers.connect(ports[3])) == (b"", "rst")
        assert weir.reload(weir.settings).returncode == 0
        with peers.connect(ports[3]) as client:
            said(client, servers[3])
        assert not weir.records("server_ejected")


def test_a_reload_moves_a_range():
    with ranged() as (weir, ports, servers):
        (row,) = weir.settings["listeners"]
        host, first = ports[2].sockaddr
        far, far_first = servers[4].sockaddr
        # Ports 2 to 4 went to servers 2 to 4, and now go to servers 4 to 6.
        changed = {**weir.settings, "listeners": [
            {**row, "listen": f"{host}:{first}-{first + 2}", "server": f"{far}:{far_first}-{far_first + 2}"}]}
        with peers.connect(ports[3]) as old:
            said(old, servers[3])
            assert weir.reload(changed).returncode == 0
            for i in range(3):
                with peers.connect(ports[2 + i]) as client:
                    said(client, servers[4 + i])
            exchange(old)
            with pytest.raises(ConnectionRefusedError):
                peers.connect(ports[0])


@pytest.mark.parametrize("workers", (1, 2))
def test_a_reload_that_makes_a_range_and_takes_it_away_resets_no_client(workers):
    """Each client is served on the port that stays; on one that goes, it is served to the end, or refused."""
    host, first, _kept = address.block(PORTS)
    far, far_first, _far = address.block(PORTS)
    with contextlib.ExitStack() as stack:
        for port in range(far_first, far_first + PORTS):
            stack.enter_context(contextlib.closing(peers.Server("tcp4", None, peers.echo, at=address.tcp(far, port))))
        last = PORTS - 1

        def settings(n):
            def ports(at, begin):
                return f"{at}:{begin}-{begin + n - 1}" if n > 1 else f"{at}:{begin}"
            return {"workers": workers, "listeners": [
                {"name": "lab", "listen": ports(host, first), "server": ports(far, far_first)}]}

        weir = stack.enter_context(Weir(settings(1), control=True))
        stays = Callers(address.tcp(host, first))
        goes = Callers(address.tcp(host, first + last))
        for _ in range(scaled(5, 2)):
            for n in (PORTS, PORTS // 2, PORTS, 1):
                done = weir.reload(settings(n))
                assert done.returncode == 0, done.stderr
                stays.wait_served(20)
        goes.wait_refused()
        stays.stop()
        goes.stop()
        assert stays.refused == 0
        assert not weir.records("close", reason="no_server")
        for closed in weir.records("close", listener="lab"):
            if "on" in closed:
                on, server = (int(closed[key].rpartition(":")[2]) for key in ("on", "server"))
                assert on - first == server - far_first, closed


def test_an_upstream_that_nobody_uses_is_warned_of(folder):
    path = f"{folder}/weir.conf"
    with open(path, "w", encoding="utf-8") as file:
        file.write(config.text({"listeners": [{"name": "a", "listen": "127.0.0.1:80", "server": "127.0.0.1:81"}],
                                "upstreams": [config.upstream("b", "127.0.0.1:82")]}))
    done = run("-c", path, "--check")
    assert done.returncode == 0
    assert f'{path}:2: upstreams[0]: no listener and no route leads to it; write upstream = "b"' in done.stdout + done.stderr


def test_a_reload_reads_the_files_of_include_and_refuses_a_wrong_one(folder):
    """Each service has a file of its own; files are added, changed and removed."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(contextlib.closing(peers.Server("tcp4", folder, say(b"%d" % i))))
                   for i in range(2)]
        ports = [address.free("tcp4", folder) for _ in servers]
        weir = Weir({"include": ["conf.d/*.conf"], "listeners": [{"name": "own", "listen": Free("tcp4"),
                                                                  "server": str(servers[0])}]},
                    control=True, errors=("reload_failed",))
        parts = f"{weir.folder}/conf.d"
        stack.enter_context(weir)

        def write(name, *more):
            with open(f"{parts}/{name}.conf", "w", encoding="utf-8") as file:
                file.write(config.text({"listeners": [*more]}))

        def part(i, server):
            return {"name": f"part{i}", "listen": str(ports[i]), "server": str(server)}

        def reached(i, server):
            with peers.connect(ports[i]) as client:
                assert peers.read_exactly(client, 1) == b"%d" % servers.index(server)

        os.mkdir(parts)
        for i, server in enumerate(servers):
            write(f"p{i}", part(i, server))
        assert weir.reload().returncode == 0
        for i, server in enumerate(servers):
            reached(i, server)
        old = stack.enter_context(peers.connect(ports[0]))
        assert peers.read_exactly(old, 1) == b"0"
        write("p0", part(0, servers[1]))
        write("p1", part(1, servers[1]), {"name": "own", "listen": "127.0.0.1:1", "server": "127.0.0.1:2"})
        refused = weir.reload()
        assert refused.returncode == 1
        assert (f'{parts}/p1.conf:1: listeners[3].name: "own" is the name of listeners[0] of {weir.config}:' in
                refused.stderr), refused.stderr
        weir.record("reload_failed")
        reached(0, servers[0])
        os.unlink(f"{parts}/p1.conf")
        assert weir.reload().returncode == 0
        reached(0, servers[1])
        exchange(old)
        with pytest.raises(ConnectionRefusedError):
            peers.connect(ports[1])
