# SPDX-License-Identifier: ISC
"""What weir reports of its own lateness: the p99 of its timers in STATUS=, and a warning."""

import re
import signal
import time

from weirtest import peers, wait
from weirtest.rig import relay


def p99_ms(weir):
    """The p99 of the timers in STATUS=, or None if it has none."""
    for line in reversed(weir.notices):
        if line.startswith("STATUS="):
            found = re.search(r", timers p99 \+(\d+\.\d{3}) ms$", line)
            return found and float(found.group(1))
    return None


def stop_for(weir, seconds):
    weir.signal(signal.SIGSTOP)
    time.sleep(seconds)
    weir.signal(signal.SIGCONT)


def test_status_tells_the_p99_of_the_timers():
    with relay(timeouts={"idle": "200ms"}) as rig:
        client, server = rig.pair()
        assert p99_ms(rig.weir) is None
        for sock in (client, server):
            assert peers.end_of(sock) == "fin"
        closed = rig.weir.close_line(reason="idle")
        told = wait.until(lambda: p99_ms(rig.weir) is not None and (p99_ms(rig.weir),),
                          "STATUS= with the timers")[0]
        assert told * 1000 == closed.number("late_us")


def test_a_pair_that_no_timer_ended_tells_nothing():
    with relay() as rig:
        client, server = rig.pair()
        client.close()
        server.close()
        wait.until(lambda: any("1 closed" in one for one in rig.weir.notices), "STATUS=")
        assert p99_ms(rig.weir) is None


def test_a_delayed_loop_is_warned_of_at_most_once_in_ten_seconds():
    with relay(timeouts={"idle": "100ms"}) as rig:
        for _ in range(3):
            client, _ = rig.pair()
            stop_for(rig.weir, 0.4)
            assert peers.end_of(client) == "fin"
        line = rig.weir.record("loop_delayed")
        assert line["level"] == "warn" and line["worker"] == "0" and line.number("times") >= 1
        assert line.number("worst_ms") >= 100
        # weir has looked twice more after two seconds, and has not warned again.
        assert wait.holds(lambda: len(rig.weir.records("loop_delayed")) == 1, 2)
