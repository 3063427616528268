# SPDX-License-Identifier: ISC
"""/v1/events: each event is sent to the clients that follow it, and to no others."""

import contextlib
import http.client
import signal
import time

import pytest

from weirtest import events, peers, wait
from weirtest.asking import ask, connections, get
from weirtest.clock import within
from weirtest.following import Follower, follow
from weirtest.house import exchange, house, listener, upstream
from weirtest.settings import DEADLINE, scaled


def one_pair(here, data=b"hello", to=None):
    with here.client(to) as sock:
        exchange(sock, data)
        peers.fin(sock)
        assert peers.read_end(sock)[1] == "fin"


def test_each_line_of_the_log_is_an_event_with_its_fields():
    """A number is a JSON number. A text is a JSON string, also one that looks like a number, or that is hostile."""
    with house(node="3.5") as here:
        path = f"unix:{here.weir.folder}/<b>\"\\ ü"
        lost = here.free()
        here.reload(listeners=[listener("17", str(lost), "lost"), *here.weir.settings["listeners"]],
                    upstreams=[*here.weir.settings["upstreams"], upstream(path, name="lost")])
        with follow(here.weir) as follower:
            one_pair(here)
            event = follower.next("close")
            line = here.weir.close_line()
            assert event.data.keys() == line.keys()
            for key in ("time", "level", "client", "server", "by", "reason", "node"):
                assert event.data[key] == line[key], key
            for key in ("pair", "bytes_up", "bytes_down", "connect_ms", "duration_ms"):
                assert event.data[key] == line.number(key) and not isinstance(event.data[key], str), key
            with here.client(lost) as sock:
                peers.read_end(sock)
            other = follower.next("close")
            assert (other.data["listener"], other.data["server"]) == ("17", "")
            assert other.data["tried"] == path + " (No such file or directory)" and other.number() > event.number()


def test_once_a_second_comes_how_weir_is():
    with house(timeouts={"idle": "300ms"}, workers=2) as here, follow(here.weir) as follower:
        first = follower.next("stats").data
        assert (first["pairs"]["open"], first["bytes"], first["ended"]) == (0, {"up": 0, "down": 0}, {})
        with within(time.monotonic(), 0.3):
            sock = here.client()
            exchange(sock)
        peers.read_end(sock)
        open_one = here.client()
        with within(time.monotonic(), 0.3):
            one_pair(here)
        here.weir.record("close", reason="idle")
        stats = first
        while not (stats["late"] and stats["pairs"]["accepted"] >= 3):
            stats = follower.next("stats").data
        status = get(here.weir, "/v1/status")
        assert stats["uptime_ms"] > first["uptime_ms"] and stats["started"] == first["started"]
        assert {key: stats[key] for key in ("node", "version", "state", "ready", "generation", "left_ms")} == \
            {key: status[key] for key in ("node", "version", "state", "ready", "generation", "left_ms")}
        assert stats["ended"]["idle"] >= 1 and stats["bytes"] == {"up": 10, "down": 10}
        web, = stats["listeners"]
        assert (web["name"], web["accepted"], web["up"], web["down"]) == ("web", 3, 10, 10)
        app, = stats["servers"]
        assert (app["upstream"], app["usable"]) == ("app", True)
        assert len(stats["late"]["idle"]) == len(stats["late_bounds_us"]) + 1 and sum(stats["late"]["idle"]) >= 1
        assert stats["loop_delay_us"] >= 0 and stats["log_dropped"] == 0
        open_one.close()


def test_filters_and_both_doors_and_head():
    with house() as here:
        port, other = here.free().sockaddr[1], here.free()
        here.reload(http={"listen": f"127.0.0.1:{port}"},
                    listeners=[*here.weir.settings["listeners"], listener("other", str(other))])

        def by_http(target):
            return contextlib.closing(Follower(http.client.HTTPConnection("127.0.0.1", port, DEADLINE), target))

        with follow(here.weir, "?event=close&listener=other") as mine, by_http("/v1/events?event=close&event=stats") as all_of:
            one_pair(here)
            one_pair(here, to=other)
            assert mine.next().data["listener"] == "other"
            seen = [all_of.next("close").data["listener"] for _ in range(2)]
            assert seen == ["web", "other"] and all_of.next("stats")
        for query, word in (("?pair=1", "event and listener"), ("?event=", "leave it out")):
            answer = ask(here.weir, "GET", "/v1/events" + query)
            assert answer.status == 400 and word in answer.error
        assert all(ask(here.weir, "HEAD", f"/v1/events?event={name}&event=!{name}").status == 200 for name in events.FOLLOWED)
        answer = ask(here.weir, "HEAD", "/v1/events")
        assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, "", "text/event-stream")
        assert ask(here.weir, "POST", "/v1/events").headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("name, words", (
    ("clos", 'no "clos", the nearest is "close"; LOG in weir(8) and EVENTS in weir-http(7)'),
    ("!servre_up", 'no "servre_up", the nearest is "server_up"'), ("x" * 4000, "xxx\"; LOG in weir(8)"),
    ("!", "leave it out"), ("stopped", "nobody can follow"), ("Close", "the nearest is \"close\""),
    ("%3Cscript%3E%22%C3%BC", 'no "<script>"ü"; LOG')))
