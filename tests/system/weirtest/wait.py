# SPDX-License-Identifier: ISC
"""Waits for conditions that nothing signals, never for a guessed time."""

import time

from .settings import DEADLINE


def until(condition, what, deadline=DEADLINE, every=0.005):
    """Polls until `condition()` is true, and returns its value; fails after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:g} s in vain for: {what}")
        time.sleep(every)


def holds(condition, seconds, every=0.01):
    """Whether `condition()` stays true for `seconds`; here the time is what is measured, not a guess."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            return False
        time.sleep(every)
    return condition()
