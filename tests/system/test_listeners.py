# SPDX-License-Identifier: ISC
"""Where weir listens: addresses in use, UNIX sockets left behind or alive, modes, any address."""

import fcntl
import grp
import os
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

from weirtest import address, config, exposition, logfmt, peers
from weirtest.address import TRANSPORTS
from weirtest.asking import ask
from weirtest.daemon import Free, Weir, run
from weirtest.rig import relay
from weirtest.settings import DEADLINE

NOBODY = "127.0.0.1:1"


def refused_start(listen, name="web", prefix=()):
    """Starts weir, which must fail at that address; the record of the failure."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(config.text({"workers": 2, **config.relay(listen, NOBODY, name=name)}))
        file.flush()
        done = run("-c", file.name, prefix=prefix)
    assert done.returncode == 1, done.stderr
    records = [logfmt.parse(line) for line in done.stderr.splitlines()]
    errors = [one for one in records if one and one["level"] == "error"]
    assert errors and not [one for one in records if one["event"] == "ready"], done.stderr
    assert errors[0]["listener"] == name and errors[0]["address"] == str(listen)
    assert errors[0]["error"] and errors[0]["errno"]
    return errors[0]


def assert_relays(rig):
    client, server = rig.pair()
    client.sendall(b"hello")
    assert peers.read_exactly(server, 5) == b"hello"
    client.close()
    server.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_second_weir_on_an_address_names_listener_address_and_error(transport):
    with relay(transport) as rig:
        assert refused_start(rig.weir.address)["errno"] == "EADDRINUSE"
        assert_relays(rig)


def test_second_weir_on_a_wildcard_port_fails():
    class Wildcard(Free):
        def __str__(self):
            return f"*:{self.address.sockaddr[1]}"

    with Weir({"workers": 4, **config.relay(Wildcard("tcp4"), NOBODY)}) as weir:
        assert refused_start(f"*:{weir.address.sockaddr[1]}")["errno"] == "EADDRINUSE"


@pytest.mark.parametrize("host, served", (("*", ("127.0.0.1", "::1")), ("[::]", ("::1",)),
                                          ("0.0.0.0", ("127.0.0.1",))))
def test_wildcards_serve_what_they_say(host, served):
    class Wildcard(Free):
        def __str__(self):
            return f"{host}:{self.address.sockaddr[1]}"

    with relay() as other, Weir({"workers": 1, **config.relay(Wildcard("tcp4"), other.upstream)}) as weir:
        for loopback in ("127.0.0.1", "::1"):
            to = address.tcp(loopback, weir.address.sockaddr[1])
            if loopback not in served:
                with pytest.raises(ConnectionRefusedError):
                    peers.connect(to)
                continue
            with peers.connect(to) as client, other.accept() as server:
                client.sendall(b"x")
                assert peers.read_exactly(server, 1) == b"x"
                name = peers.name(client)
            # An IPv4 address that is mapped to IPv6 is logged as IPv4.
            weir.close_line(client=name)


def test_several_addresses_of_one_listener():
    listen = [Free(transport) for transport in TRANSPORTS]
    with relay() as other, Weir({"workers": 2, **config.relay(listen, other.upstream)}) as weir:
        for free in listen:
            weir.record("listening", listener="relay", address=free.address.text)
            with peers.connect(free.address) as client, other.accept() as server:
                client.sendall(b"x")
                assert peers.read_exactly(server, 1) == b"x"


def test_address_of_nobody_fails_and_freebind_is_the_remedy():
    failed = refused_start("192.0.2.1:8080")
    assert failed["errno"] == "EADDRNOTAVAIL" and 'freebind = "on"' in failed["remedy"].replace("\\", "")


class Coming(Free):
    """An address that no interface has yet; the test adds it, in a network namespace of its own."""

    def __init__(self, host):
        super().__init__("tcp4")
        self.address = address.tcp(host, 8080)

    def pick(self, folder):
        pass


def inside(weir, *command):
    """Runs a command in weir's network."""
    enter = ("nsenter", f"--target={weir.pid}", *(() if os.geteuid() == 0 else ("--user", "--preserve-credentials")),
             "--net", "--")
    return subprocess.run([*enter, *command], check=True, capture_output=True, text=True, timeout=DEADLINE).stdout


ALONE = ("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--net", "--")


@pytest.mark.root
def test_port_for_the_privileged_names_the_ways_to_it():
    """In a network namespace of its own, where the privileged ports are those of the kernel's default."""
    unprivileged = ("setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", "--")
    error = refused_start("0.0.0.0:80", prefix=(*ALONE, *unprivileged))
    assert error["errno"] == "EACCES"
    assert "weir.socket" in error["remedy"] and "low-ports.conf" in error["remedy"]