def test_an_event_that_cannot_come_is_refused(name, words):
    """A client that followed it would wait for ever."""
    with house() as here:
        for query in (f"?event={name}", f"?event=close&listener=web&event={name}"):
            for method in ("GET", "HEAD"):
                answer = ask(here.weir, method, "/v1/events" + query)
                assert answer.status == 400 and (method == "HEAD" or words in answer.error)


def test_it_follows_what_the_log_does_not_want_and_the_log_stays_as_it_is():
    with house(log={"level": "error"}) as here:
        one_pair(here)
        with follow(here.weir, "?event=close") as follower:
            one_pair(here, b"followed")
            while (event := follower.next()).data["bytes_up"] != len("followed"):
                pass  # the pair before it may end a moment later
            assert event.data["level"] == "info"
        with follow(here.weir, "?event=!close&event=!stats") as follower:
            one_pair(here)
            here.reload()
            while (event := follower.next()).name == "listening":
                pass
            assert event.name == "reloaded"
        assert here.weir.text() == ""


@pytest.mark.workers
def test_who_does_not_read_is_told_how_much_he_has_missed_and_holds_nobody_up():
    pairs = scaled(1500)
    with house(node="n" * 64, log={"level": "error"}, workers=2) as here:
        with follow(here.weir, "?event=close") as slow, follow(here.weir, "?event=close") as quick:
            got = dropped = 0

            def read_slowly():
                nonlocal got, dropped
                event = slow.next()
                if event.name == "dropped":
                    dropped += event.data["events"]
                else:
                    got += 1

            last = time.monotonic()
            for n in range(pairs):
                here.client().close()
                if n % 25 == 24:
                    # weir cuts `slow` after 5 s in which it takes no byte. One round may find all its events in
                    # Python's buffer, but not two in a row: one of them reads the socket.
                    with within(last, 2.5):
                        for _ in range(25):
                            quick.next("close")
                        last = time.monotonic()
                        for _ in range(10):
                            read_slowly()
            while got + dropped < pairs - pairs % 25:
                read_slowly()
            if pairs >= 1500:
                assert dropped > 0
            assert got > 0
            one_pair(here)
            assert slow.next("close") and quick.next("close")


def test_who_reads_slowly_is_not_cut():
    """
    The kernel reports room in a UNIX socket only when three quarters of it are free. This client needs more time for
    that than weir gives to a client that takes no byte.
    """
    pairs, seconds = 400, 8
    with house(node="n" * 64, log={"level": "error"}) as here, follow(here.weir, "?event=close") as slow:
        start = last = time.monotonic()
        for _ in range(pairs):
            here.client().close()
        while last < start + seconds:
            time.sleep(1)
            with within(last, 5):  # a client that takes no byte for so long is cut
                for _ in range(15):  # more lines than one read returns
                    assert slow.next().name == "close"
            last = time.monotonic()
        assert connections(here.weir) == 1


def test_who_comes_again_is_told_how_much_he_has_missed():
    with house() as here:
        with follow(here.weir, "?event=close") as follower:
            one_pair(here)
            last = follower.next("close")
        wait.until(lambda: connections(here.weir) == 0, "weir has let go of the follower")
        for _ in range(3):
            one_pair(here)
        wait.until(lambda: len(here.weir.records("close")) == 4, "all are logged")
        with follow(here.weir, "?event=close", {"Last-Event-ID": last.id}) as follower:
            event = follower.next()
            assert (event.name, event.data["events"]) == ("dropped", 3)
            one_pair(here)
            assert follower.next("close").number() == last.number() + 4
        for foreign in ("1-1", "x", last.id + "x", "", "9" * 100):
            with follow(here.weir, "?event=close", {"Last-Event-ID": foreign}) as follower:
                one_pair(here)
                assert follower.next().name == "close"


@pytest.mark.workers
def test_a_stop_is_followed_to_its_end():
    with house(timeouts={"drain": "0s"}, workers=2) as here:
        for _ in range(20):
            exchange(here.client())
        with follow(here.weir) as follower, \
                follow(here.weir, "?event=close&listener=nothing", version=(10, "HTTP/1.0")) as other:
            follower.next("stats")
            here.weir.signal(signal.SIGTERM)
            events = [event for event in follower.rest() if event.name != "stats"]
            assert [event.name for event in events] == ["stopping"] + 20 * ["close"] + ["end"]
            assert events[-1].data["reason"] == "stop"
            assert [event.name for event in other.rest()] == ["end"]
        assert not here.weir.records("end")
