# SPDX-License-Identifier: ISC
"""The live pairs: listed by filters and in pages, one shown by its id with the time left of its timers, and ended."""

import time

import pytest

from weirtest import address, peers, wait
from weirtest.asking import ask, control_path, get, say
from weirtest.house import exchange, house, listener
from weirtest.settings import scaled


def pairs(here, query=""):
    return get(here.weir, "/v1/pairs" + query)["pairs"]


def test_a_pair_says_what_it_is():
    with house(timeouts={"idle": "1h", "lifetime": "2h", "half_close": "1m"}) as here:
        sock = here.client()
        exchange(sock, b"hello")
        pair, = pairs(here)
        assert (pair["listener"], pair["client"], pair["upstream"], pair["state"]) == (
            "web", peers.name(sock), "app", "relaying")
        assert pair["server"] and pair["server_name"] is None and pair["age_ms"] >= 0
        for way in ("up", "down"):
            assert pair[way]["bytes"] == 5 and pair[way]["waiting"] == 0 and pair[way]["held_by"] is None
            assert pair[way]["spliced"] is False and pair[way]["quiet_ms"] >= 0
        assert set(pair["timers"]) == {"idle", "lifetime"}
        assert 3500_000 < pair["timers"]["idle"]["left_ms"] <= 3600_000
        assert 7100_000 < pair["timers"]["lifetime"]["left_ms"] <= 7200_000
        assert "client_tcp" not in pair
        one = get(here.weir, f"/v1/pairs/{pair['id']}")
        assert one["client"] == pair["client"] and one["client_tcp"]["rtt_us"] >= 0
        assert one["server_tcp"]["retransmits"] == 0
        assert pairs(here, "?tcp_info=true")[0]["client_tcp"]["rtt_us"] >= 0
        peers.fin(sock)
        wait.until(lambda: not pairs(here), "no pair")


def test_the_time_left_is_when_it_ends():
    """The pair ends when the next timer has no time left, and not before."""
    with house(timeouts={"idle": "1s"}) as here:
        sock = here.client()
        exchange(sock)
        before = time.monotonic()
        left = pairs(here)[0]["timers"]["idle"]["left_ms"] / 1000
        assert peers.read_end(sock)[1] == "fin"
        assert time.monotonic() >= before + left


def test_who_is_held_back_by_whom():
    with house(serve=lambda sock: time.sleep(30) if sock.recv(1) == b"s" else peers.echo(sock),
               relay={"high_water_mark": "64k"}) as here:
        sock = here.client()
        sock.sendall(b"s")
        wait.until(lambda: pairs(here), "the pair")
        sock.setblocking(False)
        while pairs(here)[0]["up"]["held_by"] is None:
            try:
                sock.send(b"x" * 65536)
            except BlockingIOError:
                time.sleep(0.01)
        pair, = pairs(here)
        assert pair["up"]["held_by"] == "server" and pair["up"]["waiting"] > 0
        assert pair["down"]["held_by"] is None and "write_stall" in pair["timers"]


def test_filters():
    with house(workers=2) as here:
        second = here.free()
        here.reload(listeners=[listener("web", str(here.weir.address)), listener("second", str(second))])
        first, other = here.client(), here.client(second)
        exchange(first)
        exchange(other)
        port = {one["listener"]: one for one in pairs(here)}
        assert set(port) == {"web", "second"}

        def listeners(query):
            return sorted(one["listener"] for one in pairs(here, query))

        assert listeners("?listener=web") == ["web"]
        assert listeners("?client=127.0.0.0%2F8") == listeners("?upstream=app") == ["second", "web"]
        assert listeners("?client=unix") == listeners("?client=10.0.0.0%2F8") == listeners("?upstream=none") == []
        assert listeners(f"?server={port['web']['server']}&listener=second") == ["second"]
        assert listeners("?state=relaying") == ["second", "web"] and listeners("?state=half_closed") == []
        assert listeners("?older_than=1h") == listeners("?idle_over=1h") == []
        wait.until(lambda: listeners("?idle_over=1ms&older_than=1ms") == ["second", "web"], "both")


@pytest.mark.parametrize("query", (
    "colour=red", "listener=", "idle_over=5", "idle_over=0s", "idle_over=none", "client=10.0.0.1%2F8", "client=x",
    "state=asleep", "limit=0", "limit=-1", "limit=x", "after=x", "tcp_info=1", "listener=a&listener=b", "all=yes",
    "client=10.0.0.0%2F8&client=127.0.0.1", "idle_over=1h&idle_over=1ms"))
@pytest.mark.parametrize("method", ("GET", "DELETE"))
def test_wrong_filter_is_refused_and_ends_nothing(method, query):
    with house() as here:
        exchange(here.client())
        answer = ask(here.weir, method, "/v1/pairs?" + query)
        assert answer.status == 400 and answer.error.startswith(query.split("=")[0] + ":"), answer.text
        assert len(pairs(here)) == 1


@pytest.mark.parametrize("workers", (3, 40))
def test_pages_are_consistent_while_pairs_come_and_go(workers):
    """With many workers each lists only a few rows, and weir may have to ask them twice for one answer."""
    count = scaled(600, 200)
    with house(workers=workers) as here:
        socks = [here.client() for _ in range(count)]
        for sock in socks:
            exchange(sock, b"x")
        everyone = [one["id"] for one in pairs(here)]
        assert len(everyone) == count and everyone == sorted(set(everyone))
        seen, after = [], 0
        while after is not None:
            page = get(here.weir, f"/v1/pairs?limit=70&after={after}")
            assert len(page["pairs"]) <= 70 and page["next"] in (None, page["pairs"][-1]["id"])
            seen += [one["id"] for one in page["pairs"]]
            after = page["next"]
            socks.pop(0).close()
            exchange(here.client())
        assert seen == sorted(set(seen)) and len(set(everyone) - set(seen)) <= len(everyone) // 70 + 2


