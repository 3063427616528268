# SPDX-License-Identifier: ISC
"""The answers of the HTTP doors, also to hostile clients, while pairs go on."""

import contextlib
import json
import random
import select
import socket
import time
import urllib.parse

import pytest

from weirtest import address, peers, wait
from weirtest.asking import Connection, ask, ask_on, control_path, get, say
from weirtest.house import FAILED, exchange, house, listener
from weirtest.settings import DEADLINE, LATE, scaled

SECONDS = 5  # the time for a request, and for a client to take an answer
CONNECTIONS = 128
HOST = b"Host: x\r\n"


def door(here):
    return address.unix(control_path(here.weir))


def status_of(answer):
    return int(answer.split()[1]) if answer else 0


def server(get_upstreams, upstream, name):
    """One server in the answer of GET /v1/upstreams."""
    servers, = (one["servers"] for one in get_upstreams["upstreams"] if one["name"] == upstream)
    found, = (one for one in servers if one["name"] == name)
    return found


# ---- answers


def test_status_tells_what_weir_does():
    with house(workers=2, max_pairs=100) as here:
        exchange(here.client())
        status = get(here.weir, "/v1/status")
        assert (status["state"], status["ready"], status["workers"]) == ("running", True, 2)
        assert (status["listeners"], status["servers"]) == (1, {"usable": 1, "all": 1})
        assert status["pairs"]["open"] == status["pairs"]["accepted"] == 1 and status["pairs"]["max"] == 100
        assert status["log_level"] and status["uptime_ms"] >= 0 and status["left_ms"] is None
        assert get(here.weir, "/readyz") == {"ready": True, "state": "running"}
        assert get(here.weir, "/healthz") == {"alive": True}


def test_listeners_tell_their_numbers_over_reloads():
    with house() as here:
        with here.client() as sock:
            exchange(sock, b"x" * 1000)
            peers.fin(sock)
            assert peers.read_end(sock)[1] == "fin"
        here.weir.record("close")
        here.reload(listeners=[listener("web", str(here.weir.address)), listener("second", str(here.free()))])
        exchange(here.client(), b"y")
        wait.until(lambda: get(here.weir, "/v1/listeners")["listeners"][0]["bytes"]["down"]["copied"] == 1001,
                   "bytes that the client has are counted a moment later")
        web, second = get(here.weir, "/v1/listeners")["listeners"]
        assert (web["name"], web["listen"], web["upstream"]) == ("web", [str(here.weir.address)], "app")
        assert web["pairs"]["open"] == 1 and web["pairs"]["accepted"] == 2
        assert web["bytes"] == {way: {"copied": 1001, "spliced": 0} for way in ("up", "down")}
        assert web["ended"] == [{"by": "client", "reason": "eof", "pairs": 1}]
        assert second["name"] == "second" and second["pairs"]["accepted"] == 0 and second["ended"] == []


def test_a_long_list_comes_in_parts():
    count = scaled(500, 100)
    with house() as here:
        here.reload(listeners=[listener("web", str(here.weir.address))] +
                    [listener(f"l{i}", f"unix:{here.weir.folder}/{i}") for i in range(count)])
        answer = ask(here.weir, "GET", "/v1/listeners")
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert [one["name"] for one in answer.json["listeners"]] == ["web"] + [f"l{i}" for i in range(count)]
        with contextlib.closing(Connection(control_path(here.weir))) as connection:
            head = ask_on(connection, "HEAD", "/v1/listeners")
            assert (head.status, head.text) == (200, "")
            assert ask_on(connection, "GET", "/healthz").json == {"alive": True}


