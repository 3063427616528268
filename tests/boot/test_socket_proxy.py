# SPDX-License-Identifier: ISC
"""`weir --socket-proxy` in place of systemd-socket-proxyd, with the units of that program's manual page."""

import contextlib
import gzip
import os
import re

import pytest
from weirtest import address, peers, proc, wait

from boottest import namespace, traffic

PAGE = "/usr/share/man/man8/systemd-socket-proxyd.8.gz"
ORIGINAL = "/lib/systemd/systemd-socket-proxyd"
WEIR = "/usr/sbin/weir --socket-proxy"
CLIENT = "127.0.0.1:80"

# For tests that both programs pass. The original fails the others.
BOTH = pytest.mark.parametrize("program", (ORIGINAL, WEIR), ids=("original", "weir"))

# The manual page does not show nginx's unit. In place of nginx the test itself listens. In one example it does so in
# the unit's own network, which exists once the unit is started.
NGINX = """\
[Service]
Type=exec
ExecStart=/bin/sleep infinity
PrivateTmp=yes
PrivateNetwork=yes
"""


def example(machine, number):
    """The text of an example of the manual page."""
    with gzip.open(machine.path(PAGE), "rt", encoding="utf-8") as file:
        page = re.sub(r"\\([&\- ])", lambda match: match[1].replace("&", ""), file.read())
    return re.search(rf"^\\fBExample {number}\. .*?\n\.nf\n(.*?)^\.fi", page, re.M | re.S)[1]


def set_up(machine, program, number, options="", nginx=NGINX):
    """Installs the socket of example `number` and the service of the next one, with `program` for the original."""
    unit = example(machine, number + 1)
    assert unit.count(f"ExecStart={ORIGINAL} ") == 1
    machine.unit("nginx.service", nginx)
    machine.unit("proxy-to-nginx.socket", example(machine, number))
    machine.unit("proxy-to-nginx.service", unit.replace(ORIGINAL, f"{program} {options}".strip()))
    machine.systemctl("start", "proxy-to-nginx.socket")


def unix_upstream(machine, serve=peers.echo):
    """For `with`: a server at the address of the first example's upstream."""
    os.mkdir(machine.path("/run/nginx"))
    return contextlib.closing(peers.Server(
        "unix", None, serve, at=address.unix(machine.path("/run/nginx/socket"))))


def ask(client):
    client.sendall(b"ping")
    assert peers.read_exactly(client, 4) == b"ping"


@BOTH
def test_simple_example_relays_from_the_first_client_on(machine, program):
    set_up(machine, program, 1)
    with machine.network(), unix_upstream(machine), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(traffic.client(CLIENT)) for _ in range(20)]
        for client in clients:
            ask(client)
        assert machine.show("nginx", "ActiveState") == "active"


@BOTH
def test_namespace_example_reaches_a_server_that_nobody_else_does(machine, program):
    set_up(machine, program, 5)
    machine.systemctl("start", "nginx")
    with contextlib.ExitStack() as stack:
        with namespace.network(machine.host_pid("nginx")):
            stack.enter_context(contextlib.closing(
                peers.Server("tcp4", None, peers.echo, at=traffic.address("127.0.0.1:8080"))))
        stack.enter_context(machine.network())
        machine.systemctl("stop", "weir")
        with pytest.raises(ConnectionRefusedError):
            traffic.client("127.0.0.1:8080")
        ask(stack.enter_context(traffic.client(CLIENT)))


@BOTH
def test_both_services_stop_in_idle_times(machine, program):
    set_up(machine, program, 1, "--exit-idle-time=1s", f"[Unit]\nStopWhenUnneeded=yes\n{NGINX}")
    with machine.network(), unix_upstream(machine):
        for _ in range(2):
            with traffic.client(CLIENT) as client:
                ask(client)
                assert machine.show("proxy-to-nginx", "ActiveState") == "active"
            for unit in ("proxy-to-nginx", "nginx"):
                machine.wait_state(unit, "inactive")
            assert machine.show("proxy-to-nginx", "Result") == "success"


def test_half_closed_client_has_its_answer_for_two_descriptors_a_pair(machine):
    """The original is not compared: it loses the answer, and needs six descriptors for a pair."""
    def answer(sock):
        question = b"".join(iter(lambda: sock.recv(65536), b""))
        sock.sendall(question[::-1])

    set_up(machine, WEIR, 1)
    with machine.network(), unix_upstream(machine, answer), contextlib.ExitStack() as stack:
        first = stack.enter_context(traffic.client(CLIENT))
        machine.wait_state("proxy-to-nginx", "active")
        pid = machine.host_pid("proxy-to-nginx")
        wait.until(lambda: proc.fds(pid) > 10, "the first pair")
        before = proc.settled_fds(pid)
        clients = [stack.enter_context(traffic.client(CLIENT)) for _ in range(50)]
        wait.until(lambda: proc.fds(pid) >= before + 100, "50 pairs")
        assert proc.settled_fds(pid) == before + 100
        for client in (first, *clients):
            client.sendall(b"question")
            peers.fin(client)
            assert peers.read_end(client) == (b"noitseuq", "fin")