@pytest.mark.root
@pytest.mark.parametrize("host", ("192.0.2.1", "2001:db8::1"))
def test_address_that_comes_late_is_served_with_freebind(host):
    listen = Coming(host)
    settings = {"workers": 2, **config.relay(listen, NOBODY, socket={"freebind": "on"})}
    with Weir(settings, prefix=ALONE, control=True) as weir:
        weir.record("listening", address=str(listen))
        inside(weir, "ip", "link", "set", "lo", "up")
        inside(weir, "ip", "address", "add", host, "dev", "lo", *(["nodad"] if ":" in host else []))
        # The kernel adds the route to an IPv6 address later.
        inside(weir, "sh", "-c", f"until ip route get {host} | grep -q '^local'; do sleep 0.01; done")
        inside(weir, "bash", "-c", f"exec 3<>/dev/tcp/{host}/8080")
        weir.record("close", reason="connect_failed")
        more = Coming("192.0.2.77")
        both = {**settings, **config.relay([listen, more], NOBODY, socket={"freebind": "on"})}
        assert weir.reload(both).returncode == 0
        weir.record("listening", address=str(more))


def test_unix_socket_in_a_missing_folder_fails(folder):
    assert refused_start(f"unix:{folder}/missing/x.sock")["errno"] == "ENOENT"


class Fixed(Free):
    """An address that may be in use: that is what is tested."""

    def __init__(self, path):
        super().__init__("unix")
        self.address = address.unix(path)

    def pick(self, folder):
        pass


def relay_at(path, **options):
    return relay(Fixed(path), **options)


