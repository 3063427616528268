# SPDX-License-Identifier: ISC
"""weirctl drain --wait: weir serves until no pair is open or the time is over, and reports those still open."""

import contextlib
import subprocess
import time

import pytest

from test_weirctl import WEIRCTL, ctl, is_ready, run
from weirtest import wait
from weirtest.asking import control_path, get
from weirtest.daemon import without_systemd
from weirtest.drains import state
from weirtest.house import exchange, house
from weirtest.settings import DEADLINE


@contextlib.contextmanager
def draining(here, *words):
    """A weirctl drain that waits: (process, first line of its standard error)."""
    with subprocess.Popen([WEIRCTL, "-s", control_path(here.weir), "drain", *words], env=without_systemd(), text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process, process.stderr.readline()
        finally:
            process.kill()


def open_pairs(weir):
    return get(weir, "/v1/status")["pairs"]["open"]


def test_weir_stays_in_service_until_the_last_pair_ends():
    with house() as here:
        first = here.client()
        exchange(first)
        with draining(here, "0s", "--wait", "1h") as (process, told):
            assert told == "weirctl: waits for 1 open pairs, 1h at most\n"
            second = here.client()
            exchange(second)
            first.close()
            wait.until(lambda: open_pairs(here.weir) == 1, "the first pair gone")
            assert is_ready(here) == "ready: running\n" and process.poll() is None
            exchange(second)
            second.close()
            out, err = process.communicate(timeout=DEADLINE)
            assert process.returncode == 0 and out == "drained, pairs open 0\n" and err == ""
        assert state(here.weir) == "drained"


def test_without_an_open_pair_it_does_not_wait():
    with house() as here:
        assert ctl(here, "drain", "0s", "--wait", "1h") == "drained, pairs open 0\n"


def test_at_the_end_of_the_time_it_says_how_many_are_open_and_drains():
    with house(timeouts={"drain": "2h"}, drain={"grace": "1h"}) as here:
        pairs = [here.client() for _ in range(3)]
        for pair in pairs:
            exchange(pair)
        start = time.monotonic()
        done = run("drain", "--wait", "1s", socket=control_path(here.weir))
        assert done.returncode == 0 and time.monotonic() - start >= 1
        assert "pairs still open: 3; they are cut when the address" in done.stderr
        assert done.stdout.startswith("drain_grace, ") and done.stdout.endswith(" left, pairs open 3\n")
        assert is_ready(here) == "not ready: drain_grace\n"
        for pair in pairs:
            exchange(pair)


def test_drained_already_it_waits_for_the_pairs_that_are_left():
    with house() as here:
        pair = here.client()
        exchange(pair)
        ctl(here, "drain", "0s")
        with draining(here, "--wait", "1h") as (process, told):
            assert "1 open pairs" in told and process.poll() is None
            pair.close()
            assert process.wait(DEADLINE) == 0
        assert state(here.weir) == "drained"


def test_who_undrains_it_meanwhile_is_not_overruled():
    with house() as here:
        pair = here.client()
        exchange(pair)
        ctl(here, "drain", "0s")
        with draining(here, "--wait", "1h") as (process, told):
            assert told
            ctl(here, "undrain")
            out, err = process.communicate(timeout=DEADLINE)
            assert process.returncode == 1 and out == "" and "somebody has undrained weir meanwhile" in err
        exchange(here.client())
        assert is_ready(here) == "ready: running\n"


def test_who_is_interrupted_while_it_waits_has_drained_nothing():
    with house() as here:
        exchange(here.client())
        with draining(here, "0s", "--wait", "1h") as (process, told):
            assert told
            process.terminate()
            assert process.wait(DEADLINE) != 0
        assert is_ready(here) == "ready: running\n" and not here.weir.records("drain")


def test_it_ends_where_weir_answers_no_more():
    with house() as here:
        pair = here.client()
        exchange(pair)
        with draining(here, "0s", "--wait", "1h") as (process, told):
            assert told
            pair.close()
            here.weir.stop()
            assert process.wait(DEADLINE) in (0, 1)  # weir may have drained before it was gone


@pytest.mark.parametrize("words", (("drain", "--wait", "none"), ("drain", "--wait", "soon"), ("drain", "--wait"),
                                   ("drain", "0s", "--wait", "-1s"), ("undrain", "--wait", "1s"), ("status", "--wait", "1s")))
def test_what_is_no_time_or_no_drain_drains_nothing(words):
    with house() as here:
        done = run(*words, socket=control_path(here.weir))
        assert done.returncode == 2 and done.stderr
        assert is_ready(here) == "ready: running\n"
