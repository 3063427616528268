# SPDX-License-Identifier: ISC
"""Many requests at the doors disturb no pair and delay no timer."""

import contextlib
import re
import subprocess
import threading

import pytest

from weirtest import address, load, transfer, wait
from weirtest.asking import ask, get
from weirtest.house import Callers, house, listener, upstream
from weirtest.settings import scaled

pytestmark = pytest.mark.workers

SCRAPES, LISTS = 200, 50
PAIRS, BUSY = scaled(600, 60), scaled(100, 10)
LISTED = ("/v1/pairs?tcp_info=true", "/v1/upstreams", "/v1/listeners", "/v1/pairs?state=relaying&limit=10")


class Asker:
    """A thread that sends `count` requests for these targets in turn, and keeps what was wrong."""

    def __init__(self, weir, targets, count):
        self.asked, self.wrong = 0, []
        self._args = weir, targets, count
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        weir, targets, count = self._args
        try:
            for i in range(count):
                answer = ask(weir, "GET", targets[i % len(targets)])
                if answer.status != 200:
                    self.wrong.append(answer.text)
                elif answer.headers["Content-Type"] == "application/json":
                    answer.json  # this fails if it is not complete
                self.asked += 1
        except Exception as problem:  # end() reports it; pylint: disable=broad-except
            self.wrong.append(repr(problem))

    def end(self):
        self._thread.join()
        assert not self.wrong, self.wrong[:3]
        return self.asked


class Idlers:
    """Pairs that end by the idle timer, again and again until stop(); weirload judges whether they end in time."""

    def __init__(self, to, behind):
        self._stop = False
        self._task = transfer.Task(self._run, to, behind)

    def _run(self, to, behind):
        told = []
        while not self._stop:
            told.append(load.run("idle", target=to, serve=behind, connections=PAIRS, expect="1s"))
        return told

    def stop(self):
        self._stop = True
        return self._task.result()


@contextlib.contextmanager
def exchanging(to, behind):
    """Keeps pairs open, most of which exchange messages as fast as weir and this machine can."""
    words = load.arguments("mixed", {"target": to, "serve": behind, "connections": BUSY, "busy": 90, "every": "1ms",
                                     "size": 16384, "expect": "1h"})
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield
            assert process.poll() is None, process.stdout.read()
        finally:
            process.kill()


def ends(here):
    """The reasons with which pairs have ended: {listener: {reason, ...}}."""
    found = {}
    for name, reason in re.findall(r'^weir_pairs_ended_total{listener="(\w+)",by="\w+",reason="(\w+)"}',
                                   ask(here.weir, "GET", "/metrics").text, re.MULTILINE):
        found.setdefault(name, set()).add(reason)
    return found


@pytest.mark.parametrize("workers", (1, 3))
def test_scrapes_and_lists_harm_no_pair_and_no_timer(workers, report):
    first, second = address.free("tcp4", None), address.free("tcp4", None)
    with house(workers=workers, timeouts={"idle": "1h"}) as here, contextlib.ExitStack() as stack:
        idle, busy = here.free(), here.free()
        here.reload(listeners=[listener("web", str(here.weir.address)),
                               listener("idle", str(idle), upstream="first", timeouts={"idle": "1s"}),
                               listener("busy", str(busy), upstream="second")],
                    upstreams=[*here.weir.settings["upstreams"], upstream(first, name="first"),
                               upstream(second, name="second")])
        callers, idlers = Callers(here.weir.address, 2), Idlers(idle, first)
        stack.callback(callers.stop)
        with exchanging(busy, second):
            wait.until(lambda: len(get(here.weir, "/v1/pairs?listener=busy")["pairs"]) == BUSY, "busy pairs")
            wait.until(lambda: get(here.weir, "/v1/pairs?listener=idle")["pairs"], "idle pairs")
            callers.wait_served(10)
            askers = [Asker(here.weir, ("/metrics",), SCRAPES), Asker(here.weir, LISTED, LISTS)]
            assert [one.end() for one in askers] == [SCRAPES, LISTS]
            told = idlers.stop()
            assert len(get(here.weir, "/v1/pairs?listener=busy")["pairs"]) == BUSY
            assert ends(here) == {"web": {"eof"}, "idle": {"idle"}}
    assert callers.refused == 0
    for one in told:
        assert one.code == 0 and one.verdicts == {"on_time": PAIRS}, one.out
        assert one.json["bytes"]["up"]["lost"] == one.json["bytes"]["down"]["lost"] == 0
    report(f"{len(told)} times {PAIRS} pairs that idle out, {callers.served} short ones; "
           f"timers p99 {max(one.json['client']['late_us']['p99'] for one in told)} µs late")