def test_stale_unix_socket_is_replaced(folder):
    path = os.path.join(folder, "x.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with relay_at(path) as rig:
        assert_relays(rig)
    assert os.listdir(folder) == []


def test_socket_that_a_killed_weir_left_is_replaced(folder):
    path = os.path.join(folder, "x.sock")
    with relay_at(path, daemon={"exit_code": -signal.SIGKILL}) as rig:
        rig.weir.signal(signal.SIGKILL)
        rig.weir.wait_exit()
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    with relay_at(path) as rig:
        assert_relays(rig)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("full", (False, True), ids=("idle", "full_backlog"))
def test_live_unix_socket_of_another_program_is_never_replaced(folder, full):
    path = os.path.join(folder, "x.sock")
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(path)
        alive.listen(0)
        fillers = []
        while full:
            sock = socket.socket(socket.AF_UNIX)
            sock.setblocking(False)
            fillers.append(sock)
            if sock.connect_ex(path):
                break
        inode = os.stat(path).st_ino
        assert refused_start(f"unix:{path}")["errno"] == "EADDRINUSE"
        assert os.stat(path).st_ino == inode
        for sock in fillers:
            sock.close()


def test_socket_whose_lock_is_held_is_never_replaced(folder):
    """The lock belongs to another weir that is just starting and does not listen yet."""
    path = os.path.join(folder, "x.sock")
    with socket.socket(socket.AF_UNIX) as starting, open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        starting.bind(path)
        assert refused_start(f"unix:{path}")["errno"] == "EADDRINUSE"
        assert os.path.exists(path)


@pytest.mark.parametrize("kind", ("file", "folder", "link", "pipe"))
def test_what_is_no_socket_is_never_removed(folder, kind):
    path = os.path.join(folder, "x.sock")
    if kind == "file":
        with open(path, "w", encoding="ascii") as file:
            file.write("precious")
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "link":
        os.symlink("/nowhere", path)
    else:
        os.mkfifo(path)
    before = os.lstat(path)
    refused_start(f"unix:{path}")
    assert os.lstat(path) == before
    if kind == "file":
        with open(path, encoding="ascii") as file:
            assert file.read() == "precious"


@pytest.mark.parametrize("mode, expected", ((None, 0o666), ("0660", 0o660), ("0600", 0o600)))
def test_mode_is_applied_whatever_the_umask(folder, mode, expected):
    path = os.path.join(folder, "x.sock")
    listener = {"mode": mode} if mode else {}
    with relay_at(path, listener=listener, daemon={"umask": 0o077}) as rig:
        assert stat.S_IMODE(os.stat(path).st_mode) == expected
        assert_relays(rig)


def access(path):
    what = os.stat(path)
    return what.st_uid, what.st_gid, stat.S_IMODE(what.st_mode)


@pytest.mark.root
def test_owner_and_group_are_applied_and_change_with_a_reload(folder):
    path = os.path.join(folder, "x.sock")
    own = (os.geteuid(), os.getegid())
    with relay_at(path, listener={"mode": "0660", "owner": "4711", "group": "daemon"},
                  daemon={"control": True}) as rig:
        assert access(path) == (4711, grp.getgrnam("daemon").gr_gid, 0o660)
        inode = os.stat(path).st_ino
        for more, expected in (({"group": "4712"}, (own[0], 4712, 0o666)), ({"mode": "0600"}, (*own, 0o600))):
            settings = {**rig.weir.settings, **config.relay(f"unix:{path}", rig.upstream, **more)}
            assert rig.weir.reload(settings).returncode == 0
            assert access(path) == expected and os.stat(path).st_ino == inode
        assert_relays(rig)


def refused_access(folder, prefix):
    path = os.path.join(folder, "x.sock")
    settings = {"workers": 1, **config.relay(f"unix:{path}", NOBODY, group="4712")}
    conf = os.path.join(folder, "weir.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(config.text(settings))
    done = run("-c", conf, prefix=prefix)
    assert done.returncode == 1, done.stderr
    assert os.listdir(folder) == ["weir.conf"]
    return [one for one in map(logfmt.parse, done.stderr.splitlines()) if one["event"] == "listen_failed"][0]


@pytest.mark.parametrize("how", ("no_right", pytest.param("unmapped", marks=pytest.mark.root)))
def test_group_that_may_not_be_set_names_the_remedies(folder, how):
    """The shipped service is like this: it has no capability, and its PrivateUsers= maps few groups."""
    if how == "unmapped":
        prefix = ("unshare", "--user", "--map-root-user", "--")
    elif os.geteuid() == 0:
        prefix = ("setpriv", "--bounding-set=-chown", "--inh-caps=-chown", "--")
    else:
        prefix = ()
    failed = refused_access(folder, prefix)
    assert failed["errno"] == {"no_right": "EPERM", "unmapped": "EINVAL"}[how]
    for remedy in ("socket-group.conf", "SupplementaryGroups=", "PrivateUsers=no", "SystemCallFilter=@chown",
                   "SocketGroup="):
        assert remedy in failed["remedy"]


def test_access_that_a_reload_may_not_set_changes_nothing(folder):
    path = os.path.join(folder, "x.sock")
    prefix = ("setpriv", "--bounding-set=-chown", "--inh-caps=-chown", "--") if os.geteuid() == 0 else ()
    with relay_at(path, daemon={"control": True, "prefix": prefix, "errors": ("reload_failed",)}) as rig:
        before = access(path)
        settings = {**rig.weir.settings, **config.relay(f"unix:{path}", rig.upstream, group="4712", mode="0600")}
        done = rig.weir.reload(settings)
        assert done.returncode == 1 and "socket-group.conf" in done.stderr
        assert access(path) == before
        assert_relays(rig)


def test_unix_socket_is_gone_at_the_end(folder):
    with relay_at(os.path.join(folder, "x.sock")) as rig:
        assert "x.sock" in os.listdir(folder)
        rig.weir.stop()
        assert os.listdir(folder) == []


def test_unix_socket_that_somebody_replaced_is_left(folder):
    path = os.path.join(folder, "x.sock")
    with relay_at(path) as rig:
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            inode = os.stat(path).st_ino
            rig.weir.stop()
            assert os.stat(path).st_ino == inode


@pytest.mark.workers
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_four_workers_share_a_listener(transport, report):
    """A TCP listener has a socket for each worker. On a UNIX socket one worker accepts, for all workers in rotation."""
    count = 64  # so that no worker is left out by chance: 4 * (3 / 4) ** 64 is 4e-8
    with relay(transport, workers=4, daemon={"control": True}) as rig:
        pairs = []
        for number in range(count):
            pairs.append(rig.pair())
            pairs[-1][0].sendall(b"%d" % number)
        for number, (_, server) in enumerate(pairs):
            assert peers.read_exactly(server, len(b"%d" % number)) == b"%d" % number
        metrics = exposition.Metrics(ask(rig.weir, "GET", "/metrics").text)
        shares = [share for _, share in metrics.all("weir_worker_pairs_open")]
        assert len(shares) == 4 and sum(shares) == count
        assert all(shares) if transport.startswith("tcp") else set(shares) == {count // 4}
        report(f"pairs of each worker: {shares}")
