# SPDX-License-Identifier: ISC
"""Drains by hand together with many addresses, limits, reloads, a stop, clients, and other drains."""

import http.client
import select
import signal
import threading
import time

import pytest

from weirtest import peers, proc, transfer, wait
from weirtest.asking import ask, get
from weirtest.drains import drain, is_refused, undrain
from weirtest.house import Callers, exchange, house, listener

WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(3, marks=pytest.mark.workers)))


@WORKERS
def test_of_many_addresses_none_lets_anybody_in_once_it_is_answered(workers):
    with house(workers=workers, errors=("undrain_failed",)) as here:
        addresses = [here.free() for _ in range(100)]
        here.reload(listeners=[listener("web", [str(here.weir.address)]), listener("many", [str(to) for to in addresses])])
        fds = proc.settled_fds(here.weir.pid)
        for _ in range(10):
            drain(here.weir)
            undrain(here.weir)
        assert proc.fds(here.weir.pid) - fds < 4 * len(addresses) * workers, "sockets of ten drains are there"
        for _ in range(3):
            drain(here.weir)
            assert all(is_refused(to) for to in addresses)
            undrain(here.weir)
            for to in addresses:
                with peers.connect(to) as sock:
                    exchange(sock)


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_who_waits_for_a_place_is_served_after_all(transport):
    with house(transport) as here:
        here.reload(listeners=[listener("web", str(here.weir.address), max_pairs=1)])
        held, waiting = here.client(), here.client()
        exchange(held)
        waiting.sendall(b"hello")
        drain(here.weir)
        undrain(here.weir)
        late = here.client()
        late.sendall(b"hello")
        held.close()
        ready = wait.until(lambda: select.select([waiting, late], [], [], 0)[0], "one of them")
        assert len(ready) == 1 and peers.read_exactly(ready[0], 5) == b"hello"
        pairs = get(here.weir, "/v1/listeners")["listeners"][0]["pairs"]
        assert (pairs["open"], pairs["max"], pairs["accepted"]) == (1, 1, 2)
        ready[0].close()
        other = late if ready[0] is waiting else waiting
        assert peers.read_exactly(other, 5) == b"hello"
        drain(here.weir, end_pairs=True)
        assert get(here.weir, "/v1/status")["pairs"]["open"] == 1


def test_a_name_that_clients_wait_at_tells_what_is_in_the_way():
    with house("abstract", errors=("undrain_failed",)) as here:
        here.reload(listeners=[listener("web", str(here.weir.address), max_pairs=1)])
        held, waiting = here.client(), here.client()
        exchange(held)
        waiting.sendall(b"hello")
        drain(here.weir)
        answer = ask(here.weir, "POST", "/v1/undrain")
        assert answer.status == 409 and "clients still wait for a place: try again" in answer.json["errors"][0]
        held.close()
        assert peers.read_exactly(waiting, 5) == b"hello"
        waiting.close()
        wait.until(lambda: ask(here.weir, "POST", "/v1/undrain").status == 200, "the old name to be gone")


@WORKERS
def test_reloads_and_drains_at_the_same_time_take_turns(workers, report):
    with house(workers=workers) as here:
        pair = here.client()
        exchange(pair)
        other = here.free()
        both = [listener("web", [str(here.weir.address), str(other)])]
        alone = [listener("web", str(here.weir.address))]
        drains = 0

        def reload():
            for i in range(11):
                here.reload(listeners=(both, alone)[i % 2])

        reloads = transfer.Task(reload)
        while reloads.alive:
            drain(here.weir, grace=("0s", "1ms", "20ms")[drains % 3])
            undrain(here.weir)
            drains += 1
        reloads.result()
        for to in (here.weir.address, other):
            exchange(here.client(to))
        drain(here.weir)
        assert is_refused(here.weir.address) and is_refused(other)
        exchange(pair)
        assert get(here.weir, "/v1/status")["generation"] == 12
        report(f"11 reloads and {drains} drains")


@WORKERS
def test_asked_by_many_at_once_each_is_answered_in_turn(workers):
    with house(workers=workers, control=True) as here:
        answers = []

        def ask_often(path):
            for _ in range(10):
                answers.append((path, ask(here.weir, "POST", path)))

        threads = [threading.Thread(target=ask_often, args=(path,)) for path in ("/v1/drain", "/v1/undrain") * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 60
        for _, answer in answers:
            assert answer.status == 200 and answer.json["state"] in ("drained", "running")
        undrain(here.weir)
        exchange(here.client())


@WORKERS
@pytest.mark.parametrize("late_ms", (0, 1, 3))
def test_a_stop_in_the_middle_of_it_ends_weir_and_answers(workers, late_ms):
    with house(workers=workers) as here:
        more = [here.free() for _ in range(20)]
        here.reload(listeners=[listener("web", [str(here.weir.address), *map(str, more)])])
        pair = here.client()
        exchange(pair)
        drain(here.weir)

        def back():
            try:
                return ask(here.weir, "POST", "/v1/undrain").status
            except (http.client.HTTPException, OSError):
                return None  # weir had exited before

        task = transfer.Task(back)
        time.sleep(late_ms / 1e3)
        here.weir.signal(signal.SIGTERM)
        peers.read_end(pair)
        assert here.weir.wait_exit() == 0
        assert task.result() in (200, 409, None)
        here.weir.close_line(reason="drain")


@WORKERS
def test_a_drain_that_is_undone_in_its_grace_refuses_nobody(workers):
    with house(workers=workers) as here:
        callers = Callers(here.weir.address)
        for _ in range(30):
            drain(here.weir, grace="1h")
            callers.wait_served(2)
            undrain(here.weir)
        callers.stop()
        assert callers.refused == 0 and len(here.weir.records("listening")) == 1


@WORKERS
def test_in_a_loop_under_load_clients_are_served_or_refused_and_all_is_counted(workers, report):
    with house(workers=workers) as here:
        pair = here.client()
        exchange(pair)
        callers = Callers(here.weir.address)
        callers.wait_served(20)
        drain(here.weir)
        undrain(here.weir)
        fds = proc.fds(here.weir.pid)
        for _ in range(30):
            callers.wait_served(5)
            drain(here.weir)
            undrain(here.weir)
            for _ in range(4):  # a client that comes after the answer is let in
                with here.client() as sock:
                    exchange(sock)
        callers.stop()
        exchange(pair)
        served = callers.served + 120
        wait.until(lambda: get(here.weir, "/v1/status")["pairs"]["open"] == 1, "all places back")
        pairs = get(here.weir, "/v1/listeners")["listeners"][0]["pairs"]
        assert pairs["open"] == 1 and pairs["accepted"] == served + 1
        wait.until(lambda: proc.fds(here.weir.pid) <= fds, "no fd left behind")
        report(f"{served} served, {callers.refused} refused in 31 drains")
