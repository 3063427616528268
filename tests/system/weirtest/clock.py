# SPDX-License-Identifier: ISC
"""Whether a timer kept its time: never early, by weir's clock and by ours; late is printed. And whether we did."""

import contextlib
import functools
import os
import time

import pytest

from . import peers, proc
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


class Late(Exception):
    """This machine had no time for the test when its next step was due: whatever came of it shows nothing."""


@contextlib.contextmanager
def within(start, seconds):
    """What is done here, and what it leads to, shows something only if that is over `seconds` after `start`."""
    try:
        yield
    finally:
        passed = time.monotonic() - start
        if passed >= seconds:
            raise Late(f"{passed:.3f} s, and {seconds:g} were allowed")


def pace(sock, seconds, every, limit):
    """Sends a byte `every` so often for `seconds`; when it began to send the last. Late where two are `limit` apart."""
    end = time.monotonic() + seconds
    last = time.monotonic()
    while last < end:
        begin = time.monotonic()
        with within(last, limit):
            sock.sendall(b".")
        last = begin
        time.sleep(every)
    return last


def again_if_late(test, tries=5):
    """
    The test, which is run again where it was Late. Where it is so each time, nothing was shown: it is skipped, and
    named; but it has failed if this machine was not even busy. A failure shows nothing either while the kernel resets
    whose connection it likes.
    """
    def tried(*args, **kwargs):
        before = proc.cut_for_memory()
        try:
            return test(*args, **kwargs)
        except (AssertionError, OSError) as problem:
            if cut := proc.cut_for_memory() - before:
                raise Late(f"the kernel had no memory for TCP, and reset {cut} connections: {problem}") from problem
            raise

    @functools.wraps(test)
    def patient(*args, **kwargs):
        for left in reversed(range(tries)):
            try:
                return tried(*args, **kwargs)
            except Late as late:
                if left == 0:
                    assert os.getloadavg()[0] > os.cpu_count(), f"late in {tries} tries, on a quiet machine: {late}"
                    pytest.skip(f"this machine is too busy: late in {tries} tries: {late}")
    return patient