def test_a_server_is_told_and_both_weights_are_shown():
    with house() as here:
        name = str(here.server(transport="unix"))  # the address is the name
        changed = {"upstreams": [{"name": "app", "balance": "round_robin", "servers": [
            {"address": name, "weight": 3}, {"name": "c", "address": str(here.server()), "weight": 3}]}]}
        here.reload(**changed)
        path = "/v1/upstreams/app/servers/" + urllib.parse.quote(name, safe="")
        assert "%2F" in path
        before = server(get(here.weir, "/v1/upstreams"), "app", name)
        assert (before["usable"], before["told"], before["weight"], before["weight_told"]) == (True, "auto", 3, None)
        answer = ask(here.weir, "PATCH", path, {"state": "drain"})
        assert answer.status == 200 and answer.json["told"] == "drain" and answer.json["usable"] is False
        assert "server_name" not in here.weir.record("server_told", server=name)  # the config gives it no name
        for _ in range(4):
            exchange(here.client())
        told = get(here.weir, "/v1/upstreams")
        assert server(told, "app", "c")["pairs"] == 4 and server(told, "app", name)["pairs"] == 0
        assert ask(here.weir, "PATCH", path, {"state": "up", "weight": 7}).status == 200
        here.reload(**changed)
        now = server(get(here.weir, "/v1/upstreams"), "app", name)
        assert (now["told"], now["weight"], now["weight_config"], now["weight_told"]) == ("up", 7, 3, 7)
        assert ask(here.weir, "PATCH", path, {"weight": None}).json["weight"] == 3


@pytest.mark.parametrize("path, body, status, words", (
    ("/v1/upstreams/app/servers/nobody", {"state": "up"}, 404, 'has no server "nobody"'),
    ("/v1/upstreams/nothing/servers/a", {"state": "up"}, 404, 'no upstream "nothing"'),
    ("/v1/upstreams/app/servers/a", {}, 400, "must have"),
    ("/v1/upstreams/app/servers/a", None, 400, "must have"),
    ("/v1/upstreams/app/servers/a", {"state": "off"}, 400, '"auto", "drain", "down" or "up"'),
    ("/v1/upstreams/app/servers/a", {"state": 1}, 400, '"auto", "drain", "down" or "up"'),
    ("/v1/upstreams/app/servers/a", {"weight": 257}, 400, "0 to 256"),
    ("/v1/upstreams/app/servers/a", {"weight": -1}, 400, "0 to 256"),
    ("/v1/upstreams/app/servers/a", {"weight": 1.5}, 400, "0 to 256"),
    ("/v1/upstreams/app/servers/a", {"colour": 1}, 400,
     '"colour", which is not known here; known are state and weight;'),
    ("/v1/upstreams/app/servers/a", "{", 400, "JSON object"),
    ("/v1/upstreams/app/servers/a", "[]", 400, "JSON object"),
    ("/v1/upstreams/app/servers/a", '{"weight": 1, "weight": 2}', 400, "JSON object"),
    ("/v1/upstreams/app/servers/a", b'{"state": "\xff"}', 400, "JSON object"),
    ("/v1/upstreams/app/servers/a", "[" * 60000, 400, "JSON object")))
def test_wrong_word_of_a_server_changes_nothing(path, body, status, words):
    with house() as here:
        answer = ask(here.weir, "PATCH", path, body)
        assert answer.status == status and words in answer.error, answer.text
        assert all(one["told"] == "auto" and one["weight_told"] is None
                   for one in get(here.weir, "/v1/upstreams")["upstreams"][0]["servers"])


def test_log_level_holds_over_reloads():
    with house(log={"level": "info"}) as here:
        assert ask(here.weir, "PUT", "/v1/log", {"level": "debug"}).json == {"level": "debug"}
        here.reload(log={"level": "warn"})
        assert get(here.weir, "/v1/status")["log_level"] == "debug"
        exchange(here.client())
        here.weir.record("open")
        for body in ({}, {"level": "loud"}, {"level": 3}):
            answer = ask(here.weir, "PUT", "/v1/log", body)
            assert answer.status == 400 and '"debug"' in answer.error


