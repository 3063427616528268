# SPDX-License-Identifier: ISC
"""bench/timeouts works: small, and through weir alone. What it measures is judged by people."""

import json
import os
import subprocess

from weirtest.load import WEIRLOAD
from weirtest.settings import DEADLINE, ROOT, WEIR

TITLES = ("idle, last bytes", "idle, all due", "idle after a trickle", "half-close", "write stall",
          "connect")


def test_the_bench_prints_the_table(folder):
    kept = os.path.join(folder, "told.json")
    done = subprocess.run([ROOT / "bench" / "timeouts", "--pairs=90", "--seconds=1", "--rounds=1",
                           "--proxies=weir",
                           f"--weir={WEIR}", f"--weirload={WEIRLOAD}", f"--json={kept}"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=6 * DEADLINE)
    assert done.returncode == 0, done.stderr
    head, rule, *rows = done.stdout.splitlines()
    bare, *rows = rows
    assert "a bare timer" in bare
    assert [row.split("|")[1].strip().startswith(title)
            for row, title in zip(rows, TITLES, strict=True)] == [True] * len(TITLES)
    assert {line.count("|") for line in (head, rule, bare, *rows)} == {head.count("|")}
    with open(kept, encoding="utf-8") as file:
        kept = json.load(file)
    assert [one["proxy"] for one in kept] == [None] + ["weir"] * len(TITLES)
    assert [told["connections"]["early"] for one in kept[1:] for told in one["rounds"]] == [
        0] * len(TITLES)


def test_the_bench_refuses_what_it_does_not_know():
    done = subprocess.run([ROOT / "bench" / "timeouts", "--only=idol"], capture_output=True,
                          text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 2 and "unknown: idol" in done.stderr
