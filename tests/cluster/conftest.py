# SPDX-License-Identifier: ISC
"""Fixtures. Run `scripts/test --cluster`; or pytest -n 3 --dist loadfile tests/cluster, with the daemon in WEIR."""

import os
import resource
import shutil
import sys

import pytest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "../system")]
os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

from clustertest import netns  # noqa: E402
from clustertest.cluster import Cluster  # noqa: E402
from weirtest.settings import WEIR  # noqa: E402

PROGRAMS = ("bird", "ip", "keepalived", "nft", "unbound", "unbound-control")


def missing():
    """A message that names the programs that are not installed; "" if all are."""
    names = [one for one in PROGRAMS if not shutil.which(one)]
    return f"not installed: {', '.join(names)}: scripts/setup test" if names else ""


def pytest_collection_modifyitems(items):
    lack = missing() or netns.can_be_made()
    for item in items:
        if lack and not item.get_closest_marker("bare"):
            item.add_marker(pytest.mark.skip(reason=lack))


@pytest.fixture(scope="module")
def shared(request):
    """One cluster for all tests of a module. WAY in the module says how it is made."""
    with Cluster(*request.module.WAY, **getattr(request.module, "SETTINGS", {})) as made:
        yield made


@pytest.fixture
def cluster(shared):
    """The cluster of the module, with all nodes in service."""
    shared.whole()
    return shared


@pytest.fixture
def report(record_property):
    """report(text): records a figure that the test measured. It is printed at the end of the run."""
    return lambda text: record_property("figure", text)


def pytest_configure():
    """Raises the limit of descriptors, because a thousand flows need more than a shell allows. In CI, fails if a
    program is missing, because nobody would notice the skipped tests."""
    if os.environ.get("CI") == "true" and missing():
        raise pytest.UsageError(missing())
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    netns.have_own_run()


def pytest_report_header():
    return f"weir: {WEIR}"


def pytest_terminal_summary(terminalreporter):
    figures = [(one.nodeid, text) for outcome in ("passed", "failed")
               for one in terminalreporter.stats.get(outcome, [])
               for key, text in getattr(one, "user_properties", []) if key == "figure"]
    if figures:
        terminalreporter.section("figures")
    for name, text in sorted(figures):
        terminalreporter.write_line(f"{name}: {text}")
