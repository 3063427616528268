# SPDX-License-Identifier: ISC
"""
Socket options of the config: the tests read them from weir's own sockets, from outside (pidfd_getfd), on the
side that was configured and on the other one.
"""

import contextlib
import ctypes
import os
import socket

import pytest

from weirtest import config, daemon, peers, wait
from weirtest.daemon import Weir
from weirtest.rig import relay

PIDFD_OPEN, PIDFD_GETFD = 434, 438  # the same on every architecture
TCP_NOTSENT_LOWAT = 25
LIBC = ctypes.CDLL(None, use_errno=True)

WRITTEN = {
    "nodelay": "off",
    "keepalive": {"idle": "61s", "interval": "7s", "count": 3},
    "user_timeout": "12s",
    "send_buffer": "40k",
    "receive_buffer": "48k",
    "notsent_lowat": "24k",
}

READ = {
    "nodelay": (socket.IPPROTO_TCP, socket.TCP_NODELAY),
    "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    "idle": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
    "interval": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    "count": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
    "user_timeout": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    "send_buffer": (socket.SOL_SOCKET, socket.SO_SNDBUF),
    "receive_buffer": (socket.SOL_SOCKET, socket.SO_RCVBUF),
    "notsent_lowat": (socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT),
}

# The kernel doubles the sizes of buffers, for its own overhead.
EXPECTED = {"nodelay": 0, "keepalive": 1, "idle": 61, "interval": 7, "count": 3, "user_timeout": 12000,
            "send_buffer": 2 * 40960, "receive_buffer": 2 * 49152, "notsent_lowat": 24576}


def syscall(*args):
    got = LIBC.syscall(*args)
    if got < 0:
        raise OSError(ctypes.get_errno(), f"system call {args[0]} of another process's fds")
    return got


def copy_of(handle, pid, fd):
    """A copy of this fd if it is a TCP socket, else None."""
    if not os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
        return None
    sock = socket.socket(fileno=syscall(PIDFD_GETFD, handle, int(fd), 0))
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        return sock
    sock.close()
    return None


def sockets_of(pid):
    """Copies of all TCP sockets of a process; the caller closes them."""
    handle = syscall(PIDFD_OPEN, pid, 0)
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                sock = copy_of(handle, pid, fd)
            except FileNotFoundError:
                continue  # it was closed after the listing
            if sock is not None:
                yield sock
    finally:
        os.close(handle)


def options_of(rig, peer):
    """The options of weir's socket whose other end is the test's socket `peer`."""
    found = None
    for sock in sockets_of(rig.weir.pid):
        with sock:
            listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if not listens and sock.getpeername() == peer.getsockname():
                found = {name: sock.getsockopt(*option) for name, option in READ.items()}
    assert found, "weir has no such socket"
    return found


def default():
    """The options of a socket for which the config sets none: weir sets only nodelay."""
    with socket.socket() as sock:
        return {**{name: sock.getsockopt(*option) for name, option in READ.items()}, "nodelay": 1}


def tuned(options):
    """The options without those that the kernel tunes by itself once a socket is connected."""
    return {name: value for name, value in options.items() if not name.endswith("_buffer")}


def check(text, folder):
    path = folder / "weir.conf"
    path.write_text(config.text(text), encoding="utf-8")
    done = daemon.run("-c", str(path), "--check", folder=folder)
    return done.returncode, (done.stdout + done.stderr).strip().removeprefix(f"{path}:")


@pytest.mark.parametrize("client, upstream", (("tcp4", "tcp4"), ("tcp6", "tcp6")))
def test_the_listener_hands_its_options_on(client, upstream):
    with relay(client, upstream, listener={"socket": WRITTEN}) as rig:
        near, far = rig.pair()
        assert options_of(rig, near) == EXPECTED
        assert tuned(options_of(rig, far)) == tuned(default())


@pytest.mark.parametrize("client, upstream", (("tcp4", "tcp4"), ("tcp6", "tcp6"), ("unix", "tcp4")))
def test_the_upstream_gets_its_own(client, upstream):
    with relay(client, upstream, upstream_settings={"socket": WRITTEN}) as rig:
        near, far = rig.pair()
        assert options_of(rig, far) == EXPECTED
        if client != "unix":
            assert tuned(options_of(rig, near)) == tuned(default())


def test_the_top_level_says_it_for_both_sides_and_each_may_say_otherwise():
    with relay(listener={"socket": {"keepalive": {"count": 5}}}, upstream_settings={"socket": {"nodelay": "on"}},
               socket=WRITTEN) as rig:
        near, far = rig.pair()
        assert options_of(rig, near) == {**EXPECTED, "count": 5}
        assert options_of(rig, far) == {**EXPECTED, "nodelay": 1}


def test_without_options_only_nodelay_is_on():
    with relay() as rig:
        for peer in rig.pair():
            assert tuned(options_of(rig, peer)) == tuned(default())