@pytest.mark.parametrize("method, target, status, allow", (
    ("GET", "/v1", 404, None), ("GET", "/v1/nothing", 404, None),
    ("GET", "/v1/status/more", 404, None), ("GET", "/v1//status", 400, None), ("GET", "/v1/status/", 400, None),
    ("GET", "/v1/../healthz", 400, None), ("GET", "/v1/%2e%2e/healthz", 400, None), ("GET", "/%00", 400, None),
    ("GET", "/v1/%2", 400, None), ("GET", "/v1%2Fstatus", 404, None),
    ("POST", "/v1/status", 405, "GET, HEAD"), ("OPTIONS", "/healthz", 405, "GET, HEAD"),
    ("GET", "/v1/reload", 405, "POST"), ("DELETE", "/v1/log", 405, "PUT"), ("PURGE", "/v1/reload", 405, "POST"),
    ("FROB", "/v1/reload", 405, "POST"), ("get", "/v1/pairs", 405, "GET, HEAD, DELETE"), ("FROB", "/v1/x", 404, None),
    ("CONNECT", "/v1/status", 405, "GET, HEAD"),
    ("GET", "/v1/upstreams/a/servers/b", 405, "PATCH")))
def test_wrong_path_or_method(method, target, status, allow):
    with house() as here:
        answer = ask(here.weir, method, target)
        assert answer.status == status and answer.headers["Allow"] == allow
        assert answer.error and "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("method, target", (
    ("POST", "/v1/drain?grace=10s"), ("POST", "/v1/undrain?x"), ("POST", "/v1/reload?config=other"), ("PUT", "/v1/log?level=debug"),
    ("PATCH", "/v1/upstreams/app/servers/a?state=down"), ("GET", "/v1/upstreams?upstream=app"), ("HEAD", "/v1/status?x=1"),
    ("GET", "/v1/listeners?listener=web"), ("GET", "/v1/pairs/1?tcp_info=true"), ("DELETE", "/v1/pairs/1?listener=web")))
def test_a_query_that_nobody_reads_is_refused_and_changes_nothing(method, target):
    """If weir ignored such a query, a drain whose grace is in the query would have no grace."""
    with house() as here:
        before = get(here.weir, "/v1/status")
        answer = ask(here.weir, method, target)
        name = target.partition("?")[2].partition("=")[0]
        assert answer.status == 400 and (method == "HEAD" or answer.error.startswith(f"{name}: there is no filter here"))
        now = get(here.weir, "/v1/status")
        assert all(now[key] == before[key] for key in ("state", "log_level", "generation"))
        for target in ("/?x=1", "/healthz?x", "/healthz?a=%zz", "/healthz?%00", "/readyz?x=1", "/metrics?collect=all"):
            assert ask(here.weir, "GET", target).status == 200
        for target, status in (("/v1/status?a=%zz", 400), ("/v1/pairs?listener=%zz", 400), ("/%zz?x", 400)):
            assert ask(here.weir, "GET", target).status == status


def test_a_body_that_nobody_reads_is_refused():
    with house() as here:
        exchange(here.client())
        pair, = get(here.weir, "/v1/pairs")["pairs"]
        for target in ("/v1/pairs?all=true", f"/v1/pairs/{pair['id']}"):
            answer = ask(here.weir, "DELETE", target, {"limit": 0})
            assert answer.status == 400 and "limit" in answer.error
        assert ask(here.weir, "DELETE", "/v1/pairs?all=true", {}).json == {"told": 1}


# ---- hostile clients


