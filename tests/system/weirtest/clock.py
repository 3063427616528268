# SPDX-License-Identifier: ISC
"""Judges timers: none is early, by weir's clock and by ours. Also notices when this machine was too slow to judge."""

import contextlib
import functools
import os
import time

import pytest

from . import peers, proc
from .settings import LATE


class Watch:
    """
    Measures from its making, or its last restart(). A test makes it before it sends the byte from which
    weir counts, so that the time that is measured is never shorter than weir's.
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
        """Waits for the closing line with this timer and reason; `text` then says how late the timer was."""
        closed = weir.close_line(reason=reason or timer, by="weir", timer=timer, **match)
        assert 0 <= closed.number("late_us") < LATE * 1e6, closed
        self.text = f"{closed['late_us']} µs late by weir's clock"
        if self.lates:
            self.text += f", {max(self.lates) * 1e3:.1f} ms by the peers'"
        return closed


class Late(Exception):
    """This machine was too slow for a step of the test, so the result of the test shows nothing."""


@contextlib.contextmanager
def within(start, seconds):
    """Raises Late if the block has not ended `seconds` after `start`: its result then shows nothing."""
    try:
        yield
    finally:
        passed = time.monotonic() - start
        if passed >= seconds:
            raise Late(f"{passed:.3f} s, and {seconds:g} were allowed")


def pace(sock, seconds, every, limit):
    """
    Sends a byte each `every` s for `seconds`; returns the time at which the last send began. Late if two are
    `limit` s apart.
    """
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
    Runs the test again when it was Late. A test that was Late in all tries is skipped if this machine is busy, and
    fails if not. A failure counts as Late if meanwhile the kernel has run out of memory for TCP: it then resets
    connections of its choice.
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
