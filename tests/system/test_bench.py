# SPDX-License-Identifier: ISC
"""Each bench works, in a quick run and through weir alone. People judge what the benches measure."""

import importlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

import pytest

from weirtest.clock import Late, again_if_late
from weirtest.load import WEIRLOAD
from weirtest.settings import DEADLINE, ROOT, WEIR

pytestmark = pytest.mark.slow


def test_the_bench_of_timers_prints_one_table_and_draws_one_plot(folder):
    out = os.path.join(folder, "results")
    command = [ROOT / "bench" / "timeouts", "--pairs=90", "--seconds=0.5", "--rounds=1", "--proxies=weir,socket-proxyd",
               "--only=idle,mixed,halfclose,stall,connect", f"--weir={WEIR}", f"--weirload={WEIRLOAD}", f"--out={out}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=20 * DEADLINE)
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    head, rule, bare, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    assert {len(one) for one in (head, rule, bare, *rows)} == {len(head)} and "a bare timer" in bare[0]
    assert max(map(len, done.stdout.splitlines())) <= WIDEST
    cells = {(row[0], row[1]): dict(zip(head[2:], row[2:])) for row in rows}
    assert list(cells) == [(timer, proxy) for timer in ("idle", "idle, at once", "half-close", "write stall", "connect")
                           for proxy in ("weir", "socket-proxyd")]
    assert {row["early"] for (_, proxy), row in cells.items() if proxy == "weir"} <= {"0", "–"}
    # socket-proxyd has no timers, and ends the connection at a half-close.
    assert cells["idle", "socket-proxyd"]["never"] == "100 %" and cells["half-close", "socket-proxyd"]["early"] == "100 %"
    with open(os.path.join(out, "timeouts.svg"), encoding="utf-8") as file:
        plot = ElementTree.parse(file)
    words = [one.text for one in plot.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("socket-proxyd") == 5 and "never closed" in words and any("99th percentile" in one for one in words)
    again = subprocess.run([*command, "--report"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                           timeout=DEADLINE)
    assert again.stdout == done.stdout


def test_the_page_of_timers_is_what_the_bench_has_kept():
    """docs/TIMEOUTS.md and the plot are made by the bench from its results, not by hand."""
    results = ROOT / "bench" / "results"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(results / "timeouts.json", folder)
        done = subprocess.run([ROOT / "bench" / "timeouts", "--report", f"--out={folder}"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=True, timeout=DEADLINE)
        plot = (pathlib.Path(folder) / "timeouts.svg").read_text(encoding="utf-8")
    assert plot == (results / "timeouts.svg").read_text(encoding="utf-8")
    assert done.stdout.strip() in (ROOT / "docs" / "TIMEOUTS.md").read_text(encoding="utf-8")


def test_the_pages_of_the_peers_are_what_the_bench_has_kept(benchlib):
    """docs/PERFORMANCE.md, the table of README.md and the plot are made by the bench from its results, not by hand."""
    told = json.loads((ROOT / "bench" / "results" / "peers.json").read_text(encoding="utf-8"))
    report = benchlib("benchlib.report")
    page = (ROOT / "docs" / "PERFORMANCE.md").read_text(encoding="utf-8")
    assert report.page(told) in page and report.short(told) in page
    assert report.short(told) in (ROOT / "README.md").read_text(encoding="utf-8")
    plot = (ROOT / "bench" / "results" / "peers.svg").read_text(encoding="utf-8")
    assert benchlib("benchlib.plot").svg(told) == plot


def test_what_weirload_was_too_late_to_judge_is_no_share_of_the_table(folder):
    with open(ROOT / "bench" / "results" / "timeouts.json", encoding="utf-8") as file:
        told = json.load(file)
    for one in told["scenarios"]["idle"]["weir"]:
        one.update(void=one["opened"], deviations_us=[])
    for one in told["scenarios"]["idle"]["socket-proxyd"]:
        one.update(void=one["opened"] - 3, never=3)
    with open(os.path.join(folder, "timeouts.json"), "w", encoding="utf-8") as file:
        json.dump(told, file)
    done = subprocess.run([ROOT / "bench" / "timeouts", "--report", f"--out={folder}"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=True, timeout=DEADLINE)
    assert re.search(r"^\| idle \| weir \| \d+ \| – \| – \| – \| – \| – \|", done.stdout, re.M), done.stdout
    assert re.search(r"^\| idle \| socket-proxyd \| \d+ \| 0 \| 100 % \| – ", done.stdout, re.M), done.stdout


def test_the_bench_of_what_is_asked_prints_its_table(folder):
    kept = os.path.join(folder, "told.json")
    done = subprocess.run([ROOT / "bench" / "asked", "--pairs=100", "--servers=20", "--listeners=5", "--seconds=0.3",
                           f"--weir={WEIR}", f"--weirload={WEIRLOAD}", f"--json={kept}"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20 * DEADLINE)
    assert done.returncode == 0, done.stderr
    head, rule, quiet, *rows = done.stdout.splitlines()
    assert {line.count("|") for line in (rule, quiet, *rows)} == {head.count("|")}
    assert [row.split("|")[1].strip() for row in (quiet, *rows)] == [
        "nothing", *(f"`{target}`" for target in ("/v1/status", "/v1/listeners", "/v1/upstreams", "/v1/pairs",
                                                  "/v1/pairs?tcp_info=true", "/metrics"))]
    with open(kept, encoding="utf-8") as file:
        kept = json.load(file)
    assert [(one["failed"], bool(one["took_s"])) for one in kept] == [(0, one["target"] is not None) for one in kept]


def test_the_bench_of_the_laboratory_keeps_its_figures_and_prints_one_table(folder):
    build = pathlib.Path(WEIR).parent
    if not (build / "bench" / "lab_late").exists():
        pytest.skip("bench/ is not built")
    done = subprocess.run([ROOT / "bench" / "lab", build, "--quick", f"--out={folder}"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=20 * DEADLINE)
    assert max(map(len, done.stdout.splitlines())) <= WIDEST
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {4}, done.stderr
    told = {row[0]: row[1] for row in rows}
    assert told["20 connections: lost, early"] == "0, 0"
    # For a rate above 100 MB/s the table also has that of the same proxy without toxics.
    assert {"10 KB/s: least, most of a second", "CPU of bulk, by weir's", "CPU of requests, by weir's",
            "no toxic: of a stream", "200000 KB/s: of a stream", "200000 KB/s: most of a second"} <= set(told)
    assert all(told[name].endswith(" MB/s") and told[name] != "0 MB/s" for name in ("no toxic: of a stream", "200000 KB/s: of a stream"))
    # A part that is measured again replaces its old results; the other parts stay.
    path = pathlib.Path(folder, "lab.json")
    before = json.loads(path.read_text(encoding="utf-8"))
    version = subprocess.run([WEIR, "--version"], capture_output=True, text=True, check=True, timeout=DEADLINE).stdout
    assert version.split() == ["weir", before["weir"]]
    assert list(before["parts"]) == ["late", "rate", "cost"]
    subprocess.run([ROOT / "bench" / "lab", build, "--quick", "--only=late", "--rounds=2", f"--out={folder}"],
                   stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20 * DEADLINE)
    after = json.loads(path.read_text(encoding="utf-8"))
    assert list(after["parts"]) == list(before["parts"]) and after["parts"]["rate"] == before["parts"]["rate"]
    # For several rounds, the table has the median, the least and the most.
    figures = [[row["figure"] for row in told["parts"]["late"]["rows"]] for told in (before, after)]
    assert figures[1][0] == "0, 0" and [any(" – " in figure for figure in one) for one in figures] == [False, True]
    again = subprocess.run([ROOT / "bench" / "lab", "--report", f"--out={folder}"], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert [line.split("|")[1] for line in again.stdout.splitlines() if line.startswith("|")] == [
        line.split("|")[1] for line in done.stdout.splitlines() if line.startswith("|")]


def test_the_page_of_the_laboratory_is_what_the_bench_has_kept():
    """Before the first measurement, docs/PERFORMANCE.md says that there was none."""
    docs = (ROOT / "docs" / "PERFORMANCE.md").read_text(encoding="utf-8")
    section = docs.partition("<!-- bench/lab: begin -->\n")[2].partition("<!-- bench/lab: end -->\n")[0].strip()
    if not (ROOT / "bench" / "results" / "lab.json").exists():
        assert section == "Not measured yet on a quiet machine."
        return
    done = subprocess.run([ROOT / "bench" / "lab", "--report"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=DEADLINE)
    assert done.stdout.strip() == section


@pytest.mark.parametrize("bench", ["timeouts", "peers", "lab"])
def test_the_bench_refuses_what_it_does_not_know(bench):
    done = subprocess.run([ROOT / "bench" / bench, "--only=idol"], capture_output=True,
                          text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 2 and "unknown: idol" in done.stderr


# The figure that each part must have for each step.
FIGURES = {"bulk": "cpu_s_per_gb", "connections": "cpu_us", "workers": "cpu_us", "balance": "cpu_us", "proxy": "cpu_us",
           "sni": "cpu_us", "idle": "bytes", "growth": "10"}

# The parts that print several tables: one would be wider than the page.
TABLES = {"bulk": 4, "growth": 2}
WIDEST = 120


def peers(out, *options):
    """Runs bench/peers on weir alone, so that the host needs no other proxy."""
    return subprocess.run([ROOT / "bench" / "peers", "--quick", "--no-install",
                           "--proxies=weir", f"--weir={WEIR}", f"--out={out}", *options], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=20 * DEADLINE)


def left_out(done):
    """The parts that cannot be measured here: {part: what is missing}."""
    return {part: lacks for lacks, part in re.findall(r"^(.*) is missing: (\S+) is left out$", done.stderr, re.M)}


@pytest.mark.root
@again_if_late
def test_the_peers_bench_prints_tables_and_keeps_the_rounds(folder, report):
    """The bench leaves out parts for which the host lacks programs; `scripts/setup test` installs these."""
    done = peers(folder, "--only=bulk,connections,workers,balance,proxy,sni,idle,growth")
    assert done.returncode == 0, done.stderr
    lacking = left_out(done)
    for part, lacks in lacking.items():
        report(f"{part} is left out, without {lacks}")
    if set(lacking) == set(FIGURES):
        return
    with open(os.path.join(folder, "peers.json"), encoding="utf-8") as file:
        told = json.load(file)
    assert told["format"] == 1 and told["machine"]["cores"] > 0
    assert set(told["parts"]) == set(FIGURES) - set(lacking)
    for name, part in told["parts"].items():
        for step in part["rounds"][0]:
            if " 0 requests in " in step.get("error", ""):
                raise Late(f"{name}: a client had no answer in its one second")
            assert FIGURES[name] in step, step
    titles = [line for line in done.stdout.splitlines() if line.startswith("**")]
    assert len(titles) == 1 + sum(TABLES.get(name, 1) for name in told["parts"])
    assert [line for line in done.stdout.splitlines() if line.startswith("|") and len(line) > WIDEST] == []
    with open(os.path.join(folder, "peers.svg"), encoding="utf-8") as file:
        assert "quartile" in file.read()
    assert peers(folder, "--report").stdout == done.stdout


@pytest.fixture(name="benchlib")
def _benchlib(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    yield importlib.import_module
    for name in [name for name in sys.modules if name.startswith("benchlib")]:
        del sys.modules[name]


def test_a_part_that_is_measured_again_leaves_the_others_alone(benchlib, folder, capsys):
    def results():
        found = benchlib("benchlib.results").Results(pathlib.Path(folder))
        found.load()
        return found

    results().keep("idle", {"rounds": [1]})
    results().keep("bulk", {"rounds": [2]})
    results().keep("bulk", {"rounds": [3]})
    last = results()
    assert last.told["parts"] == {"idle": {"rounds": [1]}, "bulk": {"rounds": [3]}}
    last.told["machine"]["cores"] += 1
    last.keep("idle", {"rounds": [4]})
    assert results().told["parts"] == {} and "begun anew" in capsys.readouterr().err


def judged(benchlib, title, weir, peer):
    """The verdict on the target if the rounds of weir and of HAProxy had these figures."""
    rounds = [[{"proxy": "weir", "work": "close", "cpu_us": a},
               {"proxy": "haproxy", "work": "close", "cpu_us": b}] for a, b in zip(weir, peer)]
    results = {"parts": {"connections": {"rounds": rounds}}}
    return next(line for line in benchlib("benchlib.report").verdicts(results) if title in line).split("|")[-2].strip()


@pytest.mark.parametrize("weir, verdict", [
    ([90, 91, 90], "pass"),
    ([99, 100, 99], "fail"),
    ([80, 96, 120], "too close to tell"),
    ([90, 91], "too few rounds to judge"),
])
def test_a_target_is_judged_by_the_spread_between_rounds(benchlib, weir, verdict):
    assert judged(benchlib, "new connection: CPU, to HAProxy", weir, [100] * len(weir)) == verdict


def test_a_failed_step_is_left_out_of_the_judgement(benchlib):
    assert judged(benchlib, "new connection: CPU, to HAProxy", [90, None, 90, 91],
                  [100] * 4) == "pass"
