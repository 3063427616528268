# SPDX-License-Identifier: ISC
"""Sockets that systemd binds: the first client starts the service, and a restart loses no client."""

import contextlib

import pytest
from weirtest import address, config, peers, wait

from boottest import load, traffic
from boottest.settings import DEADLINE

SERVER = traffic.DEFAULT_SERVER
TCP, OWN = "127.0.0.1:8081", "127.0.0.1:8082"
PATH = "/run/weir-test.sock"
CONF = "/etc/weir/weir.conf"
SOCKET = """\
[Socket]
ListenStream={tcp}
ListenStream={path}
FileDescriptorName=web
"""


def activate(machine, *listens, unit=SOCKET):
    """Makes systemd listen on the sockets of weir.socket. The service is not started yet."""
    machine.systemctl("stop", "weir")
    machine.unit("weir.socket", unit.format(tcp=TCP, path=PATH))
    machine.configure(config.relay(list(listens), SERVER, name="web"))
    machine.systemctl("start", "weir.socket")
    assert machine.show("weir", "ActiveState") == "inactive"


def tries(machine):
    """systemd's journal entries that say that weir has failed to start."""
    machine.run("journalctl", "--sync")
    return machine.journal("UNIT=weir.service", "JOB_RESULT=failed")


def echoed(client):
    client.sendall(b"ping")
    return peers.read_exactly(client, 4) == b"ping"


@pytest.mark.parametrize("kind", ("tcp", "unix"))
def test_first_client_starts_the_service(machine, kind):
    activate(machine, "systemd:web", OWN)
    first = traffic.address(TCP) if kind == "tcp" else address.unix(machine.path(PATH))
    with machine.network(), traffic.default_upstream():
        with traffic.client(first) as client:
            assert echoed(client)
        assert machine.show("weir", "ActiveState") == "active"
        for to in (traffic.address(TCP), address.unix(machine.path(PATH)), traffic.address(OWN)):
            with traffic.client(to) as client:
                assert echoed(client)


def test_sockets_of_several_units_are_told_apart_by_name(machine):
    machine.systemctl("stop", "weir")
    listeners, upstreams, servers = [], [], {}
    for number, name in enumerate(("one", "two")):
        machine.unit(f"{name}.socket", f"[Socket]\nListenStream=127.0.0.1:{8081 + number}\n"
                                       f"FileDescriptorName={name}\nService=weir.service\n")
        servers[name] = f"127.0.0.1:{9001 + number}"
        listeners.append({"name": name, "listen": f"systemd:{name}", "upstream": name})
        upstreams.append({"name": name, "servers": [{"address": servers[name]}]})
    machine.drop_in("[Unit]\nRequires=one.socket two.socket\n[Service]\nSockets=one.socket two.socket\n")
    machine.configure({"listeners": listeners, "upstreams": upstreams})
    machine.systemctl("start", "one.socket", "two.socket")
    with machine.network(), contextlib.ExitStack() as stack:
        for name, server in servers.items():
            stack.enter_context(contextlib.closing(peers.Server(
                "tcp4", None, lambda sock, name=name: sock.sendall(name.encode()),
                at=traffic.address(server))))
        for number, name in enumerate(servers):
            with traffic.client(f"127.0.0.1:{8081 + number}") as client:
                assert peers.read_end(client) == (name.encode(), "fin")


def test_no_client_is_refused_while_the_service_restarts(machine):
    machine.drop_in("[Unit]\nStartLimitIntervalSec=0\n")
    activate(machine, "systemd:web")
    with machine.network(), traffic.default_upstream():
        connecting, pids = load.Connecting(TCP), set()
        with load.going(connecting):
            for _ in range(5):
                connecting.done_more(10)
                machine.systemctl("restart", "weir")
                pids.add(machine.pid())
            connecting.done_more(10)
    assert len(pids) == 5


@pytest.mark.parametrize("wrong", ("listeners = 1;\n", "address"), ids=("config", "address"))
def test_client_that_waits_is_served_once_what_is_wrong_is_mended(machine, wrong):
    """For the client, systemd starts weir again and again, but so slowly that it does not give up the socket."""
    activate(machine, "systemd:web")
    good = machine.read(CONF)
    if wrong == "address":
        machine.configure(config.relay(["systemd:web", "192.0.2.7:8080"], SERVER, name="web"))
    else:
        machine.write(CONF, wrong)
    with machine.network(), traffic.default_upstream(), traffic.client(TCP) as client:
        wait.until(lambda: len(tries(machine)) >= 6, "the sixth start", deadline=DEADLINE, every=0.2)
        first, last = (int(tries(machine)[number]["__REALTIME_TIMESTAMP"]) for number in (0, 5))
        assert last - first >= 5 * 450_000, "five pauses"
        machine.write(CONF, good)
        assert echoed(client)
    assert machine.show("weir.socket", "ActiveState", "Result") == {"ActiveState": "active", "Result": "success"}


@pytest.mark.parametrize("unit, listens, told", (
    (SOCKET, ["systemd:other"], ("other", "web")),
    (SOCKET, [OWN], ("web",)),
    ("[Socket]\nListenDatagram={tcp}\nFileDescriptorName=web\n", ["systemd:web"], ("web",)),
), ids=("nobody passed it", "not in the config", "datagrams"))
def test_sockets_that_do_not_fit_the_config_are_refused_by_name(machine, unit, listens, told):
    activate(machine, *listens, unit=unit)
    assert machine.systemctl("start", "weir", check=False).returncode != 0
    said = [one["MESSAGE"] for one in machine.journal("--unit=weir", "PRIORITY=3")]
    for name in told:
        assert any(name in line for line in said), said