def test_a_pair_is_ended_by_its_id():
    with house() as here:
        stays, goes = here.client(), here.client()
        exchange(stays)
        exchange(goes)
        pair, = (one for one in pairs(here) if one["client"] == peers.name(goes))
        answer = ask(here.weir, "DELETE", f"/v1/pairs/{pair['id']}")
        assert (answer.status, answer.json) == (200, {"told": 1})
        peers.end_of(goes)
        line = here.weir.record("close")
        assert (line["by"], line["reason"], line["pair"]) == ("weir", "admin", str(pair["id"]))
        exchange(stays)
        for method in ("GET", "DELETE"):
            answer = ask(here.weir, method, f"/v1/pairs/{pair['id']}")
            assert answer.status == 404 and "no pair" in answer.error
        for wrong in ("0", "x", "-1", "99999999999999999999999"):
            assert ask(here.weir, "DELETE", f"/v1/pairs/{wrong}").status == 404
        assert ask(here.weir, "DELETE", "/v1/pairs/1?all=true").status == 400
        exchange(stays)


def test_pairs_are_ended_by_a_filter():
    with house(workers=2) as here:
        second = here.free()
        here.reload(listeners=[listener("web", str(here.weir.address)), listener("second", str(second))])
        stay = [here.client(second) for _ in range(5)]
        go = [here.client() for _ in range(20)]
        for sock in stay + go:
            exchange(sock)
        for query in ("", "?", "?limit=3", "?all=false", "?all=true&listener=web", "?after=1&listener=web"):
            answer = ask(here.weir, "DELETE", "/v1/pairs" + query)
            assert answer.status == 400, (query, answer.text)
        assert len(pairs(here)) == 25
        assert ask(here.weir, "DELETE", "/v1/pairs?listener=web&limit=7").json == {"told": 7}
        wait.until(lambda: len(pairs(here)) == 18, "seven less")
        assert ask(here.weir, "DELETE", "/v1/pairs?listener=web").json == {"told": 13}
        wait.until(lambda: len(pairs(here)) == 5, "those of the other")
        for sock in stay:
            exchange(sock)
        assert ask(here.weir, "DELETE", "/v1/pairs?all=true").json == {"told": 5}
        wait.until(lambda: not pairs(here), "none")


def test_who_has_no_server_yet_is_shown_and_ended():
    with house(timeouts={"queue": "1m"}) as here:
        here.reload(timeouts={"queue": "1m"}, upstreams=[
            {"name": "app", "servers": [{"address": str(here.server()), "max_pairs": 1}]}])
        exchange(here.client())
        waits = here.client()
        wait.until(lambda: len(pairs(here, "?state=queued")) == 1, "one that waits")
        pair, = pairs(here, "?state=queued")
        assert pair["server"] is None and set(pair["timers"]) >= {"queue"}
        assert pair["timers"]["queue"]["left_ms"] <= 60_000
        assert ask(here.weir, "DELETE", "/v1/pairs?state=queued").json == {"told": 1}
        assert peers.end_of(waits) == "rst"


def test_a_list_is_sent_page_by_page():
    """
    All pairs belong to one of many workers, so each page has only the few rows that one worker may list. Writing it
    takes less than a slice, and yet weir must send it before it asks for the next page.
    """
    workers = 32
    with house("unix", workers=workers) as here:
        socks = []
        for number in range(24 * workers):  # of a UNIX socket, one worker gives the clients to all in rotation
            sock = here.client()
            exchange(sock)
            if number % workers == 0:
                socks.append(sock)
            else:
                sock.close()
        wait.until(lambda: len(pairs(here)) == len(socks), "none but these")
        assert len({one["id"] % workers for one in pairs(here)}) == 1
        raw = say(address.unix(control_path(here.weir)),
                  b"GET /v1/pairs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        sizes, rest = [], raw.partition(b"\r\n\r\n")[2]
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            sizes.append(int(size, 16))
            rest = rest[sizes[-1] + 2:]
        assert raw.count(b'"id":') == len(socks) and max(sizes) < sum(sizes) * 0.6


def test_many_who_ask_wait_for_their_turn_and_some_go():
    with house(workers=2) as here:
        socks = [here.client() for _ in range(20)]
        for sock in socks:
            exchange(sock)
        request = b"GET /v1/pairs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        askers = [here.client(address.unix(control_path(here.weir))) for _ in range(60)]
        for asker in askers:
            asker.sendall(request)
        for asker in askers[::2]:
            asker.close()
        for asker in askers[1::2]:
            assert peers.read_end(asker)[0].count(b'"id":') == len(socks)
        assert len(pairs(here)) == len(socks)


def test_client_that_goes_amid_a_list_harms_nobody():
    with house(workers=2) as here:
        socks = [here.client() for _ in range(scaled(300, 100))]
        for sock in socks:
            exchange(sock)
        for _ in range(20):
            with here.client(address.unix(control_path(here.weir))) as sock:
                sock.sendall(b"GET /v1/pairs HTTP/1.1\r\nHost: x\r\n\r\n")
                sock.recv(100)
        assert len(pairs(here)) == len(socks)
        here.weir.stop()
