# SPDX-License-Identifier: ISC
"""Fixtures, and the figures at the end of a run. `pytest -n 4 tests/system`; see weirtest/settings.py."""

import os
import resource
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from weirtest.settings import SANITIZER, SCALE, SPLICE, WEIR  # noqa: E402


@pytest.fixture
def report(record_property):
    """report(text): a figure that the test measured; printed with its result at the end of the run."""
    return lambda text: record_property("figure", text)


@pytest.fixture
def folder():
    """A folder whose path is short enough for UNIX sockets, unlike pytest's own."""
    path = tempfile.mkdtemp(prefix="weir-")
    yield path
    shutil.rmtree(path)


def pytest_configure():
    """The peers of a thousand pairs need more descriptors than a shell has."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def pytest_report_header():
    return f"weir: {WEIR}, counts divided by {SCALE}, splice: {SPLICE}, sanitizer: {SANITIZER or 'none'}"


def pytest_terminal_summary(terminalreporter):
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, [])]
    figures = [(one.nodeid.rpartition("/")[2], text) for one in reports
               for key, text in getattr(one, "user_properties", []) if key == "figure"]
    if figures:
        terminalreporter.section("figures")
    for name, text in sorted(figures):
        terminalreporter.write_line(f"{name}: {text}")
