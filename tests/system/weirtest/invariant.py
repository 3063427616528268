# SPDX-License-Identifier: ISC
"""When a test marked `invariant(what, page, heading)` fails, its report names the invariant and the page to read."""

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.when == "call" and report.failed and hasattr(report.longrepr, "addsection"):
        for mark in item.iter_markers("invariant"):
            what, page, heading = mark.args
            report.longrepr.addsection(
                "invariant", f'This test holds an invariant of the design: {what}. Read {page}, "{heading}".')
