# SPDX-License-Identifier: ISC
"""weirload compare: its exit status says which of two reports is worse; and what it does not compare."""

import contextlib
import json
import os
import subprocess

import pytest

from weirtest import load
from weirtest.clock import again_if_late
from weirtest.load import Script, ScriptedPeer
from weirtest.settings import DEADLINE, ROOT


def compare(*words, text=None):
    done = subprocess.run([load.WEIRLOAD, "compare", *words], input=text, capture_output=True, text=True,
                          timeout=DEADLINE, check=False)
    return load.Told(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module", name="made")
def one_for_all(tmp_path_factory):
    """Reports of streams that are closed in time, 1.4 s late, early (twice), and after 0.1 s without --expect."""
    folder = tmp_path_factory.mktemp("reports")
    run = again_if_late(load.run)  # a late test is run again, a fixture is not

    @again_if_late
    def report(name, script, **options):
        with ScriptedPeer(script) as peer:
            told = run("idle", **{"target": peer, "expect": "100ms", "connections": 60, "ramp": 10000, **options})
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
    # An option allows times to differ.
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


def test_the_manual_says_which_options_of_what_is_allowed_count(folder, made):
    with open(os.path.join(ROOT, "man", "weirload.1"), encoding="ascii") as file:
        said = file.read().partition("\nrefuses reports of")[2].partition(".Sh JUNIT")[0]
    with open(made["soon"], encoding="ascii") as file:
        options = json.load(file)["options"]
    for name in [name for name in options if name.startswith("max_") or name in ("by", "threads")]:
        other = "rst" if name == "by" else (options[name] or 0) + 1
        told = compare(made["soon"], changed(folder, made["soon"], lambda report, to=(name, other): report["options"].update([to])))
        assert (told.code == 2) == (f"\n.Fl -{name.removesuffix('_us').replace('_', '-')} " in said.replace("\n", " \n")), (name, told.err)


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


# It clears a terminal, forges a verdict, and reverses the text behind it.
HOSTILE = "\x1b[2J\x9b2J\nB is better\n\u202e"


def spoilt(value, name=""):
    """The report with hostile text in each string that has no fixed values, and in the names of its limits."""
    if isinstance(value, dict):
        return {key + HOSTILE if name == "limits" else key: spoilt(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [spoilt(one) for one in value]
    return value + HOSTILE if isinstance(value, str) and name not in ("verdict", "by") else value


def assert_shown(told, text):
    """Asserts that what it quotes neither drives a terminal nor begins a line."""
    assert HOSTILE.splitlines()[0] not in text and "\\x1b[2J\\x9b2J\\x0aB is better\\x0a\\u202e" in text, text
    assert all(line.isprintable() for line in text.splitlines()) and "\nB is better\n" not in text
    assert not told.err or told.err.count("\n") == 1


def test_no_name_in_a_report_drives_a_terminal(folder, made):
    path = changed(folder, made["soon"], lambda report: report.update(spoilt(report)))
    told = compare(path, path)
    assert told.code == 0
    assert_shown(told, told.out)
    told = compare(made["soon"], path)
    assert told.code == 2 and told.out == ""
    assert_shown(told, told.err)
    with open(path, "w", encoding="utf-8") as file:
        file.write(HOSTILE)
    told = compare(path, path)
    assert told.code == 2 and told.err.count("\n") == 1 and told.err[:-1].isprintable()


@pytest.mark.parametrize("words, says", (
    ((), "compare: give two reports"),
    (("a",), "compare: give two reports"),
    (("a", "b", "c"), "c: give two reports, no more"),
    (("/no/such/a", "b"), "/no/such/a: No such file or directory"),
    (("--fast", "a", "b"), "--fast: unknown; see weirload compare --help"),
    (("-", "-"), "-: standard input has only one report; give the path of the other"),
    (("a", "b", "--tolerance"), "--tolerance: needs a value: --tolerance 5ms"),
    (("--tolerance", "5", "a", "b"), "--tolerance 5: "),
    (("--tolerance=none", "a", "b"), "--tolerance none: a duration begins with a digit"),
))
def test_bad_usage_is_one_clear_line(words, says):
    told = compare(*words)
    assert told.code == 2 and told.out == "" and told.err.startswith(f"weirload: {says}") and told.err.count("\n") == 1, told.err


def test_help_is_asked_for_in_two_ways():
    told = compare("--help")
    assert told.code == 0 and "--tolerance T" in told.out
    assert subprocess.run([load.WEIRLOAD, "help", "compare"], capture_output=True, text=True, check=True,
                          timeout=DEADLINE).stdout == told.out


# Suites

def suite(folder, name, scenarios, **peers):
    """The report of a suite: these scenarios through scripted peers, each named after its keyword."""
    path = os.path.join(folder, name)
    with contextlib.ExitStack() as stack:
        peers = {key: stack.enter_context(ScriptedPeer(script)) for key, script in peers.items()}
        proxies = "".join(f'{{ name = "{key}"; target = "{peer}"; }},' for key, peer in peers.items())
        with open(path + ".suite", "w", encoding="ascii") as file:
            file.write('defaults = { connections = 60; ramp = 10000; expect = "100ms"; max_late = "20s"; };\n'
                       f"proxies = ( {proxies.rstrip(',')} );\nscenarios = ( {scenarios} );\n")
        for peer in peers.values():
            stack.enter_context(peer.keeps_pace())
        done = subprocess.run([load.WEIRLOAD, "suite", path + ".suite", "--json"], stdout=subprocess.PIPE, timeout=4 * DEADLINE,
                              check=False)
    with open(path + ".json", "wb") as file:
        file.write(done.stdout)
    return path + ".json"


def lines(told):
    """The table's verdict on B, by scenario and proxy."""
    table = told.out.split("\n\n")[1].splitlines()[1:]
    return {tuple(line.split()[:2]): " ".join(line.split()[2:]) for line in table}


@pytest.fixture(scope="module", name="suites")
def suites_for_all(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suites")
    made = again_if_late(suite)
    silent = '"idle", { scenario = "idle"; name = "silent"; silent = true; }'
    return {"before": made(folder, "before", silent, same=Script(0.1), slower=Script(0.1), gone=Script(0.1)),
            "after": made(folder, "after", silent, new=Script(0.1), slower=Script(1.5), same=Script(0.1)),
            "else": made(folder, "else", '{ scenario = "idle"; expect = "50ms"; }, "connect"', same=Script(0.1))}


def test_suites_are_compared_row_by_row_and_the_worst_is_the_status(suites):
    told = compare(suites["before"], suites["after"], "--tolerance", "500ms")
    assert told.err == "" and lines(told) == {
        ("idle", "same"): "within the noise", ("idle", "slower"): "worse", ("idle", "gone"): "only in A",
        ("silent", "same"): "within the noise", ("silent", "slower"): "worse", ("silent", "gone"): "only in A",
        ("idle", "new"): "only in B", ("silent", "new"): "only in B"}
    assert told.code == 1 and told.out.endswith("\n\n2 worse, 0 better, 2 within the noise, 0 not to be compared, 4 only in one\n\nB is worse\n")
    # Pairs of runs that differ are reported in full.
    assert told.out.count("client ms p50") == 2 and "\n\nidle through slower: worse\n" in told.out
    told = compare(suites["after"], suites["before"], "--tolerance", "500ms")
    assert told.code == 0 and lines(told)["silent", "slower"] == "better" and told.out.endswith("\n\nB is better\n")


def test_a_row_that_cannot_be_compared_says_why_and_fails(suites):
    told = compare(suites["before"], suites["else"])
    assert told.code == 2 and lines(told)["idle", "same"] == "not to be compared"
    assert "\nidle through same: not to be compared: they have tried different things: expect_us is 100ms in A, and 50ms in B;" in told.out


def test_suites_that_have_no_row_in_common_are_not_compared(folder, suites):
    def change(report):
        for row in report["rows"]:
            row["proxy"] += "2"
    told = compare(suites["before"], changed(folder, suites["before"], change))
    assert told.code == 2 and told.err == "weirload: compare: no row is in both: rows are known by their name and their proxy\n"


def test_a_row_without_a_report_is_not_compared(folder, suites):
    told = compare(suites["before"], changed(folder, suites["before"], lambda report: report["rows"][0].update(report=None)))
    assert told.code == 2 and "\nidle through same: not to be compared: B has no report of it\n" in told.out


def test_no_name_in_the_report_of_a_suite_drives_a_terminal(folder, suites):
    path = changed(folder, suites["before"], lambda report: report.update(spoilt(report)))
    told = compare(path, path)
    assert told.code == 0 and len(told.out.split("\n\n")[1].splitlines()) == 7
    assert_shown(told, told.out)
    told = compare(suites["before"], path)
    assert told.code == 2 and told.err.startswith("weirload: compare: no row is in both")

    def change(report):
        for row in report["rows"]:
            row["report"] = spoilt(row["report"])
    told = compare(suites["before"], changed(folder, suites["before"], change))
    assert told.code == 2
    assert_shown(told, told.out)


def test_a_suite_and_a_run_are_not_of_a_kind(made, suites):
    told = compare(suites["before"], made["soon"])
    assert told.code == 2 and told.out == ""
    assert told.err == "weirload: compare: one is the report of a suite, and the other that of a single run; give two of the same kind\n"
