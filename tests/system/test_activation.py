# SPDX-License-Identifier: ISC
"""Sockets that systemd passes: weir takes them by name, or refuses them; the workers share them."""

import collections
import contextlib
import os
import socket
import tempfile

import pytest

from weirtest import address, config, logfmt, peers, proc
from weirtest.daemon import Free, Weir, run

NOBODY = "127.0.0.1:1"
REMEDY = "systemctl start"


@contextlib.contextmanager
def listening(transport, folder, backlog=512):
    """A listening socket, as a .socket unit makes it, and its address."""
    with contextlib.closing(peers.Upstream(transport, folder, backlog)) as made:
        made.sock.settimeout(None)  # blocking, as systemd passes it
        yield made.sock, made.address


@contextlib.contextmanager
def activated(passed, *listens, workers=1, upstream="tcp4", **options):
    """A weir that inherits `passed` and has one listener for all of `listens`, and its upstream."""
    with tempfile.TemporaryDirectory() as folder, \
            contextlib.closing(peers.Upstream(upstream, folder)) as server:
        settings = {"workers": workers, **config.relay(list(listens), server)}
        with Weir(settings, passed=passed, **options) as weir:
            yield weir, server


def relay_one(to, server):
    with peers.connect(to) as client, server.accept() as other:
        client.sendall(b"ping")
        assert peers.read_exactly(other, 4) == b"ping"
        other.sendall(b"pong")
        assert peers.read_exactly(client, 4) == b"pong"


