# SPDX-License-Identifier: ISC
"""Fixtures. `tests/boot/prepare` and `scripts/package` first; see boottest/settings.py."""

import os
import sys

import pytest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "../system")]

from boottest.machine import booted  # noqa: E402
from boottest.settings import BOOT_ROOT, DEB  # noqa: E402


@pytest.fixture
def bare():
    """A machine without weir."""
    with booted() as machine:
        yield machine


@pytest.fixture
def machine():
    """A machine with weir, as the package leaves it: running, with the default config."""
    with booted(DEB) as one:
        yield one


def pytest_report_header():
    return f"root: {BOOT_ROOT}, package: {DEB}"
