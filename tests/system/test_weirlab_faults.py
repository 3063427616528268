# SPDX-License-Identifier: ISC
"""weirlab's own toxics over real sockets, errors in their attributes, and GET /connections."""

import select
import socket
import time

import pytest

from weirtest import peers, transfer, wait
from weirtest.lab import Lab
from weirtest.peers import read_end, read_exactly
from weirtest.settings import LATE, scaled


@pytest.fixture(name="lab")
def fixture_lab():
    with Lab("-seed", "1") as lab:
        yield lab


@pytest.fixture(name="upstream")
def fixture_upstream():
    upstream = peers.Upstream("tcp4", None)
    yield upstream
    upstream.close()


def pair(lab, upstream, kind, stream="downstream", **attributes):
    """A client and its server's socket, through a proxy with this toxic."""
    toxic = {"type": kind, "stream": stream, "attributes": attributes}
    at = lab.proxy(upstream.address, f"p{len(lab.get('/proxies'))}", toxics=[toxic])
    client = peers.connect(at)
    return client, peers.prepare(upstream.sock.accept()[0])


def test_freeze_holds_what_comes_until_its_time_is_over(lab, upstream):
    client, server = pair(lab, upstream, "freeze", after_bytes=5, for_ms=300)
    with client, server:
        since = time.monotonic()
        server.sendall(b"0123456789")
        assert read_exactly(client, 5) == b"01234"
        assert read_exactly(client, 5) == b"56789"
        assert 0.3 <= time.monotonic() - since < LATE


def test_freeze_for_ever_goes_with_the_toxic(lab, upstream):
    client, server = pair(lab, upstream, "freeze")
    with client, server:
        server.sendall(b"x")
        client.sendall(b"y")  # the other direction goes on
        assert read_exactly(server, 1) == b"y"
        lab.remove("freeze_downstream", "p0")
        assert read_exactly(client, 1) == b"x"


@pytest.mark.parametrize("how, end", (("fin", "fin"), ("rst", "rst")))
def test_cut_delivers_its_bytes_and_then_cuts(lab, upstream, how, end):
    count = scaled(5_000_000, 500_000)
    client, server = pair(lab, upstream, "cut", after_bytes=count, how=how)
    with client, server:
        server.setblocking(False)
        got = bytearray()
        client.settimeout(LATE)
        sent = 0
        while len(got) < count:
            try:
                sent += server.send(bytes(65536))
            except (BlockingIOError, ConnectionError):
                pass
            got += client.recv(65536)
        assert len(got) == count
        assert read_end(client) == (b"", end)
        server.settimeout(LATE)
        with pytest.raises(ConnectionError):
            while True:
                server.send(b"x")
                time.sleep(0.01)


def test_cut_at_its_time_comes_without_any_byte(lab, upstream):
    since = time.monotonic()
    client, server = pair(lab, upstream, "cut", after_ms=200)
    with client, server:
        assert read_end(client) == (b"", "fin")
        assert 0.2 <= time.monotonic() - since < LATE
        assert read_end(server) == (b"", "fin")


def test_cut_of_all_at_once(lab, upstream):
    toxic = {"type": "cut", "attributes": {"after_bytes": 10, "scope": "proxy"}}
    at = lab.proxy(upstream.address, toxics=[toxic])
    clients = [peers.connect(at) for _ in range(20)]
    servers = [peers.prepare(upstream.sock.accept()[0]) for _ in clients]
    servers[0].sendall(b"0123456789")
    ends = sorted(read_end(client)[0] for client in clients)
    assert ends == [b""] * 19 + [b"0123456789"]
    with peers.connect(at) as late:
        assert read_end(late) == (b"", "fin")
    for sock in clients + servers:
        sock.close()


@pytest.mark.parametrize("kind, attributes, end", (
    ("cut", {"how": "fin"}, "fin"), ("cut", {"how": "rst"}, "rst"), ("timeout", {"timeout": 50}, "fin"),
    ("reset_peer", {}, "rst")))
def test_a_receiver_that_takes_nothing_keeps_no_connection_open(lab, upstream, kind, attributes, end):
    client, server = pair(lab, upstream, "noop")
    with client, server:
        transfer.fill(server)
        lab.toxic(kind, "p0", **attributes)
        assert read_end(server) == (b"", end)
        got, its_end = read_end(client)
        assert its_end == end and got == transfer.filled(len(got)) and (kind == "reset_peer" or len(got) > 65536)


def test_a_receiver_that_goes_after_a_reset_keeps_no_connection_open(lab, upstream):
    client, server = pair(lab, upstream, "noop")
    client.sendall(bytes(500_000))
    wait.until(lambda: lab.get("/connections")[0]["upstream"]["sent"] == 500_000, "all is sent")
    peers.reset(client)
    wait.until(lambda: lab.get("/connections")[0]["state"] == "resetting", "the end has come out")
    server.close()  # the server has read nothing
    wait.until(lambda: not lab.get("/connections"), "the connection is gone", LATE)


