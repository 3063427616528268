# SPDX-License-Identifier: ISC
"""The http door, which changes nothing; the clients that it lets in; and reloads that move the doors."""

import contextlib
import http.client
import os
import signal
import socket
import stat

import pytest

from weirtest import address, peers
from weirtest.asking import Answer, Connection, ask, ask_on, control_path, get
from weirtest.daemon import Free, Weir, run
from weirtest.house import FAILED, exchange, house, listener, upstream
from weirtest.settings import DEADLINE


def look(port, method="GET", target="/readyz", host=None, source="127.0.0.1"):
    """The answer of the http door."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, DEADLINE, (source, 0))) as connection:
        connection.request(method, target, headers={} if host is None else {"Host": host})
        return Answer(connection.getresponse())


def door(port, **more):
    return {"listen": f"127.0.0.1:{port}", **more}


def free_port(here):
    return here.free().sockaddr[1]


def test_it_shows_and_does_nothing():
    with house() as here:
        port = free_port(here)
        here.reload(http=door(port))
        exchange(here.client())
        for target in ("/healthz", "/readyz", "/v1/status", "/v1/listeners", "/v1/upstreams", "/v1/pairs"):
            answer = look(port, target=target)
            assert answer.status == 200 and answer.json == answer.json
            assert look(port, "HEAD", target).text == ""
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        pair, = look(port, target="/v1/pairs").json["pairs"]
        for method, target in (("POST", "/v1/reload"), ("DELETE", "/v1/pairs?all=true"), ("PUT", "/v1/log"),
                               ("DELETE", f"/v1/pairs/{pair['id']}"), ("PATCH", "/v1/upstreams/app/servers/x"),
                               ("OPTIONS", "/healthz"), ("POST", "/nothing")):
            answer = look(port, method, target)
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD") and "control socket" in answer.error
        assert look(port, target="/v1/reload").status == 404
        assert len(look(port, target="/v1/pairs").json["pairs"]) == 1


@pytest.mark.parametrize("host, status", (
    ("127.0.0.1", 200), ("[::1]:8404", 200), ("localhost", 200), ("weir.example:80", 200), ("evil.example", 421),
    ("localhost.", 200), ("weir.example.", 200), ("evil.example.", 421), ("", 421)))
def test_a_foreign_host_is_refused(host, status):
    with house() as here:
        port = free_port(here)
        here.reload(http=door(port, hosts=["weir.example"]))
        answer = look(port, host=host)
        assert answer.status == status and (status == 200 or "http.hosts" in answer.error)


def test_a_target_with_an_authority_is_that_of_its_path_and_host():
    """RFC 9112, 3.2.2: a server accepts such a target, and then ignores Host."""
    with house() as here:
        port = free_port(here)
        here.reload(http=door(port))
        for target, host, status in (("http://localhost:1/healthz", "evil.example", 200), ("HTTP://localhost", "x", 200),
                                     ("http://evil.example/healthz", "localhost", 421), ("http://x/none", "x", 404),
                                     ("http://u@localhost/healthz", "x", 400), ("https://x/healthz", "x", 400)):
            assert look(port, target=target, host=host).status == status, target
        assert ask(here.weir, "GET", "http://evil.example/healthz").status == 200  # web pages cannot connect there


def test_who_is_not_allowed_is_reset():
    with house() as here:
        port = free_port(here)
        here.reload(http=door(port, allow=["127.0.0.2"]))
        assert look(port, source="127.0.0.2").status == 200
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            look(port)
        here.reload(http=door(port, allow=["127.0.0.0/8"]))
        assert look(port).status == 200


def test_doors_move_and_go_at_a_reload():
    with house() as here:
        first, second = free_port(here), free_port(here)
        elsewhere = os.path.join(here.weir.folder, "told")
        here.reload(http=door(first))
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", first, DEADLINE)) as kept:
            assert ask_on(kept, "GET", "/healthz").status == 200
            here.reload(http=door(second), control={"listen": f"unix:{elsewhere}", "mode": "0660"})
            assert ask_on(kept, "GET", "/healthz").status == 200  # the open connection stays
            assert look(second).status == 200
            with pytest.raises(ConnectionRefusedError):
                look(first)
            assert not os.path.exists(control_path(here.weir))
            assert stat.S_IMODE(os.stat(elsewhere).st_mode) == 0o660
            here.weir.configure(here.settings())
            with contextlib.closing(Connection(elsewhere)) as connection:
                assert ask_on(connection, "POST", "/v1/reload").status == 200
            with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
                ask_on(kept, "GET", "/healthz")
        with pytest.raises(ConnectionRefusedError):
            look(second)
        assert get(here.weir, "/healthz") and not os.path.exists(elsewhere)


def test_a_door_moves_to_an_address_that_takes_in_its_own_and_back():
    with house() as here:
        port = free_port(here)
        for listen in ("127.0.0.1", "*", "127.0.0.1", "0.0.0.0"):
            here.reload(http={"listen": f"{listen}:{port}", "allow": ["127.0.0.0/8"]})
            assert look(port).status == 200


def test_a_door_that_cannot_be_opened_fails_the_reload_and_nothing_changes():
    with house(errors=FAILED) as here:
        port = free_port(here)
        here.reload(http=door(port))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            line, = here.fail("another process listens there", http=door(taken.getsockname()[1]),
                              control={"listen": f"unix:{here.weir.folder}/told"})
            assert ": http.listen: " in line
        here.fail("make it first", control={"listen": f"unix:{here.weir.folder}/no/where"})
        assert look(port).status == 200 and get(here.weir, "/healthz")
        assert not os.path.exists(os.path.join(here.weir.folder, "told"))


def test_a_written_control_socket_goes_though_the_default_cannot_be_had():
    with house(env={"RUNTIME_DIRECTORY": "/nowhere/weir"}, control=False) as here:
        elsewhere = os.path.join(here.weir.folder, "told")
        here.weir.record("control_failed")
        here.weir.configure(here.settings(control={"listen": f"unix:{elsewhere}", "mode": "0666"}))
        here.weir.signal(signal.SIGHUP)
        here.weir.record("reloaded")
        assert stat.S_IMODE(os.stat(elsewhere).st_mode) == 0o666
        here.weir.configure(here.settings())
        here.weir.signal(signal.SIGHUP)
        here.weir.record("control_failed", nth=1)
        here.weir.record("reloaded", nth=1)
        assert not os.path.exists(elsewhere)
        exchange(here.client())


def test_the_node_is_the_host_unless_it_is_written():
    with house() as here:
        assert get(here.weir, "/v1/status")["node"] == socket.gethostname()
        here.reload(node="weir-1")
        assert get(here.weir, "/v1/status")["node"] == "weir-1"


@pytest.mark.root
def test_the_longest_name_that_a_host_may_have_is_shown():
    name = "n" * 64  # HOST_NAME_MAX
    other = ("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--uts",
             "sh", "-c", 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"', name)
    settings = {"workers": 1, "listeners": [listener("web", Free("tcp4"))], "upstreams": [upstream("127.0.0.1:9")]}
    with Weir(settings, control=True, prefix=other) as weir:
        assert get(weir, "/v1/status")["node"] == name


def test_a_door_that_cannot_be_opened_fails_the_start():
    with house() as here, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        conf = os.path.join(here.weir.folder, "other.conf")
        other = here.settings(listeners=[listener("other", str(here.free()))], http=door(taken.getsockname()[1]))
        here.weir.configure(other)
        os.rename(here.weir.config, conf)
        here.weir.configure(here.settings())
        done = run("-c", conf)
        assert done.returncode == 1
        assert "event=start_failed" in done.stderr and "http.listen 127.0.0.1:" in done.stderr
