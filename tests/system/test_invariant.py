# SPDX-License-Identifier: ISC
"""weirtest/invariant.py: the report of a failed test says which page to read if the test is marked, and only then."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from weirtest.settings import DEADLINE

CONFTEST = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from weirtest.crowd import pytest_cmdline_main, pytest_runtestloop
from weirtest.invariant import pytest_runtest_makereport
"""
TESTS = """
import pytest

early = pytest.mark.invariant("no timer strikes early", "docs/TIMEOUTS.md", "The timers")

@early
def test_marked_and_right(): pass
@early
def test_marked_and_skipped(): pytest.skip("a reason")
@early
def test_marked_and_wrong(): assert 0
def test_wrong(): assert 0
"""
SENTENCE = 'This test holds an invariant of the design: no timer strikes early. Read docs/TIMEOUTS.md, "The timers".'


@pytest.mark.parametrize("processes", (1, 2))
def test_only_a_marked_test_that_fails_says_which_page_to_read(processes, tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", str(processes), "-q", "-p", "no:cacheprovider",
         "--junitxml=told.xml", f"--basetemp={tmp_path / 'temporary'}"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, timeout=DEADLINE, check=False).stdout
    assert "2 failed, 1 passed, 1 skipped" in told and told.splitlines().count(SENTENCE) == 1, told
    saying = [case.get("name") for case in ElementTree.parse(tmp_path / "told.xml").iter("testcase")
              if SENTENCE in "".join(case.itertext())]
    assert saying == ["test_marked_and_wrong"]
