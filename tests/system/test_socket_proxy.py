# SPDX-License-Identifier: ISC
"""weir --socket-proxy: a unit of systemd-socket-proxyd works with it, too."""

import contextlib
import select
import signal
import socket
import subprocess
import time

import pytest

from weirtest import address, peers, proc
from weirtest.asking import ask
from weirtest.daemon import Weir, run


class SocketProxy(Weir):
    """A Weir without a config; `arguments` are those of systemd-socket-proxyd."""

    def __init__(self, *arguments, passed, **options):
        super().__init__({"listeners": []}, passed=passed, **options)
        self.arguments = arguments

    def _arguments(self):
        return ["--socket-proxy", *map(str, self.arguments)]


@contextlib.contextmanager
def listening(transport, folder):
    """A socket as a .socket unit makes it, and its address."""
    with contextlib.closing(peers.Upstream(transport, folder)) as made:
        made.sock.settimeout(None)
        yield made.sock, made.address


@contextlib.contextmanager
def proxied(folder, *options, transport="tcp4", upstream="tcp4", **more):
    """A proxy, its address, and its server."""
    with listening(transport, folder) as (sock, where), \
            contextlib.closing(peers.Upstream(upstream, folder)) as server, \
            SocketProxy(*options, in_their_words(server.address), passed=[("x.socket", sock)],
                        **more) as weir:
        yield weir, where, server


def in_their_words(where):
    """An address in the syntax of systemd-socket-proxyd."""
    if where.family == socket.AF_INET6:
        return "{}:{}".format(*where.sockaddr)
    return where.text.removeprefix("unix:")


def exchange(where, server):
    with peers.connect(where) as client, server.accept() as other:
        client.sendall(b"ping")
        assert peers.read_exactly(other, 4) == b"ping"
        other.sendall(b"pong")
        assert peers.read_exactly(client, 4) == b"pong"


@pytest.mark.parametrize("transport, upstream", address.MIXES)
def test_it_relays_between_all_kinds_of_sockets(transport, upstream, folder):
    with proxied(folder, transport=transport, upstream=upstream) as (weir, where, server):
        exchange(where, server)
        assert "conf" not in weir.record("ready")


def test_its_own_socket_is_no_server(folder):
    with listening("tcp4", folder) as (sock, where), \
            SocketProxy(f"localhost:{where.sockaddr[1]}", passed=[("x.socket", sock)]) as weir:
        with contextlib.suppress(ConnectionResetError), peers.connect(where) as client:
            client.recv(1)
        weir.close_line(by="weir", reason="error", errno="ELOOP")
        assert len(weir.records("close")) == 1


def test_sockets_of_any_name_are_taken(folder):
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(listening(one, folder)) for one in address.TRANSPORTS]
        server = stack.enter_context(contextlib.closing(peers.Upstream("tcp4", folder)))
        names = ("a.socket", "b", "a.socket", "unknown")
        stack.enter_context(SocketProxy(server.address, passed=list(
            zip(names, (sock for sock, _ in made)))))
        for _, where in made:
            exchange(where, server)


def test_an_answer_after_the_end_of_input_arrives(folder):
    """systemd-socket-proxyd closes both sides at the first end of input."""
    with proxied(folder) as (_, where, server), peers.connect(where) as client, \
            server.accept() as other:
        client.sendall(b"question")
        peers.fin(client)
        assert peers.read_end(other) == (b"question", "fin")
        other.sendall(b"answer")
        other.close()
        assert peers.read_end(client) == (b"answer", "fin")


def test_two_descriptors_a_pair(folder):
    count = 20
    with proxied(folder) as (weir, where, server), contextlib.ExitStack() as stack:
        before = proc.settled_fds(weir.pid)
        for _ in range(count):
            stack.enter_context(peers.connect(where))
            stack.enter_context(server.accept())
        assert proc.settled_fds(weir.pid) == before + 2 * count


def test_at_the_limit_clients_wait_and_are_not_refused(folder):
    with proxied(folder, "--connections-max=2") as (weir, where, server), \
            contextlib.ExitStack() as stack:
        pairs = [(stack.enter_context(peers.connect(where)), stack.enter_context(server.accept()))
                 for _ in range(2)]
        third = stack.enter_context(peers.connect(where))
        third.sendall(b"third")
        assert weir.record("limit_reached")["max_pairs"] == "2"
        for sock in pairs[0]:
            sock.close()
        with server.accept() as other:
            assert peers.read_exactly(other, 5) == b"third"


