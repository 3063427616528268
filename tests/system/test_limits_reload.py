# SPDX-License-Identifier: ISC
"""Clients that wait at max_pairs while the config changes, or weir stops: all are served, or ended."""

import select
import time

import pytest

from weirtest import address, peers, wait
from weirtest.clock import Watch
from weirtest.house import exchange, house, listener

WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(3, marks=pytest.mark.workers)))
WAIT = 0.2  # seconds within which a client that has a place would be served


def full(here, to=None):
    """The first client has the only place, and the second one waits for it."""
    held = here.client(to)
    exchange(held)
    waiting = here.client(to)
    waiting.sendall(b"hello")
    here.weir.record("limit_reached")
    assert not select.select([waiting], [], [], WAIT)[0]
    return held, waiting


def assert_served(sock):
    assert peers.read_exactly(sock, 5) == b"hello"


def moved(here, how, **more):
    """The listeners of the next config, by what happens to the address of "web"."""
    old = here.weir.address
    port = old.sockaddr[1]
    return {
        "stays": lambda: [listener("web", str(old), **more)],
        "moves": lambda: [listener("web", str(here.free()), **more)],
        "widens": lambda: [listener("web", f"*:{port}", **more)],
        "goes": lambda: [listener("other", str(here.free()))],
        "changes hands": lambda: [listener("other", str(old))],
    }[how]()


@WORKERS
@pytest.mark.parametrize("how", ("stays", "moves", "widens", "goes", "changes hands"))
@pytest.mark.parametrize("limit", ({}, {"max_pairs": 5}), ids=("removed", "raised"))
def test_raised_global_limit_serves_who_waits(how, limit, workers):
    with house(workers=workers, max_pairs=1) as here:
        held, waiting = full(here)
        here.weir.settings.pop("max_pairs")
        here.reload(listeners=moved(here, how), **limit)
        assert_served(waiting)
        exchange(held)


@WORKERS
@pytest.mark.parametrize("how", ("stays", "moves", "widens", "changes hands"))
@pytest.mark.parametrize("limit", ({}, {"max_pairs": 5}), ids=("removed", "raised"))
def test_raised_limit_of_a_listener_serves_who_waits(how, limit, workers):
    with house(workers=workers) as here:
        here.reload(listeners=moved(here, "stays", max_pairs=1))
        held, waiting = full(here)
        here.reload(listeners=moved(here, how, **limit))
        if how != "changes hands":
            assert_served(waiting)
        else:
            exchange(waiting, b"")
            assert_served(waiting)
        exchange(held)


@WORKERS
@pytest.mark.parametrize("how", ("moves", "widens", "goes"))
def test_who_waits_at_an_address_that_goes_is_served_when_a_place_is_free(how, workers):
    with house(workers=workers) as here:
        here.reload(listeners=moved(here, "stays", max_pairs=1))
        held, waiting = full(here)
        here.reload(listeners=moved(here, how, max_pairs=1) if how != "goes" else moved(here, how))
        assert not select.select([waiting], [], [], WAIT)[0]
        held.close()
        assert_served(waiting)


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_address_at_which_clients_wait_lets_nobody_new_in_when_it_goes(transport):
    with house(transport) as here:
        here.reload(listeners=moved(here, "stays", max_pairs=1))
        full(here)
        here.reload(listeners=[listener("other", str(here.free()))])
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            peers.connect(here.weir.address)


def test_wider_address_gets_the_clients_of_one_that_goes_and_is_waited_at():
    with house() as here:
        here.reload(listeners=moved(here, "stays", max_pairs=1))
        held, waiting = full(here)
        here.reload(listeners=[listener("other", f"*:{here.weir.address.sockaddr[1]}")])
        exchange(here.client())
        held.close()
        assert_served(waiting)


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_address_that_is_waited_at_may_come_back(transport):
    with house(transport) as here:
        web = listener("web", str(here.weir.address), max_pairs=1)
        here.reload(listeners=[web])
        held, waiting = full(here)
        here.reload(listeners=[listener("other", str(here.free()))])
        here.reload(listeners=[web])
        late = here.client()
        late.sendall(b"hello")
        assert not select.select([waiting, late], [], [], WAIT)[0]
        held.close()
        wait.until(lambda: select.select([waiting, late], [], [], 0)[0], "one of them")
        for sock in select.select([waiting, late], [], [], 0)[0]:
            assert_served(sock)
            sock.close()
        assert_served(late if waiting.fileno() < 0 else waiting)


def test_listener_that_comes_back_still_counts_its_old_pairs():
    with house() as here:
        web = listener("web", str(here.weir.address), max_pairs=1)
        here.reload(listeners=[web])
        held = here.client()
        exchange(held)
        here.reload(listeners=[listener("other", str(here.free()))])
        here.reload(listeners=[web])
        late = here.client()
        late.sendall(b"hello")
        assert not select.select([late], [], [], WAIT)[0]
        held.close()
        assert_served(late)


@WORKERS
@pytest.mark.parametrize("how", ("stays", "moves", "widens", "goes"))
@pytest.mark.parametrize("where", ("global", "listener"))
def test_drain_ends_in_its_time_though_clients_wait(where, how, workers):
    budget = 1.0
    settings = {"max_pairs": 1} if where == "global" else {}
    own = {"max_pairs": 1} if where == "listener" else {}
    with house(workers=workers, timeouts={"drain": "1s"}, drain={"idle_first": "none", "spread": "0s"},
               **settings) as here:
        here.reload(listeners=moved(here, "stays", **own))
        full(here)
        waiting = [here.client() for _ in range(5)]
        if how != "stays":
            here.reload(listeners=moved(here, how, **({} if how == "goes" else own)))
        watch = Watch(budget)
        here.weir.stop()
        watch.judge(time.monotonic() - watch.start)
        for sock in waiting:
            peers.read_end(sock)


def test_a_limit_that_many_listeners_meet_is_told_once():
    """The global limit is logged once, whichever listener meets it; a listener's own limit once for each listener."""
    count = 40
    with house(workers=2) as here:
        free = [here.free() for _ in range(count)]
        many = [listener(f"l{number}", str(one)) for number, one in enumerate(free)]
        here.reload(listeners=many, max_pairs=1)
        held = here.client(free[0])
        exchange(held)
        waiting = [here.client(one) for one in free]
        told = here.weir.record("limit_reached")
        assert "listener" not in told and told["max_pairs"] == "1"
        for _ in range(10):  # all of them want each place that becomes free
            held.close()
            for sock in waiting:
                sock.sendall(b"h")
            wait.until(lambda: select.select(waiting, [], [], 0)[0], "one that is served")
            held = select.select(waiting, [], [], 0)[0][0]
            waiting.remove(held)
        assert len(here.weir.records("limit_reached")) == 1
        for sock in waiting:
            sock.close()


def test_a_limit_of_its_own_is_told_once_for_each_listener():
    count = 5
    with house(workers=2) as here:
        free = [here.free() for _ in range(count)]
        here.reload(listeners=[listener(f"l{number}", str(one), max_pairs=1) for number, one in enumerate(free)])
        for number, one in enumerate(free):
            exchange(here.client(one))
            for _ in range(5):
                here.client(one)
            here.weir.record("limit_reached", listener=f"l{number}")
        assert len(here.weir.records("limit_reached")) == count
