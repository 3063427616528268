# SPDX-License-Identifier: ISC
"""weirtest/crowd.py: the report of several processes is the same as that of one."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from weirtest import wait
from weirtest.settings import DEADLINE

CONFTEST = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from weirtest.crowd import pytest_cmdline_main, pytest_runtestloop
"""
HEAD = """
import os, pathlib, time, pytest

@pytest.fixture(scope="module")
def shared():
    note("made")
    yield
    note("gone")

@pytest.fixture
def sour():
    yield
    assert 0, "a teardown"

def note(what):
    with open({!r}, "a") as file:
        file.write(what + "\\n")
"""
TESTS = """
@pytest.mark.parametrize("n", range(4))
def test_shares(shared, n):
    note(f"shares {n}")

def test_fails(tmp_path, record_property):
    record_property("figure", "a figure")
    print("what it said")
    assert [1, 2] == [1, 3]

def test_dies():
    os._exit(3)

def test_is_sour(sour): pass

def test_is_skipped(): pytest.skip("a reason")

def test_dies_among_those_that_share(shared):
    if os.fork() == 0:
        time.sleep(0.2)  # a child that still has the pipe
    os._exit(0)

def test_shares_after_that(shared): pass
"""
WAITS = """
def test_waits(shared):
    note("waits")
    time.sleep(1000)
"""


@pytest.fixture(name="crowd")
def crowd_of_three(tmp_path):
    """crowd(tests) starts a pytest of three processes; crowd.noted() returns what the tests have noted."""
    @contextlib.contextmanager
    def start(tests):
        (tmp_path / "conftest.py").write_text(CONFTEST)
        (tmp_path / "test_it.py").write_text(HEAD.format(str(tmp_path / "noted")) + tests)
        # A shell without job control makes its background processes ignore SIGINT.
        words = ["env", "--default-signal=INT", sys.executable, "-m", "pytest", "-n", "3", "-q", "-p", "no:cacheprovider",
                 "--junitxml=told.xml", "-o", "junit_family=xunit1", f"--basetemp={tmp_path / 'temporary'}"]
        with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    start.folder = tmp_path
    start.noted = lambda: pathlib.Path(tmp_path, "noted").read_text().split("\n")[:-1] if (tmp_path / "noted").exists() else []
    return start


def test_all_is_told_as_by_one_process(crowd):
    with crowd(TESTS) as process:
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1 and "3 failed, 6 passed, 1 skipped, 1 error" in out
    assert "assert [1, 2] == [1, 3]" in out and "what it said" in out and "a teardown" in out
    assert "ended with 3" in out and "ended with 0" in out
    told = {case.get("name"): [part.tag for part in case]
            for case in ElementTree.parse(crowd.folder / "told.xml").iter("testcase")}
    assert len(told) == 10 and told["test_fails"][:2] == ["properties", "failure"]
    assert told["test_is_sour"] == ["error"] and told["test_shares_after_that"] == []
    # The process that died did not end its fixture, and the next process made the fixture again.
    assert crowd.noted() == ["made", *(f"shares {n}" for n in range(4)), "made", "gone"]


def test_an_interrupt_ends_it_and_takes_down_what_was_made(crowd):
    with crowd(WAITS) as process:
        wait.until(lambda: "waits" in crowd.noted(), "the test")
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 2 and crowd.noted() == ["made", "waits", "gone"]