def test_connections_come_from_the_source():
    with relay(upstream_settings={"socket": {"source": "127.0.0.77"}}) as rig:
        pairs = [rig.pair() for _ in range(3)]
        assert {server.getpeername()[0] for _, server in pairs} == {"127.0.0.77"}
        assert len({server.getpeername()[1] for _, server in pairs}) == 3


def test_a_source_that_is_not_ours_fails_as_any_connection():
    with relay(upstream_settings={"socket": {"source": "192.0.2.77"}}) as rig:
        assert peers.read_end(rig.client()) == (b"", "rst")
        assert rig.weir.record("close")["errno"] == "EADDRNOTAVAIL"


def test_a_backlog_bounds_who_waits():
    with relay(listener={"socket": {"backlog": 7}}) as rig:
        for sock in sockets_of(rig.weir.pid):
            with sock:
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    assert backlog(sock) == 7
                    return
    raise AssertionError("weir listens nowhere")


def test_what_the_kernel_cuts_is_told_once():
    with relay(listener={"socket": {"receive_buffer": "1024M", "backlog": 1000000}}) as rig:
        rig.weir.record("socket_option_cut", nth=1)
        cut = {one["option"]: one for one in rig.weir.records("socket_option_cut")}
        assert set(cut) == {"receive_buffer", "backlog"}
        assert cut["receive_buffer"]["asked"] == str(1 << 30)
        with open("/proc/sys/net/core/rmem_max", encoding="ascii") as file:
            assert cut["receive_buffer"]["granted"] == file.read().strip()
        assert "net.core.somaxconn" in cut["backlog"]["remedy"]


@pytest.mark.parametrize("side, options, error", (
    ("listener", {"keepalive": {"idle": "1500ms"}}, "write whole seconds, from \"1s\" to \"32767s\""),
    ("listener", {"keepalive": {"idle": "10h"}}, "write whole seconds"),
    ("listener", {"keepalive": {"interval": "none"}}, "write whole seconds"),
    ("listener", {"keepalive": {"interval": "0s"}}, "write whole seconds"),
    ("listener", {"keepalive": {"count": 128}}, "write an integer from 1 to 127"),
    ("upstream", {"user_timeout": "100us"}, "write whole milliseconds"),
    ("upstream", {"user_timeout": "25d"}, "write whole milliseconds"),
    ("upstream", {"send_buffer": "1k"}, "write a size from \"4k\" to \"1024M\""),
    ("upstream", {"nodelay": "yes"}, "write \"on\" or \"off\""),
    ("upstream", {"backlog": 5}, "is not known here"),
    ("upstream", {"source": "192.0.2.1:80"}, "not an IP address alone"),
    ("upstream", {"source": "host.example"}, "not an IP address alone"),
    ("upstream", {"source": "[::1]"}, "not an IP address alone"),
    ("upstream", {"source": "::1"}, "127.0.0.1:9 cannot be reached from an IPv6 address"),
    ("listener", {"source": "127.0.0.1"}, "is not known here"),
))
def test_what_cannot_be_is_an_error_of_the_config(side, options, error, tmp_path):
    text = config.relay("127.0.0.1:1", "127.0.0.1:9")
    text[side + "s"][0]["socket"] = options
    code, said = check(text, tmp_path)
    assert code == 1 and error in said and f"{side}s[0].socket." in said, said


@pytest.mark.parametrize("options, errors", (({"backlog": 10}, 0), ({"nodelay": "off"}, 1),
                                             ({"user_timeout": "1s", "send_buffer": "8k"}, 2)))
def test_unix_sockets_have_none_but_a_backlog(options, errors, tmp_path):
    text = config.relay("unix:@weir-test-options", "unix:@weir-test-server")
    text["listeners"][0]["socket"] = options
    code, said = check(text, tmp_path)
    assert said.count("is for TCP, and the listener has only UNIX sockets; take it out") == errors
    assert code == (1 if errors else 0)


def test_an_upstream_of_unix_sockets_has_none(tmp_path):
    text = config.relay("127.0.0.1:1", "unix:@weir-test-server")
    text["upstreams"][0]["socket"] = {"source": "127.0.0.1"}
    code, said = check(text, tmp_path)
    assert code == 1 and "the upstream has only UNIX sockets" in said


def test_a_reload_changes_them_for_connections_to_come():
    with relay(listener={"socket": WRITTEN}, daemon={"control": True}) as rig:
        before, _ = rig.pair()
        settings = rig.weir.settings
        settings["listeners"][0]["socket"] = {"user_timeout": "3s", "receive_buffer": "64k"}
        settings["upstreams"][0]["socket"] = WRITTEN
        done = rig.weir.reload(settings)
        assert done.returncode == 0, done.stderr
        near, far = rig.pair()
        assert options_of(rig, near) == {
            **default(), "user_timeout": 3000, "receive_buffer": 2 * 65536,
            # The kernel has no way to unset these.
            **{name: EXPECTED[name] for name in ("idle", "interval", "count", "send_buffer")}}
        assert options_of(rig, far) == EXPECTED
        assert options_of(rig, before) == EXPECTED