def test_half_close_ends_one_direction_and_the_other_goes_on(lab, upstream):
    client, server = pair(lab, upstream, "half_close", "upstream", after_bytes=3)
    with client, server:
        client.sendall(b"abcdef")
        assert read_end(server) == (b"abc", "fin")
        for _ in range(50):
            client.sendall(bytes(65536))  # these bytes are dropped, and the client need not wait
        server.sendall(b"still here")
        assert read_exactly(client, 10) == b"still here"


def test_half_close_drops_what_still_comes_behind_another_toxic(lab, upstream):
    client, server = pair(lab, upstream, "bandwidth", "upstream", rate=100)
    lab.toxic("half_close", "p0", "upstream", after_bytes=50_000)
    with client, server:
        for _ in range(100):
            client.sendall(bytes(65536))  # more than all buffers hold, so most of it is dropped
        assert read_end(server) == (bytes(50_000), "fin")


def test_drip_lets_a_byte_go_each_time(lab, upstream):
    client, server = pair(lab, upstream, "drip", every_ms=50)
    with client, server:
        since = time.monotonic()
        server.sendall(b"01234")
        assert read_exactly(client, 5) == b"01234"
        assert 0.2 <= time.monotonic() - since < LATE


def test_corrupt_is_the_same_for_the_same_seed(upstream):
    got = []
    for _ in range(2):
        with Lab("-seed", "7") as lab:
            client, server = pair(lab, upstream, "corrupt", every_bytes=100)
            with client, server:
                server.sendall(bytes(10000))
                got.append(read_exactly(client, 10000))
    assert got[0] == got[1] and 50 < sum(byte != 0 for byte in got[0]) < 200


@pytest.mark.parametrize("kind, attributes, error", (
    ("freeze", {"what": 1},
     "bad request body: unknown attribute what of freeze; it has after_ms, after_bytes, for_ms, scope and how"),
    ("freeze", {"After_ms": 1}, "unknown attribute After_ms of freeze"),
    ("freeze", {"how": "gently"}, 'bad request body: attribute how of freeze: write "stop" or "drop"'),
    ("cut", {"how": 1}, 'attribute how of cut: write "fin" or "rst"'),
    ("cut", {"after_ms": -1}, "attribute after_ms of cut: write a whole number from 0 to 864000000000"),
    ("cut", {"after_ms": 1.5}, "attribute after_ms of cut: write a whole number"),
    ("drip", {"every_ms": 0}, "attribute every_ms of drip: write a whole number from 1 to"),
    ("corrupt", {"scope": "all"}, 'attribute scope of corrupt: write "connection" or "proxy"')))
def test_a_wrong_attribute_is_named_with_the_remedy(lab, kind, attributes, error):
    lab.proxy("127.0.0.1:1")
    status, answer = lab.ask("POST", "/proxies/p/toxics", {"type": kind, "attributes": attributes})
    assert status == 400 and error in answer["error"]
    lab.toxic(kind)
    assert lab.ask("PATCH", f"/proxies/p/toxics/{kind}_downstream", {"attributes": attributes}) == (status, answer)


def test_own_attributes_are_shown(lab):
    lab.proxy("127.0.0.1:1")
    assert lab.toxic("freeze", how="drop", after_bytes=3)["attributes"] == {
        "after_ms": 0, "after_bytes": 3, "for_ms": 0, "scope": "connection", "how": "drop"}


def test_connections_say_what_happens_next(lab, upstream):
    assert lab.get("/connections") == []
    client, server = pair(lab, upstream, "latency", latency=600000)
    with client, server:
        server.sendall(b"x" * 100)
        client.sendall(b"y" * 10)
        read_exactly(server, 10)
        shown = wait.until(lambda: next((one for one in lab.get("/connections") if one["downstream"]["next"]), None),
                           "bytes are in flight")
    assert shown["proxy"] == "p0" and shown["state"] == "relaying" and shown["age_ms"] > 0
    assert shown["client"].startswith("127.0.0.1:") and shown["server"] == str(upstream.address)
    assert shown["upstream"] == {"received": 10, "sent": 10, "in_flight": 0, "toxics": [], "next": None}
    down = shown["downstream"]
    assert (down["received"], down["sent"], down["toxics"]) == (100, 0, ["latency_downstream"])
    assert down["in_flight"] == 100 and down["next"]["toxic"] == "latency_downstream"
    assert down["next"]["what"] == "bytes go on" and 0 < down["next"]["in_ms"] <= 600000


