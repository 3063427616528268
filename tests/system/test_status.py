# SPDX-License-Identifier: ISC
"""STATUS=, which systemctl status shows: what it says, and how rarely it is sent."""

import contextlib
import re
import signal
import time

import pytest

from weirtest import peers, wait
from weirtest.rig import relay
from weirtest.settings import scaled

WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(4, marks=pytest.mark.workers)))


def statuses(weir):
    return [one.partition("=")[2] for one in weir.notices if one.startswith("STATUS=")]


def until_status(weir, pattern):
    """Waits until the last status matches the pattern, and returns that status."""
    wait.until(lambda: statuses(weir) and re.search(pattern, statuses(weir)[-1]), pattern)
    return statuses(weir)[-1]


@WORKERS
def test_pairs_are_counted_by_state_and_reason(workers, report):
    with relay(workers=workers, max_pairs=100, timeouts={"idle": "60s"}) as rig:
        assert rig.weir.notice("STATUS=") == \
            "STATUS=1 listener, 1 of 1 server usable, 0 of 100 pairs open, 0 accepted, 0 closed"
        pairs = [rig.pair() for _ in range(6)]
        for client, server in pairs[:3]:
            peers.fin(client)
            assert peers.read_end(server) == (b"", "fin")
        until_status(rig.weir, r"6 of 100 pairs open \(3 half-closed\), 6 accepted, 0 closed$")
        pairs[0][1].close()
        peers.reset(pairs[1][1])
        peers.reset(pairs[4][0])
        pairs[5][1].close()
        pairs[5][0].close()
        text = until_status(rig.weir, r"2 of 100 pairs open \(1 half-closed\), 6 accepted, "
                                      r"4 closed \(2 eof, 2 reset\)$")
        report(text)


def test_server_that_refuses_is_counted():
    with relay(servers=[peers.RefusingUpstream]) as rig:
        with contextlib.suppress(ConnectionResetError):
            rig.client()
        until_status(rig.weir, r" 0 of \d+ pairs open, 1 accepted, 1 closed \(1 connect_failed\)$")


def test_it_is_told_at_most_once_a_second_and_only_when_it_changes(report):
    with relay(servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig:
        rig.weir.notice("STATUS=")
        start, begin = time.monotonic(), len(statuses(rig.weir))
        for _ in range(scaled(200, 20)):
            rig.client().close()
            time.sleep(0.01)
        until_status(rig.weir, f"{scaled(200, 20)} closed")
        told, passed = len(statuses(rig.weir)) - begin, time.monotonic() - start
        assert told <= passed + 1
        count = len(statuses(rig.weir))
        assert wait.holds(lambda: len(statuses(rig.weir)) == count, 2.5)
        assert len(set(statuses(rig.weir))) == count
        report(f"{told} in {passed:.1f} s of {scaled(200, 20)} pairs, then none")


def test_a_drain_counts_down():
    with relay(timeouts={"drain": "6s"}, drain={"grace": "2s", "idle_first": "none",
                                                "spread": "0s"}) as rig:
        rig.pair()
        rig.weir.signal(signal.SIGTERM)
        assert rig.weir.wait_exit() == 0
        rig.weir.join()
        grace = [int(one) for text in statuses(rig.weir)
                 for one in re.findall(r"^Stopping, still accepting, (\d) s left: ", text)]
        drain = [int(one) for text in statuses(rig.weir)
                 for one in re.findall(r"^Draining, (\d) s left: 1 listener, 1 of ", text)]
        assert grace and max(grace) <= 2 and grace == sorted(set(grace), reverse=True)
        assert drain and max(drain) <= 4 and drain == sorted(set(drain), reverse=True)