def refused(passed, *listens, env=None):
    """The errors that weir logs at a start that must fail."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(config.text({"workers": 2, **config.relay(list(listens), NOBODY, name="web")}))
        file.flush()
        prefix = ["env", *(f"{key}={value}" for key, value in (env or {}).items())]
        done = run("-c", file.name, passed=passed, prefix=prefix)
    assert done.returncode == 1, done.stderr
    records = [logfmt.parse(line) for line in done.stderr.splitlines()]
    assert not [one for one in records if one["event"] == "ready"], done.stderr
    return [one for one in records if one["level"] == "error" and one["event"] != "not_started"]


@pytest.mark.parametrize("transport", address.TRANSPORTS)
def test_a_passed_socket_is_served_by_its_name(transport, folder):
    with listening(transport, folder) as (sock, where), \
            activated([("web", sock)], "systemd:web") as (weir, server):
        relay_one(where, server)
        assert weir.record("listening", address="systemd:web")["socket"] == where.text


def test_several_sockets_names_and_own_listeners_mix(folder):
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(listening(one, folder)) for one in address.TRANSPORTS]
        names = ("web", "web", "other", "web")
        own = Free("tcp4")
        weir, server = stack.enter_context(activated(
            list(zip(names, (sock for sock, _ in made))), "systemd:web", own, "systemd:other"))
        for _, where in made:
            relay_one(where, server)
        relay_one(own.address, server)
        weir.record("ready")
        assert len(weir.records("listening")) == 5


def test_a_client_that_came_before_weir_is_served(folder):
    with listening("tcp4", folder) as (sock, where), peers.connect(where) as client:
        client.sendall(b"early")
        with activated([("web", sock)], "systemd:web") as (_, server):
            with server.accept() as other:
                assert peers.read_exactly(other, 5) == b"early"


def test_the_path_of_a_passed_socket_outlives_weir(folder):
    with listening("unix", folder) as (sock, where):
        for _ in range(2):
            with activated([("web", sock)], "systemd:web") as (_, server):
                relay_one(where, server)
            assert os.path.exists(where.sockaddr)
        assert not os.path.exists(where.sockaddr + ".lock")


def test_a_passed_socket_can_be_passed_again(folder):
    """Clients that connect while weir does not run wait for its next start."""
    with listening("tcp4", folder) as (sock, where):
        with activated([("web", sock)], "systemd:web") as (_, server):
            relay_one(where, server)
        with peers.connect(where) as client:
            client.sendall(b"between")
            with activated([("web", sock)], "systemd:web") as (_, server), server.accept() as other:
                assert peers.read_exactly(other, 7) == b"between"


def test_a_name_that_nobody_passed_is_an_error_with_its_remedy(folder):
    errors = refused(None, "systemd:web")
    assert [one["address"] for one in errors] == ["systemd:web"]
    assert "FileDescriptorName=web" in errors[0]["remedy"] and REMEDY in errors[0]["remedy"]
    with listening("tcp4", folder) as (sock, _):
        errors = refused([("web", sock)], "systemd:web", "systemd:admin")
    assert [one["address"] for one in errors] == ["systemd:admin"]


def test_a_socket_that_no_listener_asks_for_is_an_error_with_its_remedy(folder):
    with listening("tcp4", folder) as (sock, where), listening("unix", folder) as (other, path):
        errors = refused([("web", sock), ("admin", other)], "systemd:admin")
    assert errors[0]["address"] == "systemd:web" and errors[0]["socket"] == where.text
    assert "listen on systemd:web" in errors[0]["remedy"]
    assert path.sockaddr not in str(errors[0])


def test_both_mistakes_are_told_at_once(folder):
    """This happens if a unit lacks FileDescriptorName=: the name is then that of the unit."""
    with listening("tcp4", folder) as (sock, _):
        errors = refused([("weir.socket", sock)], "systemd:web")
    assert {one["address"] for one in errors} == {"systemd:web", "systemd:weir.socket"}


def test_sockets_of_the_wrong_kind_are_refused_by_name(folder):
    with contextlib.ExitStack() as stack:
        datagram = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagram.bind(("127.0.0.1", 0))
        packets = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        packets.bind(os.path.join(folder, "packets"))
        packets.listen()
        silent = stack.enter_context(socket.socket())
        silent.bind(("127.0.0.1", 0))
        connected = [stack.enter_context(one) for one in socket.socketpair()]
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        pipe = stack.enter_context(os.fdopen(os.open(fifo, os.O_RDWR), "wb", buffering=0))
        for wrong, remedy in ((datagram, "ListenStream="), (packets, "ListenStream="),
                              (silent, "Accept=no"), (connected[0], "Accept=no"),
                              (pipe, "ListenStream=")):
            errors = refused([("web", wrong)], "systemd:web")
            assert [one["address"] for one in errors] == ["systemd:web"]
            assert remedy in errors[0]["remedy"], errors


@pytest.mark.parametrize("env", (
    {"LISTEN_FDS": "nonsense"}, {"LISTEN_FDS": "0"}, {"LISTEN_FDS": "-1"}, {"LISTEN_FDS": "2"},
    {"LISTEN_FDS": "2147483647"}, {"LISTEN_FDS": "99999999999"}, {"LISTEN_FDNAMES": "web:web"},
    {"LISTEN_PID": "nonsense"}))
def test_a_wrong_environment_is_refused(env, folder):
    with listening("tcp4", folder) as (sock, _):
        errors = refused([("web", sock)], "systemd:web", env=env)
    assert [one["event"] for one in errors] == ["start_failed"], errors
    assert "LISTEN_FDS" in errors[0]["remedy"]


def test_sockets_for_another_process_are_none(folder):
    with listening("tcp4", folder) as (sock, _):
        errors = refused([("web", sock)], "systemd:web", env={"LISTEN_PID": "1"})
    assert [one["error"] for one in errors] == ["no socket of this name was passed"]


def test_sockets_for_another_process_are_told_with_both_and_the_remedy(folder):
    """This happens if a script in ExecStart= runs weir without exec."""
    with listening("tcp4", folder) as (sock, _), activated([("web", sock)], Free("unix"), prefix=(
            "env", "LISTEN_PID=1", "LISTEN_FDS=1")) as (weir, _):
        told = weir.record("sockets_for_another")
        assert (told["level"], told["listen_pid"], told["pid"]) == ("warn", "1", str(weir.pid))
        assert "exec" in told["remedy"]


def test_connections_of_accept_yes_are_told_as_what_they_are(folder):
    with listening("tcp4", folder) as (sock, where), peers.connect(where):
        connection, _ = sock.accept()
        with connection:
            errors = refused([("connection", connection)], "systemd:web")
    assert [one["address"] for one in errors] == ["systemd:web"]
    assert "Accept=no" in errors[0]["remedy"] and "systemctl start" not in errors[0]["remedy"]


@contextlib.contextmanager
def stored(folder):
    """Fds that systemd passes and that do not listen: from units of other kinds, and from the fd store."""
    with contextlib.ExitStack() as stack:
        datagram = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagram.bind(("127.0.0.1", 0))
        silent = stack.enter_context(socket.socket())
        pair = [stack.enter_context(one) for one in socket.socketpair()]
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        yield (pair[1], [
            ("web", datagram, "datagram socket"), ("silent", silent, "socket that does not listen"),
            ("pair-7", pair[0], "connection"),
            ("fifo", stack.enter_context(os.fdopen(os.open(fifo, os.O_RDWR), "wb", buffering=0)), "FIFO"),
            ("stored", stack.enter_context(os.fdopen(os.memfd_create("state"), "wb", buffering=0)), "file"),
            ("two words \"", stack.enter_context(open(os.devnull, "rb")), "device"),
        ])


def test_what_does_not_listen_is_warned_of_and_let_be(folder):
    """Its name does not matter. weir neither reads nor closes it."""
    with listening("tcp4", folder) as (sock, where), stored(folder) as (peer, others), \
            activated([*((name, fd) for name, fd, _ in others), ("web", sock)], "systemd:web",
                      control=True) as (weir, server):
        relay_one(where, server)
        weir.record("ready")
        told = weir.records("passed_unused")
        assert [(one["name"], one["kind"]) for one in told] == [(name, kind) for name, _, kind in others]
        for one in told:
            assert one["level"] == "warn"
            assert ("Accept=no" if one["kind"] == "connection" else "ListenStream=") in one["remedy"]
        done = weir.reload({"workers": 1, **config.relay(["systemd:web"], server)})
        assert done.returncode == 0, done.stderr
        relay_one(where, server)
        assert len(weir.records("passed_unused")) == len(others)  # once, at the start
        os.set_blocking(peer.fileno(), False)
        with pytest.raises(BlockingIOError):
            peer.recv(1)


def test_what_does_not_listen_is_counted_in_the_budget(folder):
    with listening("tcp4", folder) as (sock, _), activated([("web", sock)], "systemd:web") as (weir, _):
        without = int(weir.record("ready")["max_pairs"])
    with contextlib.ExitStack() as stack:
        sock, _ = stack.enter_context(listening("tcp4", folder))
        others = [stack.enter_context(open(os.devnull, "rb")) for _ in range(40)]
        weir, _ = stack.enter_context(activated(
            [("web", sock), *(("stored", one) for one in others)], "systemd:web"))
        assert int(weir.record("ready")["max_pairs"]) == without - 20
        assert weir.record("passed_unused", nth=15)["more"] == "24"


def test_a_socket_that_is_passed_twice_is_one(folder):
    with listening("tcp4", folder) as (sock, where), \
            activated([("web", sock), ("web", sock)], "systemd:web") as (weir, server):
        relay_one(where, server)
        weir.record("ready")
        assert len(weir.records("listening")) == 1


@pytest.mark.parametrize("name", ("", "two words", "caf\u00e9", "n" * 300))
def test_a_listening_socket_of_an_odd_name_is_told_what_can_be_done(name, folder):
    with listening("tcp4", folder) as (sock, where):
        errors = refused([(name, sock)], "unix:" + os.path.join(folder, "own"))
    assert [one["socket"] for one in errors] == [where.text]
    assert ("listen on systemd:two words" if name == "two words" else "FileDescriptorName=") in errors[0]["remedy"]


def test_multipath_tcp_is_refused_by_its_name(folder):
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    except OSError:
        pytest.skip("this kernel has no Multipath TCP")
    with sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        errors = refused([("web", sock)], "systemd:web")
    assert "Multipath TCP" in errors[0]["remedy"] and "SocketProtocol=mptcp" in errors[0]["remedy"]


@pytest.mark.workers
@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_a_start_that_fails_late_leaves_its_clients_where_they_wait(transport, folder):
    with listening(transport, folder) as (sock, where), peers.connect(where) as client:
        client.sendall(b"early")
        errors = refused([("web", sock)], "systemd:web", env={"WATCHDOG_USEC": "nonsense"})
        assert [one["what"] for one in errors] == ["watchdog"]
        with activated([("web", sock)], "systemd:web") as (_, server), server.accept() as other:
            assert peers.read_exactly(other, 5) == b"early"


def test_check_takes_what_it_cannot_know(folder):
    path = os.path.join(folder, "weir.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(config.text(config.relay("systemd:web", NOBODY)))
    done = run("--check", "-c", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_passed_sockets_are_counted_in_the_budget(folder):
    """A passed socket takes as many descriptors as a pair: itself, and the duplicate from which a worker accepts."""
    with listening("tcp4", folder) as (sock, _), activated([("web", sock)], "systemd:web") as (weir, _):
        ready = weir.record("ready")
        with_one = int(ready["max_pairs"])
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(listening("tcp4", folder))[0] for _ in range(41)]
        weir, _ = stack.enter_context(activated([("web", one) for one in made], "systemd:web"))
        assert int(weir.record("ready")["max_pairs"]) == with_one - 40


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_a_reload_keeps_passed_sockets_and_may_give_them_to_another_listener(transport, folder):
    with listening(transport, folder) as (sock, where), \
            activated([("web", sock)], "systemd:web", control=True) as (weir, server):
        relay_one(where, server)
        for name in ("other", "relay"):
            settings = {"workers": 1, **config.relay(["systemd:web"], server, name=name)}
            done = weir.reload(settings)
            assert done.returncode == 0, done.stderr
            relay_one(where, server)
            assert weir.close_line(listener=name)


def test_a_reload_that_leaves_a_passed_socket_to_nobody_changes_nothing(folder):
    with listening("tcp4", folder) as (sock, where), \
            activated([("web", sock)], "systemd:web", control=True,
                      errors=("reload_failed", "listen_failed")) as (weir, server):
        for listen in ("systemd:admin", "127.0.0.1:9"):
            done = weir.reload({"workers": 1, **config.relay(listen, server)})
            assert done.returncode == 1 and "systemd:web" in done.stderr, done.stderr
            relay_one(where, server)


@pytest.mark.workers
@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_four_workers_share_a_passed_socket_evenly(transport, folder, report):
    count, workers = 200, 4
    with listening(transport, folder) as (sock, where), \
            activated([("web", sock)], "systemd:web", workers=workers) as (weir, server):
        before = proc.settled_fds(weir.pid)
        with contextlib.ExitStack() as stack:
            for number in range(count):
                client = stack.enter_context(peers.connect(where))
                other = stack.enter_context(server.accept())
                client.sendall(b"%03d" % number)
                assert peers.read_exactly(other, 3) == b"%03d" % number
        weir.record("close", nth=count - 1)
        # The workers number their pairs in an interleaved way: the remainder tells the worker.
        shares = collections.Counter(int(one["pair"]) % workers for one in weir.records("close"))
        report(f"{transport}: {count} pairs on {workers} workers: {sorted(shares.values())}")
        assert max(shares.values()) - min(shares[one] for one in range(workers)) <= 3
        assert proc.settled_fds(weir.pid) == before


@pytest.mark.workers
def test_a_burst_in_the_queue_is_shared_evenly_too(folder, report):
    count, workers = 300, 4
    with listening("tcp4", folder) as (sock, where), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(peers.connect(where)) for _ in range(count)]
        weir, server = stack.enter_context(
            activated([("web", sock)], "systemd:web", workers=workers))
        for _ in clients:
            server.accept().close()
        for client in clients:
            client.close()
        weir.record("close", nth=count - 1)
        shares = collections.Counter(int(one["pair"]) % workers for one in weir.records("close"))
        report(f"burst of {count} on {workers} workers: {sorted(shares.values())}")
        assert max(shares.values()) - min(shares[one] for one in range(workers)) <= 3
