# SPDX-License-Identifier: ISC
"""The examples of the manual page can be copied: each runs as the page has it; only the addresses are changed."""

import os
import re
import signal
import subprocess

import pytest

from weirtest import address, load, wait
from weirtest.rig import relay
from weirtest.settings import DEADLINE, ROOT

# An example may fail for these reasons on a busy machine, and for no other.
BUSY = re.compile(r"FAILED: (.*(closed late|void, for|a message took)|nothing was measured)")


def examples():
    page = (ROOT / "man" / "weirload.1").read_text(encoding="utf-8")
    page = page[page.index(".Sh EXAMPLES"):page.index(".Sh SEE ALSO")]
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", page, re.M | re.S):
        yield block.replace("\\e", "\\").replace("\\-", "-")


def run(example, folder, proxy, server):
    """Runs an example in a shell, which finds weirload: (exit status, output). A server alone is ended by SIGINT."""
    line = example.replace("127.0.0.1:8080", str(proxy)).replace("lb.example:443", str(proxy))
    line = line.replace("127.0.0.1:9000", str(server)).replace("0.0.0.0:9000", str(server))
    line = re.sub(r"^weirload\b", f"exec '{load.WEIRLOAD}'", line)
    with subprocess.Popen(["sh", "-c", line], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        if " serve " in line:
            with server.socket() as sock:
                wait.until(lambda: sock.connect_ex(server.sockaddr) == 0, "the server")
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=4 * DEADLINE)
    return process.returncode, out


@pytest.mark.parametrize("example", examples(), ids=lambda one: one.split()[1])
def test_each_example_runs_as_it_is_written(example, folder):
    server = address.free("tcp4", None)
    assert example.startswith("weirload ") and example.count("\n") <= 2
    # weir's server is the one that the example names, if it names one, and otherwise that of relay().
    is_served = "--serve" in example or "--blackhole" in example
    with relay(**({"servers": [str(server)]} if is_served else {}),
               timeouts={"idle": "1m" if " drain " in example else "1s", "connect": "1s"}) as rig:
        with open(os.path.join(folder, "weir.pid"), "w", encoding="ascii") as file:
            file.write(str(rig.weir.pid))
        if " compare " in example:
            for name in re.findall(r"\S+\.json", example):
                with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                    file.write(load.run("idle", target=rig.weir.address, expect="1s", ramp=10000).out)
        code, out = run(example, folder, rig.weir.address, server)
    failed = [line for line in out.splitlines() if line.startswith("FAILED") and not BUSY.match(line)]
    assert not failed and code in (0, 1) and (code == 0 or BUSY.search(out)), out


def test_there_are_examples():
    assert len(list(examples())) >= 5


def test_the_help_of_a_scenario_is_asked_for_in_two_ways():
    def said(*words):
        return subprocess.run([load.WEIRLOAD, *words], capture_output=True, text=True, check=True,
                              timeout=DEADLINE).stdout

    for scenario in ("idle", "stall", "serve"):
        assert said("help", scenario) == said(scenario, "--help")
    assert said("help") == said("--help") == said("-h")
    assert "who sends FIN" in said("help", "halfclose") and "stops reading" not in said("help", "halfclose")
    assert "who stops reading" in said("help", "stall") and "--side" not in said("help", "idle")
    done = subprocess.run([load.WEIRLOAD, "help", "idol"], capture_output=True, text=True, check=False,
                          timeout=DEADLINE)
    assert done.returncode == 2 and "unknown scenario" in done.stderr