def test_it_exits_when_no_pair_was_open_for_so_long(folder, report):
    with proxied(folder, "--exit-idle-time=1s") as (weir, where, server):
        with peers.connect(where) as client, server.accept() as other:
            time.sleep(1.5)  # longer than the idle time; the pair is open and silent
            client.sendall(b"x")
            assert peers.read_exactly(other, 1) == b"x"
        assert weir.wait_exit() == 0
        weir.join()
        seconds = weir.record("stopping").moment() - weir.record("close").moment()
        report(f"exit {seconds:.3f} s after the last pair, of 1 s")
        assert seconds >= 0.995  # the log's clock may be set a little meanwhile
        assert float(weir.record("stopping")["idle_ms"]) >= 1000
        assert weir.records("stopped") and "STOPPING=1" in weir.notices


def test_it_exits_without_any_pair(folder):
    with proxied(folder, "--exit-idle-time=300ms") as (weir, _, _):
        assert weir.wait_exit() == 0
        weir.join()
        assert float(weir.record("stopping")["idle_ms"]) >= 300


def has_exited(weir):
    try:
        return weir.wait_exit(0.01) == 0
    except subprocess.TimeoutExpired:
        return False


def test_no_client_is_lost_around_an_exit(folder, report):
    """A client that connects during the exit is served, or waits in the backlog for the next process."""
    served = 0
    with listening("tcp4", folder) as (sock, where), \
            contextlib.closing(peers.Server("tcp4", folder, peers.echo)) as server:
        for attempt in range(20):
            with contextlib.ExitStack() as stack:
                weir = stack.enter_context(
                    SocketProxy("--exit-idle-time=20ms", server.address, passed=[("x", sock)]))
                time.sleep(attempt * 0.0015)  # some attempts are before the exit, some after it
                client = stack.enter_context(peers.connect(where))
                client.sendall(b"ping")
                while not select.select([client], [], [], 0)[0] and not has_exited(weir):
                    pass
                if has_exited(weir):
                    stack.enter_context(SocketProxy(server.address, passed=[("x", sock)]))
                else:
                    served += 1
                assert peers.read_exactly(client, 4) == b"ping"
                client.close()
    report(f"{served} of 20 clients served before the exit, the others after it")


def test_there_is_nothing_to_reload(folder):
    with proxied(folder, errors=("reload_failed",)) as (weir, where, server):
        weir.signal(signal.SIGHUP)
        assert "--socket-proxy" in weir.record("reload_failed")["error"]
        exchange(where, server)


def test_drained_by_hand_it_goes_on_for_the_socket_is_systemds(folder):
    with proxied(folder, control=True) as (weir, where, server):
        answer = ask(weir, "POST", "/v1/drain")
        assert (answer.status, answer.json["state"]) == (200, "drained")
        assert answer.json["kept"] == [{"name": "x.socket", "address": where.text}]
        exchange(where, server)
        assert ask(weir, "POST", "/v1/undrain").json["state"] == "running"
        exchange(where, server)


def test_a_host_and_a_service_by_name(folder):
    with listening("tcp4", folder) as (sock, where), \
            SocketProxy("localhost:discard", passed=[("x", sock)]) as weir, \
            peers.connect(where) as client:
        assert peers.end_of(client) == "rst"
        assert ":9 (" in weir.close_line()["tried"]


def test_a_start_without_sockets_fails_with_the_remedy():
    done = run("--socket-proxy", "127.0.0.1:80")
    assert done.returncode == 1
    assert ".socket" in done.stderr


@pytest.mark.parametrize("name", ("x", "y"))
def test_sockets_of_the_wrong_kind_are_refused(name, folder):
    """weir also refuses one beside a socket that it could use."""
    with listening("tcp4", folder) as (sock, _), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wrong:
        wrong.bind(("127.0.0.1", 0))
        done = run("--socket-proxy", "127.0.0.1:80", passed=[("x", sock), (name, wrong)])
    assert done.returncode == 1
    assert "datagram" in done.stderr and "ListenStream=" in done.stderr


@pytest.mark.parametrize("arguments", (
    [], ["a:80", "b:80"], ["-c", "0", "a:80"], ["--connections-max=x", "a:80"],
    ["--exit-idle-time=5x", "a:80"], ["--exit-idle-time=", "a:80"], ["--unknown", "a:80"], ["::1"],
    [":80"], ["a:no-such-service"], ["/" + "p" * 200]))
def test_a_wrong_command_line_is_refused_with_a_remedy(arguments):
    done = run("--socket-proxy", *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("weir --socket-proxy: ")
    assert "write " in done.stderr or "usage: " in done.stderr


def test_help_and_version():
    for option in ("--help", "-h"):
        done = run("--socket-proxy", option)
        assert done.returncode == 0 and "--exit-idle-time" in done.stdout and not done.stderr
    done = run("--socket-proxy", "--version")
    assert done.returncode == 0 and done.stdout.startswith("weir ")


def test_it_has_to_be_the_first_argument():
    done = run("--check", "--socket-proxy")
    assert done.returncode == 2 and "first" in done.stderr
