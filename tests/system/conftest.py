# SPDX-License-Identifier: ISC
"""Fixtures, and the figures at the end of a run. `pytest -n 4 tests/system`; see weirtest/settings.py."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from weirtest.clock import again_if_late  # noqa: E402
from weirtest.crowd import pytest_cmdline_main, pytest_runtestloop  # noqa: E402, F401
from weirtest.invariant import pytest_runtest_makereport  # noqa: E402, F401
from weirtest.settings import SANITIZER, SCALE, SPLICE, WEIR  # noqa: E402


# The longest tests begin first, so that no process runs one alone at the end. Some are here because the
# tests that share their fixture run with them.
LONG = ("test_the_peers_bench_prints_tables_and_keeps_the_rounds", "test_short_connections_leave_nothing_behind",
        "test_it_shows_what_is_and_follows_it_over_a_restart", "test_old_configs_go_while_their_pairs_stay",
        "test_no_slice_is_longer_than_a_millisecond", "test_the_exit_status_says_whether_it_is_worse",
        "test_suites_are_compared_row_by_row_and_the_worst_is_the_status", "test_it_tells_what_the_json_tells",
        "test_signals_during_the_start_wait_until_weir_is_ready", "test_start_short_of_memory_is_told_and_ends_with_1",
        "test_memory_of_stalled_pairs_is_bounded_and_given_back", "test_lifetime_counts_whatever_moves",
        "test_each_command_of_the_page_tells_what_stands_there",
        "test_many_pairs_due_at_once_are_all_in_time", "test_names_come_from_the_weir_that_is_meant",
        "test_journald_that_does_not_read_stops_nothing_and_drops_are_counted",
        "test_log_that_nobody_reads_stops_nothing_and_drops_are_counted", "test_a_drain_counts_down",
        "test_reload_short_of_memory_is_refused_and_harms_no_pair", "test_client_that_does_not_read_is_cut_off",
        "test_each_query_is_answered_and_not_with_nothing", "test_no_client_is_lost_around_an_exit",
        "test_without_watchdog_sec_nobody_is_woken", "test_a_server_error_or_a_hang_takes_nothing_away",
        "test_it_is_told_at_most_once_a_second_and_only_when_it_changes",
        "test_without_a_budget_systemd_is_asked_only_while_pairs_become_fewer",
        "test_hundreds_wait_cheaply_and_all_are_served",
        "test_listener_that_goes_resets_no_client", "test_the_rest_is_spread_over_the_end")


def root_lacks():
    """The error if this process may not do what root may, as in a container; "" if it may."""
    tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "setpriv", "--reuid=65534",
                            "--clear-groups", "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() if tried.returncode else ""


def pytest_collection_modifyitems(config, items):
    skip_where_root_may_not(items)
    if SCALE > 1:
        each_value_once(config, items)
    long_first(items)
    for item in items:
        item.obj = again_if_late(item.obj)


def skip_where_root_may_not(items):
    wanted = [item for item in items if item.get_closest_marker("root")]
    if wanted and (lack := root_lacks()):
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason=f"not on this machine: {lack}"))


def each_value_once(config, items):
    """
    Keeps, of a test with several parameters, only the combinations that have a value which no earlier one has had.
    Under a sanitizer each value suffices, as the code for it runs. The plain build, where counts are not divided, tests
    all combinations.
    """
    brought, kept, more = {}, [], []
    for item in items:
        values = {(name, repr(value)) for name, value in item.callspec.params.items()} if hasattr(item, "callspec") else {0}
        before = brought.setdefault((item.path, item.originalname), set())
        (more if values <= before else kept).append(item)
        before |= values
    config.hook.pytest_deselected(items=more)
    items[:] = kept


def long_first(items):
    items.sort(key=lambda item: LONG.index(item.originalname) if item.originalname in LONG else len(LONG))


@pytest.fixture
def report(record_property):
    """report(text) takes a figure that the test has measured; it is printed at the end of the run."""
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
