# SPDX-License-Identifier: ISC
"""WATCHDOG=1 says that every loop turns. `weir-stick` is a weir with a callback that does not return."""

import os
import signal
import time

import pytest

from weirtest import config, peers, proc, wait
from weirtest.daemon import Free, Weir, run
from weirtest.rig import relay
from weirtest.settings import WEIR, scaled

STICK = os.path.join(os.path.dirname(WEIR), "tests", "weir-stick")
WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(3, marks=pytest.mark.workers)))


def wanted(seconds):
    """The environment of a service with WatchdogSec=."""
    return {"WATCHDOG_USEC": str(int(seconds * 1e6))}


def pings(weir):
    return weir.notices.count("WATCHDOG=1")


@WORKERS
def test_pings_come_three_times_in_each_interval(workers, report):
    start = time.monotonic()
    with relay(workers=workers, daemon={"env": wanted(1)}) as rig:
        assert wait.until(lambda: pings(rig.weir) >= 6, "six pings")
        passed = time.monotonic() - start
        report(f"6 pings in {passed:.2f} s")
        # There are three pings in a second, the first at the start.
        assert passed > 5 / 3
        pair = rig.pair()
        pair[0].sendall(b"x")
        assert peers.read_exactly(pair[1], 1) == b"x"


@WORKERS
def test_a_callback_that_does_not_return_ends_the_pings(workers, report):
    listeners = [{"name": name, "listen": Free("tcp4"), "upstream": "app"} for name in ("web", "stick")]
    settings = {"workers": workers, "listeners": listeners,
                "upstreams": [{"name": "app", "servers": [{"address": "127.0.0.1:9"}]}]}
    # It is killed in the end, as systemd would do.
    with Weir(settings, program=STICK, env=wanted(1), exit_code=-signal.SIGKILL) as weir:
        wait.until(lambda: pings(weir) >= 2, "two pings")
        with peers.connect(listeners[1]["listen"].address):
            missed = weir.record("watchdog_missed")
            assert missed["level"] == "warn" and int(missed["worker"]) < workers
            assert missed.number("waited_ms") >= 500
            count = pings(weir)
            # We wait far longer than systemd would: the other workers turn, but send no ping.
            assert wait.holds(lambda: pings(weir) == count, 2.5)
            assert len(weir.records("watchdog_missed")) == 1
            weir.signal(signal.SIGKILL)
            weir.wait_exit()
        report(f"{count} pings, then worker {missed['worker']} was stuck "
               f"for {missed['waited_ms']} ms")


def test_pings_come_again_after_a_pause():
    with relay(workers=2, daemon={"env": wanted(1)}) as rig:
        wait.until(lambda: pings(rig.weir) >= 2, "two pings")
        rig.weir.signal(signal.SIGSTOP)
        count = pings(rig.weir)
        time.sleep(1.2)
        assert pings(rig.weir) <= count + 1
        rig.weir.signal(signal.SIGCONT)
        wait.until(lambda: pings(rig.weir) >= count + 3, "pings again")


def test_pings_go_on_while_it_drains():
    with relay(timeouts={"drain": "60s"}, drain={"idle_first": "none"},
               daemon={"env": wanted(0.5)}) as rig:
        rig.pair()
        rig.weir.signal(signal.SIGTERM)
        rig.weir.notice("STOPPING=1")
        count = pings(rig.weir)
        wait.until(lambda: pings(rig.weir) >= count + 4, "pings")


def test_without_watchdog_sec_nobody_is_woken(report):
    with relay(workers=2, timeouts={"connect": "1s"}) as rig:
        for _ in range(scaled(200, 20)):
            rig.pair()
        time.sleep(2.5)  # the timers of the connects have struck, and the last status is sent
        before, begin = proc.sleeps(rig.weir.pid), time.monotonic()
        time.sleep(3)
        after, passed = proc.sleeps(rig.weir.pid), time.monotonic() - begin
        woken = {thread: count - before[thread] for thread, count in after.items()}
        report(f"woken in {passed:.1f} s: {sorted(woken.values(), reverse=True)}")
        assert not pings(rig.weir)
        assert sum(woken.values()) <= 2 * passed
        assert sum(count > 0 for count in woken.values()) <= 1, "more than the main thread's tick"


@pytest.mark.parametrize("usec", ("", "0", "soon", "-1", "99999999999999999999"))
def test_an_interval_that_makes_no_sense_is_refused(usec, tmp_path):
    conf = tmp_path / "weir.conf"
    conf.write_text(config.text(config.relay(f"unix:{tmp_path}/x.sock", "127.0.0.1:9")))
    done = run("-c", str(conf), prefix=("env", f"WATCHDOG_USEC={usec}"))
    assert done.returncode == 1
    assert "what=watchdog" in done.stderr and "WATCHDOG_USEC" in done.stderr


def test_another_processs_watchdog_is_left_alone():
    with relay(daemon={"env": {**wanted(0.2), "WATCHDOG_PID": "1"}}) as rig:
        rig.pair()
        assert wait.holds(lambda: not pings(rig.weir), 1)


def test_the_smallest_interval_does_not_spin():
    with relay(daemon={"env": {"WATCHDOG_USEC": "1"}}) as rig:
        time.sleep(0.5)
        before, begin = proc.cpu_seconds(rig.weir.pid), time.monotonic()
        time.sleep(1)
        used = proc.cpu_seconds(rig.weir.pid) - before
        assert used < 0.2 * (time.monotonic() - begin)