def test_connections_of_one_proxy(lab, upstream):
    first, second = pair(lab, upstream, "latency"), pair(lab, upstream, "latency")
    with first[0], first[1], second[0], second[1]:
        assert [one["proxy"] for one in lab.get("/connections")] == ["p0", "p1"]
        for name in ("p0", "p1"):
            assert [one["proxy"] for one in lab.get(f"/connections?proxy={name}")] == [name]
        assert lab.ask("GET", "/connections?proxy=p2") == (404, {"error": "proxy not found", "status": 404})


@pytest.mark.parametrize("kind, attributes, what", (
    ("limit_data", {"bytes": 100}, "the connection is closed"), ("cut", {"after_bytes": 100}, "the connection is cut"),
    ("half_close", {"after_bytes": 100}, "this direction ends"), ("freeze", {"after_bytes": 100}, "bytes stop"),
    ("freeze", {"after_bytes": 100, "scope": "proxy"}, "bytes stop"),
    ("drip", {"after_bytes": 100}, "bytes begin to drip"),
    ("corrupt", {"after_bytes": 100}, "bits begin to be flipped")))
def test_connections_say_what_happens_after_how_many_bytes(lab, upstream, kind, attributes, what):
    client, server = pair(lab, upstream, kind, **attributes)
    with client, server:
        server.sendall(b"x" * 5)
        read_exactly(client, 5)
        expected = {"toxic": f"{kind}_downstream", "what": what, "in_bytes": 95}
        assert lab.get("/connections")[0]["downstream"]["next"] == expected
        if kind != "limit_data":
            lab.update(f"{kind}_downstream", "p0", attributes={"after_ms": 600000})
            both = lab.get("/connections")[0]["downstream"]["next"]
            assert 0 < both.pop("in_ms") <= 600000 and both == expected


@pytest.mark.parametrize("kind, attributes, what", (
    ("freeze", {}, "bytes go on"), ("corrupt", {}, "no more bits are flipped"),
    ("drip", {"every_ms": 900000}, "bytes drip no more"), ("drip", {"every_ms": 300000}, "the next bytes go on")))
def test_connections_say_how_what_is_on_ends(lab, upstream, kind, attributes, what):
    client, server = pair(lab, upstream, kind, for_ms=600000, **attributes)
    with client, server:
        server.sendall(b"xy")
        after = wait.until(lambda: (one := lab.get("/connections")[0]["downstream"]["next"]) and one["what"] == what and one,
                           what)
        assert 0 < after["in_ms"] <= 600000 and "in_bytes" not in after


def test_connections_say_after_how_many_bytes_flap_begins(lab, upstream):
    client, server = pair(lab, upstream, "flap", after_bytes=100)
    with client, server:
        server.sendall(b"x" * 5)
        read_exactly(client, 5)
        wait.until(lambda: lab.get("/connections")[0]["next"] == {
            "toxic": "flap_downstream", "what": "it begins to go up and down", "in_bytes": 95}, "it is counted")


def test_connections_say_when_flap_closes_them(lab, upstream):
    client, server = pair(lab, upstream, "flap", up_ms=600000)
    with client, server:
        first = lab.get("/connections")[0]["next"]
        assert first["toxic"] == "flap_downstream" and first["what"] == "the proxy goes down"
        assert 0 < first["in_ms"] <= 600000
        lab.update("flap_downstream", "p0", attributes={"for_ms": 1000000, "up_ms": 1000001})
        assert lab.get("/connections")[0]["next"] is None  # flap is over before it goes down
        lab.remove("flap_downstream", "p0")
        lab.toxic("flap", "p0", after_ms=600000, up_ms=1000)
        assert 600000 < lab.get("/connections")[0]["next"]["in_ms"] <= 601000


# ---- toxics of the proxy ----

def connects(at, timeout=0.3):
    """The outcome of a connect: "open", "refused", "silence", or "reset": the queue that it was in was closed."""
    with at.socket() as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(at.sockaddr)
        except ConnectionRefusedError:
            return "refused"
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "silence"
        return "open"


def test_refuse_refuses_and_leaves_connections_alone(lab, upstream):
    at = lab.proxy(upstream.address)
    with peers.connect(at) as client, peers.prepare(upstream.sock.accept()[0]) as server:
        lab.toxic("refuse")
        assert connects(at) == "refused"
        client.sendall(b"x")
        assert read_exactly(server, 1) == b"x"
        lab.remove("refuse_downstream")
        assert connects(at) == "open"


@pytest.mark.parametrize("kind, attributes", (("refuse", {}), ("flap", {"up_ms": 1, "down_ms": 600000})))
def test_a_unix_socket_that_refuses_is_there(lab, upstream, tmp_path, kind, attributes):
    at = lab.proxy(upstream.address, listen=f"unix:{tmp_path}/lab")
    lab.toxic(kind, **attributes)
    wait.until(lambda: connects(at) == "refused", "it refuses")
    lab.remove(f"{kind}_downstream")
    assert connects(at) == "open"
    lab.toxic(kind, **attributes)
    wait.until(lambda: connects(at) == "refused", "it refuses again")
    lab.do("DELETE", "/proxies/p")
    assert not (tmp_path / "lab").exists()


