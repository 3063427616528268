# SPDX-License-Identifier: ISC
"""The limits of one source: max_pairs_per_source and rate.accept_per_source."""

import contextlib
import time

import pytest

from weirtest import address, peers, wait
from weirtest.house import exchange, house, listener, upstream
from weirtest.settings import scaled

WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(4, marks=pytest.mark.workers)))


class Greeter(peers.Server):
    """A server that sends each client a byte and keeps the connection, with one thread for all."""

    def __init__(self, folder):
        self.kept = []
        super().__init__("tcp4", folder, None)

    def _accept_all(self):
        while True:
            try:
                sock = self.sock.accept()[0]
            except OSError:
                return
            self.kept.append(sock)
            sock.sendall(b"x")

    def close(self):
        super().close()
        for sock in self.kept:
            sock.close()


def one(here, to=None, **more):
    return [listener("web", str(to or here.weir.address), **more)]


def come(here, source, stack):
    """A client of this source that stays open: its socket, or None if it was reset."""
    sock = stack.enter_context(peers.connect(here.weir.address, bind=address.tcp(source, 0)))
    try:
        exchange(sock)
    except (ConnectionResetError, BrokenPipeError):
        return None
    return sock


def source_of(number):
    return f"127.{1 + number // 65536}.{number // 256 % 256}.{number % 256}"


def is_in(sock):
    try:
        return sock.recv(1) == b"x"
    except ConnectionResetError:
        return False


@WORKERS
def test_a_thousand_sources_at_their_limit(workers):
    """Each source has its pairs, whichever the worker, and not one more; a place given back can be taken again."""
    limit = 2
    sources = [source_of(i) for i in range(scaled(1000))]
    with house(workers=workers) as here, contextlib.ExitStack() as stack:
        greeter = stack.enter_context(contextlib.closing(Greeter(here.weir.folder)))
        here.reload(listeners=one(here, max_pairs_per_source=limit), upstreams=[upstream(greeter)])

        def knock(source):
            return stack.enter_context(peers.connect(here.weir.address, bind=address.tcp(source, 0)))

        pairs = [knock(source) for _ in range(limit) for source in sources]
        assert all(is_in(sock) for sock in pairs)
        more = [knock(source) for source in sources]
        assert not any(is_in(sock) for sock in more)
        line = here.weir.close_line(reason="source_limit")
        assert (line["by"], line["level"], line["server"]) == ("weir", "info", "")
        for sock in pairs[:len(sources)]:
            peers.reset(sock)
        for source in sources:
            wait.until(lambda source=source: is_in(knock(source)), "the place that was given back")
        more = [knock(source) for source in sources]
        assert not any(is_in(sock) for sock in more)


def test_limit_and_prefix_of_a_source_are_taken_from_a_reload():
    with house() as here, contextlib.ExitStack() as stack:
        here.reload(listeners=one(here, max_pairs_per_source=1))
        assert come(here, "127.0.0.8", stack)
        assert not come(here, "127.0.0.8", stack)
        here.reload(listeners=one(here, max_pairs_per_source=2))
        assert come(here, "127.0.0.8", stack)  # the first one still counts
        assert not come(here, "127.0.0.8", stack)
        here.reload(listeners=one(here, max_pairs_per_source=1, source_prefix={"v4": 24}))
        assert come(here, "127.0.1.1", stack)
        assert not come(here, "127.0.1.2", stack)
        assert come(here, "127.0.2.2", stack)
        here.reload(listeners=one(here))
        assert come(here, "127.0.1.2", stack)


def test_unix_clients_are_no_source():
    with house("unix") as here:
        here.reload(listeners=one(here, max_pairs_per_source=1, rate={"accept_per_source": "1/s"}))
        socks = [here.client() for _ in range(5)]
        for sock in socks:
            exchange(sock)


@WORKERS
def test_a_source_that_comes_too_often_is_reset(workers):
    """A source gets at most a second's worth at once, and then the rate; each source counts by itself."""
    rate = 10
    with house(workers=workers) as here, contextlib.ExitStack() as stack:
        here.reload(listeners=one(here, rate={"accept_per_source": f"{rate}/s"}))
        began = time.monotonic()
        assert all(come(here, "127.0.0.8", stack) for _ in range(rate))
        served, refused = rate, 0
        while time.monotonic() < began + 0.5:
            came = bool(come(here, "127.0.0.8", stack))
            served += came
            refused += not came
        assert served <= rate * (1 + time.monotonic() - began) + 1
        assert all(come(here, "127.0.0.9", stack) for _ in range(rate))
        if refused:
            line = here.weir.close_line(reason="rate")
            assert (line["by"], line["level"]) == ("weir", "info")
        time.sleep(1)  # refused clients use up nothing: after a second without any, a whole burst is free again
        assert all(come(here, "127.0.0.8", stack) for _ in range(rate))


def test_source_is_that_of_the_header_where_one_is_believed():
    with house() as here, contextlib.ExitStack() as stack:
        here.reload(listeners=one(here, accept_proxy=["127.0.0.1"], max_pairs_per_source=1))

        def announced(source):
            sock = stack.enter_context(peers.connect(here.weir.address))
            sock.sendall(f"PROXY TCP6 {source} 2001:db8::1 40000 443\r\n".encode())
            try:
                exchange(sock)
            except (ConnectionResetError, BrokenPipeError):
                return None
            return sock

        first = announced("2001:db8:1:2::1")
        assert first
        assert not announced("2001:db8:1:2:ffff::1")  # it is in the same /64
        assert announced("2001:db8:1:3::1")
        assert not announced("2001:db8:1:3::2")
        peers.reset(first)
        wait.until(lambda: announced("2001:db8:1:2::2"), "the place that was given back")