# Options of a socket unit, with numbers that weir itself does not use.
UNIT = {"nodelay": 1, "keepalive": 1, "idle": 77, "interval": 11, "count": 4, "user_timeout": 9000,
        "send_buffer": 70_000, "receive_buffer": 80_000, "notsent_lowat": 12_345}
SO_BUF_LOCK = 72


def backlog(sock):
    """The backlog of a listening socket: tcpi_sacked of its tcp_info."""
    return int.from_bytes(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)[28:32], "little")


def options(sock):
    return {**{name: sock.getsockopt(*option) for name, option in READ.items()},
            "backlog": backlog(sock), "locked": sock.getsockopt(socket.SOL_SOCKET, SO_BUF_LOCK)}


def unit_socket(stack, folder, told):
    """A listening socket as systemd passes it, with these options set."""
    made = stack.enter_context(contextlib.closing(peers.Upstream("tcp4", folder, 33)))
    made.sock.settimeout(None)
    for name in told:
        made.sock.setsockopt(*READ[name], UNIT[name])
    return made


@pytest.mark.parametrize("told", (UNIT, {}, ("keepalive", "nodelay"), ("idle", "send_buffer")))
def test_a_reload_takes_back_only_what_the_config_had_set(told, folder):
    """An option that the unit of a passed socket has set comes back, whatever the config had set meanwhile."""
    with contextlib.ExitStack() as stack:
        passed = unit_socket(stack, folder, told)
        server = stack.enter_context(contextlib.closing(peers.Upstream("tcp4", folder)))
        settings = {"workers": 2, **config.relay("systemd:web", server)}
        first = settings["listeners"][0]
        first["socket"] = {"nodelay": "off"}
        before = options(passed.sock)
        weir = stack.enter_context(Weir(settings, passed=[("web", passed.sock)], control=True))

        def reload(socket_group):
            first["socket"] = socket_group
            done = weir.reload(settings)
            assert done.returncode == 0, done.stderr

        def until(expected):
            wait.until(lambda: options(passed.sock) == expected, f"{expected}, not {options(passed.sock)}")

        ours = {**EXPECTED, "nodelay": before["nodelay"], "backlog": 7, "locked": 3}
        until(before)
        for group in ({"nodelay": "off"}, {}, {"nodelay": "off"}):
            reload(group)
            until({**before, "nodelay": 1 if group == {} else before["nodelay"]})
        for _ in range(2):
            reload({**WRITTEN, "backlog": 7})
            until(ours)
            reload({"nodelay": "off", "user_timeout": "12s"})
            until({**before, "user_timeout": 12000})
            reload({"nodelay": "off"})
            until(before)
        # The same holds when another listener takes the socket over.
        reload({**WRITTEN, "backlog": 7})
        until(ours)
        first["name"] = "another"
        reload({"nodelay": "off"})
        until(before)
        with peers.connect(passed.address) as client, server.accept():
            for sock in sockets_of(weir.pid):
                with sock:
                    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and \
                            sock.getpeername() == client.getsockname():
                        found = {name: sock.getsockopt(*option) for name, option in READ.items()}
        assert tuned(found) == {name: before[name] for name in tuned(found)}


@pytest.mark.parametrize("transport", ("tcp4", "tcp6"))
def test_a_reload_takes_back_a_backlog_of_its_own_socket(transport):
    with relay(transport, listener={"socket": {"backlog": 7}}, daemon={"control": True}) as rig:
        def listening():
            for sock in sockets_of(rig.weir.pid):
                with sock:
                    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        return backlog(sock)
            return None

        assert listening() == 7
        settings = rig.weir.settings
        del settings["listeners"][0]["socket"]
        done = rig.weir.reload(settings)
        assert done.returncode == 0, done.stderr
        wait.until(lambda: listening() > 7, "the usual backlog")


@pytest.mark.parametrize("transport", ("tcp4", "tcp6"))
def test_a_reload_switches_fast_open_off_at_its_own_socket(transport):
    with relay(transport, listener={"socket": {"fastopen": 5}}, daemon={"control": True}) as rig:
        def queues():
            found = set()
            for sock in sockets_of(rig.weir.pid):
                with sock:
                    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        found.add(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN))
            return found

        assert queues() == {5}
        settings = rig.weir.settings
        del settings["listeners"][0]["socket"]
        done = rig.weir.reload(settings)
        assert done.returncode == 0, done.stderr
        wait.until(lambda: queues() == {0}, "Fast Open is off")
