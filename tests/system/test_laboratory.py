# SPDX-License-Identifier: ISC
"""docs/LABORATORY.md: every command is run as the page has it, and prints what the page says."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from weirtest import address
from weirtest.lab import WEIRLAB
from weirtest.load import WEIRLOAD
from weirtest.settings import DEADLINE, ROOT

PAGE = (ROOT / "docs" / "LABORATORY.md").read_text(encoding="utf-8")
MARK = "@@@ "
NEEDS = ("redis-server", "redis-cli", "curl")
PORTS = ("16379", "26379", "26380", "8474")


def steps():
    """Each block of commands, and the output that the page has for it, or None."""
    for commands, told in re.findall(r"^```sh\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?", PAGE, re.M | re.S):
        yield commands, told or None


def fits(line, told):
    """Whether the output is that of the page. Numbers with a point, and the space before them, may differ."""
    number = r"\s*-?\d+\.\d+"
    pattern = r"\s*-?\d+\.\d+".join(re.escape(piece) for piece in re.split(number, line))
    return re.fullmatch(pattern, told) is not None


def run(folder):
    """Runs all blocks in one shell, with ports that are free here; the output of each block."""
    script = "".join(f"echo '{MARK}{number}'\n{commands}" for number, (commands, _) in enumerate(steps()))
    here = {port: address.free("tcp4", None).text.rsplit(":", 1)[1] for port in PORTS}
    script = re.sub(r"\b(" + "|".join(PORTS) + r")\b", lambda port: here[port[0]], script)
    path = ":".join([*(os.path.dirname(program) for program in (WEIRLAB, WEIRLOAD)), os.environ["PATH"]])
    shutil.copy(ROOT / "examples" / "laboratory" / "jobs.py", folder)
    with subprocess.Popen(["bash", "-c", script], cwd=folder, env={**os.environ, "PATH": path}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        try:
            out, _ = process.communicate(timeout=6 * DEADLINE)
        finally:
            left = os.path.join(folder, "redis.pid")
            with open(left, encoding="ascii") if os.path.exists(left) else open(os.devnull, encoding="ascii") as file:
                pid = file.read().strip()
            for kill, number in ((os.killpg, process.pid), *([(os.kill, int(pid))] if pid else [])):
                try:
                    kill(number, signal.SIGKILL)
                except ProcessLookupError:
                    pass
    back = {port: was for was, port in here.items()}
    out = re.sub(r"\b(" + "|".join(back) + r")\b", lambda port: back[port[0]], out)
    return [told.split("\n", 1)[1] for told in out.split(MARK)[1:]]


@pytest.mark.skipif(any(shutil.which(one) is None for one in NEEDS), reason="there is no redis or curl: scripts/setup test")
def test_each_command_of_the_page_tells_what_stands_there(folder):
    found = run(folder)
    expected = [told for _, told in steps()]
    assert len(found) == len(expected) and sum(one is not None for one in expected) >= 7
    for number, (wanted, told) in enumerate(zip(expected, found)):
        lines = (wanted or "").splitlines()
        assert len(lines) == len(told.splitlines()), (number, told)
        for line, other in zip(lines, told.splitlines()):
            assert fits(line, other), (number, line, other)
    for report in ("report.html", "report.xml"):
        assert os.path.getsize(os.path.join(folder, report)) > 0


def test_the_page_names_files_that_are_there():
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