HOSTILE = {
    "version": (b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", 400),
    "bare": (b"GET /\r\n\r\n", 400),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /healthz HTTP/1.1\r\n" + 2 * HOST + b"\r\n", 400),
    "blank": (b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "folded": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n", 400),
    "connect": (b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "empty lines": (b"\r\n" * 20000, 400),
    "endless line": (b"GET /" + b"x" * 65536, 414),
    "long target": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "long header": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 65536, 431),
    "many fields": (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 101 + b"\r\n", 431),
    "long body": (b"POST /v1/reload HTTP/1.1\r\n" + HOST + b"Content-Length: 65537\r\n\r\n", 413),
    "endless chunks": (b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" +
                       b"ffff\r\n" + b"x" * 65535 + b"\r\n" + b"ffff\r\n" + b"x" * 65535, 413),
    "no chunks": (b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n", 400),
    "one length in two": (b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    "chunks without ends": (b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" +
                            b"2\r\n{}xx0\r\n\r\n", 400),
    "chunks with bare ends": (b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" +
                              b"2\n{}\n0\n\n", 400),
    "endless size": (b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 65536, 400),
    "endless extension": (b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 200000,
                          400),
    "endless trailer": (b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " +
                        b"x" * 65536, 431),
    "line of 64 KiB": (b"x" * 65536, 414),
    "method of 64 KiB": (b"x" * 65536 + b" / HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "nameless bomb": (b"GET / HTTP/1.1\r\n" + b": x\r\n" * 4000, 400),
    "header bomb": (b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 200) for i in range(90)) + b"\r\n",
                    431),
    "two lengths": (b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    "line": (b"reload\n", 400),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_request_is_refused(name):
    data, status = HOSTILE[name]
    with house() as here:
        answer = say(door(here), data)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert status_of(answer) == status and b"Connection: close" in head, answer
        assert json.loads(body)["error"]
        assert get(here.weir, "/healthz")


@pytest.mark.parametrize("method, target, body, status, words", (
    ("PUT", "/v1/log", "{", 400, "JSON object"), ("GET", "/v1/pairs?bad=1", None, 400, "known are"),
    ("GET", "/v1/pairs?state=foo", None, 400, "known are preface, choosing, queued, connecting, waiting, relaying, "
     "half_closed and resetting"), ("GET", "/v1/pairs?client=unx", None, 400, 'or "unix"'),
    ("POST", "/v1/reload", {"now": True}, 400, '"now", which is not known here; leave it empty'),
    ("PUT", "/v1/log", {"levle": "warn"}, 400, "known are level;"),
    ("POST", "/v1/drain", {"x" * 1000: 1}, 400, "known are grace and end_pairs;"),
    ("GET", "/v1/pairs/4711", None, 404, "pair"), ("GET", "/v1/x", None, 404, "weir-http(7)"),
    ("PUT", "/v1/reload", None, 405, "this path does not take this method; write one of those in the header Allow"), ("POST", "/v1/reload", None, 409, "reload again"),
    ("PUT", "/v1/log", " " * 65537, 413, "send less"), ("GET", "/" + 9000 * "x", None, 414, "ask for less"),
    ("GET", "/", 17000 * "x", 431, "send less")))
def test_each_status_says_what_to_do(method, target, body, status, words):
    with house(errors=FAILED if status == 409 else ()) as here:
        if status == 409:
            with open(here.weir.config, "w", encoding="ascii") as file:
                file.write("listeners = 5;\n")
        headers = {"X": body} if status == 431 else {}
        answer = ask(here.weir, method, target, None if headers else body, headers)
        assert answer.status == status and words in answer.error


def test_a_pipeline_that_nobody_reads_is_cut_off_and_disturbs_nobody():
    """Each request waits for the answer before it, and a client that takes no answer is cut off."""
    asked = b"GET /v1/status HTTP/1.1\r\n" + HOST + b"\r\n"
    with house() as here:
        pair, sock = here.client(), here.client(door(here))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(100000):
                sock.send(asked * 100)
        exchange(pair)
        assert get(here.weir, "/healthz")
        poll = select.poll()
        poll.register(sock, 0)
        (_, events), = poll.poll(1000 * DEADLINE)
        assert events & select.POLLHUP


def test_half_requests_by_hundreds_of_clients_disturb_nobody():
    halves = [data[:len(data) // 2] for data in (
        b"GET /v1/status HTTP/1.1\r\n" + HOST, b"GET /" + b"x" * 16000, b"GET / HTTP/1.1\r\nX: " + b"x" * 30000,
        b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Content-Length: 65536\r\n\r\n" + b" " * 60000,
        b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;x\r\n \r\n" * 10000)]
    with house() as here:
        pair = here.client()
        clients = []
        for number in range(scaled(600, 300)):
            clients.append(here.client(door(here)))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                clients[-1].sendall(halves[number % len(halves)])
            if number % 100 == 0:
                exchange(pair)
                assert get(here.weir, "/healthz")
        assert get(here.weir, "/healthz")
        exchange(pair)
        assert len([sock for sock in clients if not is_closed(sock)]) <= CONNECTIONS


def test_pipelined_requests_are_answered_in_their_order():
    with house() as here:
        asked = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + b"GET /readyz HTTP/1.1\r\n" + HOST + b"\r\n"
        answer = say(door(here), asked * 50 + b"GET /v1/x HTTP/1.0\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK") == 100 and answer.count(b"HTTP/1.1 404 ") == 1
        assert answer.find(b'"alive"') < answer.find(b'"ready"')


def test_a_request_byte_by_byte_has_its_time(report):
    with house() as here:
        silent, slow = here.client(door(here)), here.client(door(here))
        start = time.monotonic()
        while time.monotonic() - start < SECONDS - 1:
            slow.sendall(b"G" if time.monotonic() - start < 0.2 else b"E")
            time.sleep(0.5)
        assert peers.read_end(slow)[0] == b""
        passed = time.monotonic() - start
        assert SECONDS <= passed < SECONDS + LATE
        silent.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")  # a client that has sent nothing may wait
        assert b"alive" in peers.read_end(silent)[0]
        report(f"cut off after {passed:.3f} s")


def test_honest_clients_are_answered_beside_slow_ones_and_a_flood():
    with house() as here:
        pair = here.client()
        slow = [here.client(door(here)) for _ in range(60)]
        for sock in slow:
            sock.sendall(b"GET /v1/status HTTP/1.1\r\n")
        assert get(here.weir, "/healthz")
        flood = [here.client(door(here)) for _ in range(scaled(400, 200))]
        assert get(here.weir, "/healthz")
        exchange(pair)
        alive = [sock for sock in flood if not is_closed(sock)]
        assert CONNECTIONS - 2 <= len(alive) <= CONNECTIONS
        assert alive[-1] is flood[-1]


def is_closed(sock):
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        sock.settimeout(DEADLINE)


def test_client_that_does_not_read_is_cut_off(report):
    """A long list fills the client's socket; while the client does not read, weir does not build the rest of it."""
    with house() as here:
        here.reload(listeners=[listener("web", str(here.weir.address))] +
                    [listener(f"l{i}", f"unix:{here.weir.folder}/{i}") for i in range(1500)])
        sock = here.client(door(here))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        start = time.monotonic()
        sock.sendall(b"GET /v1/listeners HTTP/1.1\r\n" + HOST + b"\r\n")
        poll = select.poll()
        poll.register(sock, 0)
        assert poll.poll(1000 * DEADLINE) == [(sock.fileno(), select.POLLHUP)]
        passed = time.monotonic() - start
        assert SECONDS <= passed < SECONDS + LATE
        assert not peers.read_end(sock)[0].endswith(b"0\r\n\r\n")
        report(f"cut off after {passed:.3f} s")


def test_noise_is_stood(report):
    """Hostile clients of every kind harm neither weir nor the pairs."""
    chance = random.Random(11)
    rounds = scaled(300, 60)
    good = [data for data, _ in HOSTILE.values()] + [
        b"GET /v1/upstreams HTTP/1.1\r\n" + HOST + b"\r\n",
        b"PUT /v1/log HTTP/1.1\r\n" + HOST + b"Content-Length: 16\r\n\r\n{\"level\":\"info\"}"]
    with house() as here:
        pair = here.client()
        for number in range(rounds):
            data = bytearray(chance.choice(good)[:4000])
            for _ in range(chance.randint(0, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            with here.client(door(here)) as sock:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    sock.sendall(data)
                    if chance.random() < 0.3:
                        peers.fin(sock)
                        peers.read_end(sock)
            exchange(pair, b"%d" % number)
        assert get(here.weir, "/healthz")
        report(f"{rounds} clients")
