# SPDX-License-Identifier: ISC
"""Fixtures. Run tests/boot/prepare, scripts/package and tests/boot/install first; see boottest/settings.py."""

import os
import sys

import pytest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "../system")]

from boottest.machine import Machine  # noqa: E402
from boottest.settings import BOOT_ROOT, DEB, WEIR_ROOT  # noqa: E402


@pytest.fixture
def bare():
    """A machine without weir."""
    with Machine(BOOT_ROOT) as one:
        yield one


@pytest.fixture
def machine():
    """A machine on which the package is installed, and weir runs with the default config."""
    with Machine(WEIR_ROOT) as one:
        yield one


def pytest_report_header():
    return f"roots: {BOOT_ROOT}, {WEIR_ROOT}, package: {DEB}"
