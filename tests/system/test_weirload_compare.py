# SPDX-License-Identifier: ISC
"""weirload compare: which of two reports is worse, by its exit status; and what it does not compare."""

import json
import os
import subprocess

import pytest

from weirtest import load
from weirtest.load import Script, ScriptedPeer
from weirtest.settings import DEADLINE


def compare(*words, text=None):
    done = subprocess.run([load.WEIRLOAD, "compare", *words], input=text, capture_output=True, text=True,
                          timeout=DEADLINE, check=False)
    return load.Told(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module", name="made")
def one_for_all(tmp_path_factory):
    """Reports of streams closed at once and 1.4 s late, of which some are closed early, and of those never measured."""
    folder = tmp_path_factory.mktemp("reports")

    def report(name, script, **options):
        with ScriptedPeer(script) as peer:
            told = load.run("idle", **{"target": peer, "expect": "100ms", "connections": 60, "ramp": 10000, **options})
        path = os.path.join(folder, name + ".json")
        with open(path, "w", encoding="ascii") as file:
            file.write(told.out)
        return path

    return {"soon": report("soon", Script(0.1)), "late": report("late", Script(1.5)),
            "early": report("early", Script(0.1), expect="30s"), "other": report("other", Script(0.1), expect="30s"),
            "measured": report("measured", Script(0.1), expect=None)}


def test_the_exit_status_says_whether_it_is_worse(made):
    told = compare(made["soon"], made["late"], "--tolerance", "50ms")
    assert told.code == 1 and told.out.endswith("\nB is worse\n") and told.err == ""
    assert [line.rpartition(")")[2].strip() for line in told.out.splitlines() if line.startswith("client ms p50")] == ["worse"]
    told = compare(made["late"], made["soon"], "--tolerance=50ms")
    assert told.code == 0 and told.out.endswith("\nB is better\n")
    told = compare(made["soon"], made["soon"])
    assert told.code == 0 and told.out.endswith("\nB is within the noise\n")
    # What is allowed to differ may be said.
    told = compare(made["soon"], made["late"], "--tolerance", "1m")
    assert told.code == 0 and "times may differ by 60000.000 ms" in told.out


def test_one_of_them_comes_from_standard_input(made):
    with open(made["late"], encoding="ascii") as file:
        assert compare(made["soon"], "-", "--tolerance", "50ms", text=file.read()).code == 1


def changed(folder, path, change):
    with open(path, encoding="ascii") as file:
        report = json.load(file)
    change(report)
    path = os.path.join(folder, "changed.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump(report, file)
    return path


def test_more_that_are_closed_early_are_worse_and_one_is_noise(folder, made):
    def early(n):
        def change(report):
            report["connections"]["early"] += n
            report["connections"]["on_time"] -= n
        return compare(made["soon"], changed(folder, made["soon"], change))

    assert early(1).code == 0 and early(1).out.endswith("\nB is within the noise\n")
    assert early(30).code == 1 and "early " in early(30).out


@pytest.mark.parametrize("a, b, says", (
    ("soon", "early", "compare: they have tried different things: expect_us is 100ms in A, and 30s in B; give two runs of the same"),
    ("measured", "soon", "compare: they have tried different things: "),
    ("measured", "measured", "compare: they were run without --expect: no close is right or wrong there; run them with it"),
))
def test_what_is_not_the_same_is_refused(made, a, b, says):
    told = compare(made[a], made[b])
    assert told.code == 2 and told.out == "" and told.err.startswith(f"weirload: {says}") and told.err.count("\n") == 1


@pytest.mark.parametrize("change, says", (
    (lambda report: report.update(schema=2), "schema: 2, and this weirload knows only 1: use the version that wrote it"),
    (lambda report: report["client"].pop("deviations_us"), "client.deviations_us: missing; "),
    (lambda report: report["connections"].update(early=-1), "connections.early: is negative"),
    (lambda report: report.update(interrupted="no"), "interrupted: is neither true nor false"),
    (lambda report: report["closes"].update(opened=[0] * 100000), "closes.opened: has more than 200 elements"),
))
def test_a_hostile_report_is_refused_by_the_name_of_its_field(folder, made, change, says):
    path = changed(folder, made["soon"], change)
    told = compare(made["soon"], path)
    assert told.code == 2 and told.out == "" and told.err.startswith(f"weirload: {path}: {says}"), told.err


@pytest.mark.parametrize("words, says", (
    ((), "compare: give two reports"),
    (("a",), "compare: give two reports"),
    (("a", "b", "c"), "c: give two reports, no more"),
    (("/no/such/a", "b"), "/no/such/a: No such file or directory"),
    (("--fast", "a", "b"), "--fast: unknown; see weirload compare --help"),
    (("--tolerance",), "--tolerance: "),
    (("--tolerance", "5", "a", "b"), "--tolerance: "),
    (("--tolerance=none", "a", "b"), "--tolerance: write a duration"),
))
def test_bad_usage_is_one_clear_line(words, says):
    told = compare(*words)
    assert told.code == 2 and told.out == "" and told.err.startswith(f"weirload: {says}") and told.err.count("\n") == 1, told.err


def test_help_is_asked_for_in_two_ways():
    told = compare("--help")
    assert told.code == 0 and "--tolerance T" in told.out
    assert subprocess.run([load.WEIRLOAD, "help", "compare"], capture_output=True, text=True, check=True,
                          timeout=DEADLINE).stdout == told.out