def test_refuse_begins_and_ends_at_its_time(lab, upstream):
    at = lab.proxy(upstream.address)
    since = time.monotonic()
    lab.toxic("refuse", after_ms=200, for_ms=300)
    wait.until(lambda: connects(at) == "refused", "it refuses")
    assert time.monotonic() - since >= 0.2
    wait.until(lambda: connects(at) == "open", "it is open again")
    assert time.monotonic() - since >= 0.5


def test_refuse_begins_after_its_bytes(lab, upstream):
    at = lab.proxy(upstream.address)
    with peers.connect(at) as client, peers.prepare(upstream.sock.accept()[0]) as server:
        client.sendall(b"x" * 100)
        read_exactly(server, 100)
        lab.toxic("refuse", after_bytes=10)
        assert connects(at) == "open"
        client.sendall(b"x" * 10)
        wait.until(lambda: connects(at) == "refused", "it refuses")


def test_blackhole_never_answers_until_it_goes(lab, upstream):
    at = lab.proxy(upstream.address)
    with peers.connect(at) as client, peers.prepare(upstream.sock.accept()[0]) as server:
        lab.toxic("blackhole")
        assert connects(at) == "silence"
        client.sendall(b"x")
        assert read_exactly(server, 1) == b"x"
        lab.post("/reset")
        wait.until(lambda: connects(at) == "open", "it answers")


def begin_connects(at, ports):
    """Clients that have begun to connect, by their ports."""
    clients = {}
    for port in ports:
        client = peers.prepare(socket.socket())
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            client.bind(("127.0.0.1", port))
        except OSError:  # another process has the port now
            client.close()
            continue
        client.connect_ex(at.sockaddr)
        clients[client.getsockname()[1]] = client
    return clients


def answered(clients):
    """The ports of the clients that are connected."""
    poll = select.poll()
    for client in clients.values():
        poll.register(client, select.POLLOUT)
    by_fd = {client.fileno(): port for port, client in clients.items()}
    return {by_fd[fd] for fd, events in poll.poll(0) if events & select.POLLOUT}


def test_blackhole_with_toxicity_answers_a_part_by_the_seed(upstream):
    ports, before = [0] * 100, None
    for _ in range(2):
        with Lab("-seed", "7") as lab:
            at = lab.proxy(upstream.address)
            lab.toxic("blackhole")
            lab.update("blackhole_downstream", toxicity=0.5)
            clients = begin_connects(at, ports)
            if before is None:
                wait.until(lambda: len(answered(clients)) > 20, "a part is answered")
                assert len(answered(clients)) < 80
                before, ports = answered(clients), list(clients)
            else:
                wait.until(lambda: answered(clients) == before & set(clients), "the same are answered")
            for client in clients.values():
                client.close()


def test_who_is_not_answered_is_when_blackhole_goes(lab, upstream):
    at = lab.proxy(upstream.address)
    lab.toxic("blackhole", toxicity=0.5)
    clients = begin_connects(at, [0] * 20)
    lab.remove("blackhole_downstream")
    wait.until(lambda: len(answered(clients)) == 20, "all are answered")
    for client in clients.values():
        client.close()


def test_flap_is_up_and_down_by_its_schedule(lab, upstream):
    at = lab.proxy(upstream.address)
    since = time.monotonic()
    lab.toxic("flap", up_ms=300, down_ms=200)
    with peers.connect(at) as client:
        client.sendall(b"x")
        assert read_end(client)[0] == b""
    assert time.monotonic() - since >= 0.3
    for _ in range(2):
        wait.until(lambda: connects(at) == "refused", "it is down")
        wait.until(lambda: connects(at) == "open", "it is up")
    assert time.monotonic() - since >= 1.0
    lab.remove("flap_downstream")
    assert connects(at) == "open"


def test_a_unix_socket_cannot_keep_silent(lab, upstream, tmp_path):
    lab.proxy(upstream.address, listen=f"unix:{tmp_path}/lab")
    status, answer = lab.ask("POST", "/proxies/p/toxics", {"type": "blackhole"})
    assert status == 400 and "type blackhole" in answer["error"] and "listen on TCP" in answer["error"]


def test_a_proxy_that_begins_with_a_toxic_of_its_own_is_as_that_says(lab, upstream):
    at = lab.proxy(upstream.address, toxics=[{"type": "refuse"}])
    assert connects(at) == "refused"
    lab.post("/proxies/p", {"enabled": False})
    lab.remove("refuse_downstream")
    assert connects(at) == "refused"
    lab.post("/proxies/p", {"enabled": True})
    assert connects(at) == "open"
