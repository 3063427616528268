# SPDX-License-Identifier: ISC
"""examples/cluster/bird/weir-announce alone, with scripts in place of weirctl and ip."""

import contextlib
import os
import subprocess
import time

import pytest
from clustertest.cluster import EXAMPLE, SERVICE

from weirtest import wait
from weirtest.settings import DEADLINE

pytestmark = pytest.mark.bare
COUNT = 24
EVERY = 0.2  # seconds of a round of its loop; the test stops it at moments spread over a round
WEIRCTL = """#!/bin/sh
[ "$1" != --json ] || echo '{"state": "running", "pairs": {"open": 3}}'
"""
IP = """#!/bin/sh
echo "$*" >>"$LOG.ip"
"""


@pytest.fixture(name="path")
def _path(tmp_path):
    for name, text in (("weirctl", WEIRCTL), ("ip", IP)):
        (tmp_path / name).write_text(text, encoding="ascii")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def announcing(path, number):
    """Starts a weir-announce. Its output goes to one file, the arguments of its calls of ip to another."""
    log = path / str(number)
    env = {"PATH": f"{path}:{os.environ['PATH']}", "LOG": str(log), "ANNOUNCE_EVERY": str(EVERY), "ANNOUNCE_RISE": "0"}
    with open(log, "wb") as out:
        return subprocess.Popen([EXAMPLE / "bird/weir-announce", SERVICE], env=env, stdin=subprocess.DEVNULL, stdout=out,
                                stderr=subprocess.STDOUT)


def test_a_weir_announce_that_is_stopped_at_any_moment_ends_the_open_pairs_and_takes_the_address_away(path):
    with contextlib.ExitStack() as stack:
        for number in range(COUNT):
            process = stack.enter_context(announcing(path, number))
            stack.callback(process.kill)
            wait.until(lambda: "is here" in (path / str(number)).read_text(), "the address is here")
            time.sleep(EVERY * number / COUNT)
            process.terminate()
            assert process.wait(DEADLINE) == 0
            said = (path / str(number)).read_text()
            assert "3 open pairs are cut" in said and "goes: weir-announce ends" in said, (number, said)
            assert (path / f"{number}.ip").read_text().endswith(f"address delete {SERVICE}/32 dev lo\n")
