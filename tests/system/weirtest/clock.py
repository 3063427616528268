# SPDX-License-Identifier: ISC
"""Whether a timer kept its time: never early, by weir's clock and by ours; late is printed."""

import time

import pytest

from . import peers
from .settings import LATE


class Watch:
    """
    Counts from its making, or its last restart(): make it before the byte that weir counts from is
    sent, so that what it measures is never shorter than what weir did.
    """

    def __init__(self, seconds):
        self.seconds = seconds
        self.lates = []
        self.restart()

    def restart(self):
        self.start = time.monotonic()

    def expect(self, sock, ends, got=b""):
        """Reads `sock` to its end, which must be one of `ends` and in time."""
        data, end = peers.read_end(sock)
        passed = time.monotonic() - self.start
        assert end in ends and data == got, f"{end} after {len(data)} bytes and {passed:.3f} s"
        self.judge(passed)

    def judge(self, passed):
        assert passed >= self.seconds, f"early by {(self.seconds - passed) * 1e3:.3f} ms"
        assert passed < self.seconds + LATE, f"late by {passed - self.seconds:.3f} s"
        self.lates.append(passed - self.seconds)

    def strike(self, weir, timer, reason=None, **match):
        """The closing line: the timer, its reason, and how late it was by weir's own clock."""
        closed = weir.close_line(reason=reason or timer, by="weir", timer=timer, **match)
        assert 0 <= closed.number("late_us") < LATE * 1e6, closed
        self.text = f"{closed['late_us']} µs late by weir's clock"
        if self.lates:
            self.text += f", {max(self.lates) * 1e3:.1f} ms by the peers'"
        return closed


def pace(sock, seconds, every, limit, byte=b"."):
    """
    Sends a byte `every` so often for `seconds`. False when this process itself was late by more than
    `limit` once: then it cannot blame the daemon for having missed it.
    """
    end = time.monotonic() + seconds
    last = time.monotonic()
    punctual = True
    while last < end:
        sock.sendall(byte)
        time.sleep(every)
        now = time.monotonic()
        punctual = punctual and now - last < limit
        last = now
    return punctual


def punctually(attempt, tries=5):
    """
    Repeats `attempt()` until it was punctual: it returns False when the machine was too busy. Where that is so each
    time, nothing was shown: the test is skipped, and named.
    """
    for _ in range(tries):
        if attempt():
            return
    pytest.skip(f"this machine is too busy: not punctual in {tries} tries")
