# SPDX-License-Identifier: ISC
"""A suite: several scenarios through several proxies, from a file; one table, one report, one status."""

import json
import os
import re
import signal
import subprocess

import pytest

from test_weirload import run_on_terminal
from test_weirload_remote import Server
from weirtest import address, junit, load, wait
from weirtest.load import Script, ScriptedPeer
from weirtest.settings import DEADLINE, ROOT

N = 8
# With this limit even a busy machine is not late.
GENEROUS = f'defaults = {{ connections = {N}; expect = "100ms"; max_late = "20s"; }};\n'


def run(folder, text, *words):
    """Writes the file and runs it."""
    path = os.path.join(folder, "fleet.suite")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run([load.WEIRLOAD, "suite", path, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=4 * DEADLINE, check=False)
    return load.Told(done.returncode, done.stdout, done.stderr)


def rows(told):
    """The cells of each row of the table, by scenario and proxy."""
    head, *lines = told.out.split("\n\n")[0].splitlines()
    names = re.split(r"\s{2,}|\s(?=[a-z])", head.strip())
    assert names[:3] == ["scenario", "proxy", "expected"] and names[-1] == "verdict"
    cells = [re.split(r"\s{2,}", line.strip(), maxsplit=2) for line in lines]
    return {(name, proxy): dict(zip(("expected", "opened", "early", "late", "never", "p50", "p99", "max", "client",
                                     "server", "verdict"), rest.split(maxsplit=10)))
            for name, proxy, rest in cells}


def refused(folder, text):
    """The errors that it reports in a wrong file, one a line, without the file's name."""
    told = run(folder, text)
    assert told.code == 2 and told.out == "", told.out
    path = os.path.join(folder, "fleet.suite")
    lines = told.err.splitlines()
    assert lines and all(line.startswith(f"weirload: {path}:") for line in lines), told.err
    return [line.removeprefix(f"weirload: {path}:").strip() for line in lines]


# What a suite runs, and what it reports

def test_each_scenario_goes_through_each_proxy_and_the_wrong_one_fails(folder):
    with ScriptedPeer(Script(1.1)) as right, ScriptedPeer(Script(0.02)) as wrong:
        told = run(folder, GENEROUS.replace("100ms", "1s") + f"""
            proxies = ( {{ name = "right"; target = "{right}"; }}, {{ name = "wrong"; target = "{wrong}"; }} );
            scenarios = ( "idle", {{ scenario = "idle"; name = "silent"; silent = true; by = "fin"; }} );""")
    table = rows(told)
    assert told.code == 1 and list(table) == [
        ("idle", "right"), ("idle", "wrong"), ("silent", "right"), ("silent", "wrong")]
    assert {key: row["verdict"] for key, row in table.items()} == {
        ("idle", "right"): "holds", ("idle", "wrong"): "FAILED",
        ("silent", "right"): "holds", ("silent", "wrong"): "FAILED"}
    assert table["idle", "wrong"]["early"] == str(N) and float(table["idle", "wrong"]["p50"]) < 0
    assert float(table["idle", "right"]["p50"]) > 0 and table["idle", "right"]["client"] == "FIN"
    assert f"FAILED: idle through wrong: {N} closed early, 0 allowed (max_early)\n" in told.out
    assert told.out.endswith("2 of 4 runs failed\n") and max(map(len, told.out.splitlines())) <= 120


def test_a_proxy_that_is_not_there_does_not_end_the_suite(folder):
    nobody = address.free("tcp4", None)
    with ScriptedPeer(Script(0.15)) as there:
        told = run(folder, GENEROUS + f"""
            proxies = ( "{nobody}", "{there}", {{ name = "unknown"; target = "no-such-host.invalid:1"; }} );
            scenarios = ( "idle" );""")
    table = rows(told)
    assert told.code == 1
    assert [row["verdict"] for row in table.values()] == ["FAILED", "holds", "FAILED"]
    assert f"FAILED: idle through {nobody}: {N} could not be opened" in told.out
    assert "FAILED: idle through unknown: target no-such-host.invalid:1: " in told.out


def test_a_serving_end_that_is_not_there_is_told_with_the_command_that_starts_it(folder):
    nobody = address.free("tcp4", None)
    told = run(folder, f"""
        proxies = ( {{ name = "a"; target = "127.0.0.1:1"; remote = "{nobody}"; secret_file = "/dev/null"; }} );
        scenarios = ( "idle" );""")
    assert told.code == 1
    assert f"FAILED: idle through a: remote {nobody}: Connection refused; start weirload serve --secret-file there\n" in told.out


def test_an_address_that_is_taken_is_told_in_its_row(folder):
    with ScriptedPeer(Script(0.15)) as taken, ScriptedPeer(Script(0.15)) as there:
        told = run(folder, GENEROUS + f"""
            proxies = ( {{ name = "a"; target = "{there}"; serve = "{taken}"; }},
                        {{ name = "b"; target = "{there}"; }} );
            scenarios = ( "idle" );""")
    assert [row["verdict"] for row in rows(told).values()] == ["FAILED", "holds"]
    assert f"FAILED: idle through a: serve {taken}: Address already in use" in told.out


def test_what_is_said_most_closely_counts(folder):
    with ScriptedPeer(Script(0.05)) as one, ScriptedPeer(Script(0.05)) as two:
        told = run(folder, f"""
            defaults = {{ expect = "1ms"; connections = 1; max_late = "20s"; threads = 1; }};
            proxies = ( {{ name = "one"; target = "{one}"; connections = 2; expect = "2ms";
                          idle = {{ expect = "4ms"; }}; }},
                        {{ name = "two"; target = "{two}"; connections = 3; }} );
            scenarios = ( {{ scenario = "idle"; expect = "3ms"; }},
                          {{ scenario = "connect"; name = "conn"; max_failed = 7; rate = 50.5; proxies = [ "two" ]; }} );
            """, "--json")
    options = {(row["name"], row["proxy"]): row["report"]["options"] for row in told.json["rows"]}
    assert list(options) == [("idle", "one"), ("idle", "two"), ("conn", "two")]
    assert [(one["expect_us"], one["connections"]) for one in options.values()] == [(4000, 2), (3000, 3), (1000, 3)]
    assert options["conn", "two"]["max_failed"] == 7 and options["conn", "two"]["rate"] == 50.5


def test_the_json_has_the_report_of_each_row(folder):
    with ScriptedPeer(Script(0.15)) as peer:
        told = run(folder, GENEROUS + f'proxies = ( "{peer}" ); scenarios = ( "idle" );', "--json")
    assert told.code == 0 and told.err == "" and told.out.count("\n") == 1
    row, = told.json["rows"]
    assert (told.json["schema"], told.json["holds"], told.json["interrupted"]) == (1, True, False)
    assert told.json["suite"].endswith("fleet.suite") and (row["name"], row["proxy"]) == ("idle", str(peer))
    assert row["report"]["connections"]["on_time"] == N and row["report"]["command"][1] == "suite"


def test_a_file_may_be_called_anything(folder):
    """A file's name may be any bytes, and its report can still be compared."""
    path, report = os.path.join(os.fsencode(folder), b"\xff\x1b.suite"), os.path.join(folder, "report.json")
    with ScriptedPeer(Script(0.15)) as peer:
        with open(path, "w", encoding="ascii") as file:
            file.write(GENEROUS + f'proxies = ( "{peer}" ); scenarios = ( "idle" );')
        with open(report, "wb") as file:
            subprocess.run([load.WEIRLOAD, "suite", path, "--json"], stdout=file, timeout=4 * DEADLINE, check=True)
    done = subprocess.run([load.WEIRLOAD, "compare", report, report], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0 and f"\nA  {report}, {folder}/\u00ff\\x1b.suite\n" in done.stdout, done


def test_columns_fit_names_of_any_script(folder):
    with ScriptedPeer(Script(0.15)) as peer:
        told = run(folder, GENEROUS + f"""
            proxies = ( {{ name = "Büro"; target = "{peer}"; }}, {{ name = "{"ж" * 25}"; target = "{peer}"; }} );
            scenarios = ( "idle" );""")
    head, *lines = told.out.splitlines()[:3]
    assert {line.index(" 100ms") for line in lines} == {head.index(" expected") + 3} and "  " + "ж" * 8 + ".." + "ж" * 8 + " " in lines[1]


def test_long_names_that_begin_alike_can_be_distinguished(folder):
    with ScriptedPeer(Script(0.15)) as peer:
        told = run(folder, GENEROUS + f"""
            proxies = ( {{ name = "load-balancer-of-frankfurt-1"; target = "{peer}"; }},
                        {{ name = "load-balancer-of-frankfurt-2"; target = "{peer}"; }} );
            scenarios = ( "idle" );""")
    assert [line.split()[1] for line in told.out.splitlines()[1:3]] == ["load-bal..nkfurt-1", "load-bal..nkfurt-2"], told.out


def test_the_test_cases_and_the_page_are_of_all_rows(folder):
    nobody = address.free("tcp4", None)
    report, page = os.path.join(folder, "junit.xml"), os.path.join(folder, "page.html")
    with ScriptedPeer(Script(0.15)) as peer:
        told = run(folder, GENEROUS + f'''
            proxies = ( {{ name = "there"; target = "{peer}"; }}, {{ name = "gone"; target = "{nobody}"; }} );
            scenarios = ( "idle" );''', "--junit", report, "--html", page)
    suites = junit.read(report)
    assert told.code == 1 and [(one.get("name"), one.get("failures")) for one in suites] == [
        ("idle through there", "0"), ("idle through gone", "2")]


def test_the_serving_end_may_be_elsewhere_for_one_proxy(folder):
    with Server(folder) as server, ScriptedPeer(Script(0.15), server.address) as far, ScriptedPeer(Script(0.15)) as near:
        told = run(folder, GENEROUS + f'''
            proxies = ( {{ name = "far"; target = "{far}"; remote = "{server.control}";
                           secret_file = "{server.secret_file}"; }},
                        {{ name = "near"; target = "{near}"; }},
                        {{ name = "locked"; target = "{far}"; remote = "{server.control}";
                           secret_file = "/nowhere/secret"; }} );
            scenarios = ( "idle" );''')
    table = rows(told)
    assert told.code == 1 and [row["verdict"] for row in table.values()] == ["holds", "holds", "FAILED"], told.out
    assert table["idle", "far"]["server"] == "FIN" and table["idle", "near"]["server"] == "-"
    assert "FAILED: idle through locked: secret_file /nowhere/secret: " in told.out


def test_a_close_that_is_not_expected_is_measured(folder):
    with ScriptedPeer(Script(0.05)) as peer:
        told = run(folder, f'proxies = ( "{peer}" ); scenarios = ( {{ scenario = "idle"; connections = 2; }} );')
    row, = rows(told).values()
    assert told.code == 0 and row["expected"] == "measured" and float(row["p50"]) >= 50


def interrupt(folder, text, number, *words, until):
    """Runs the suite, sends the signal once `until` is true, and returns the result."""
    path = os.path.join(folder, "fleet.suite")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    with subprocess.Popen([load.WEIRLOAD, "suite", path, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True) as process:
        wait.until(until, "the moment")
        process.send_signal(number)
        out, _ = process.communicate(timeout=DEADLINE)
    return load.Told(process.returncode, out, "")


def test_proxies_run_beside_each_other_where_it_says_so(folder):
    """Neither proxy closes: if the runs were one after another, the second proxy would have no connections."""
    one, two = Script(None), Script(None)
    with ScriptedPeer(one) as first, ScriptedPeer(two) as second:
        told = interrupt(folder, GENEROUS + f"""
            parallel = true;
            proxies = ( {{ name = "one"; target = "{first}"; wait = "1000s"; }},
                        {{ name = "two"; target = "{second}"; wait = "1000s"; }} );
            scenarios = ( "idle" );""", signal.SIGINT, until=lambda: one.heard == two.heard == N)
    assert told.code == 130 and [row["verdict"] for row in rows(told).values()] == ["interrupted"] * 2


@pytest.mark.parametrize("parallel", ("false", "true"))
@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_a_signal_in_the_middle_leaves_the_report_of_what_was_done(folder, number, parallel):
    script = Script(None)
    with ScriptedPeer(Script(0.15)) as quick, ScriptedPeer(script) as slow:
        told = interrupt(folder, GENEROUS + f"""
            parallel = {parallel};
            proxies = ( {{ name = "quick"; target = "{quick}"; }}, {{ name = "slow"; target = "{slow}"; }} );
            scenarios = ( "idle", {{ scenario = "idle"; name = "later"; proxies = [ "slow" ]; }} );""",
                         number, until=lambda: script.heard == N)
    table = rows(told)
    assert told.code == 128 + number, told.out
    assert [row["verdict"] for row in table.values()][1:] == ["interrupted", "not run"], told.out
    assert table["idle", "quick"]["verdict"] == "holds" or parallel == "true"
    assert table["idle", "slow"]["opened"] == str(N)
    assert re.search(r"^INTERRUPTED: \d of 3 runs were not run to their end$", told.out, re.M)
    assert told.out.endswith("every limit holds so far\n")


def test_an_interrupted_suite_leaves_whole_json(folder):
    script = Script(None)
    with ScriptedPeer(script) as slow:
        told = interrupt(folder, GENEROUS + f'proxies = ( "{slow}" ); scenarios = ( "idle" );', signal.SIGINT, "--json",
                         until=lambda: script.heard == N)
    assert told.code == 130 and told.json["interrupted"] and not told.json["holds"]
    assert told.json["rows"][0]["report"]["interrupted"]


@pytest.mark.parametrize("parallel, says", (("false", r"1 of 2, idle through one: opened 8 of 8"),
                                            ("true", r"1 of 2 runs are over")))
def test_a_terminal_shows_which_run_is_under_way(folder, parallel, says):
    path = os.path.join(folder, "fleet.suite")
    with ScriptedPeer(Script(1)) as one, ScriptedPeer(Script(0.15)) as two:
        with open(path, "w", encoding="utf-8") as file:
            file.write(GENEROUS + f"""
                parallel = {parallel}; scenarios = ( "idle" );
                proxies = ( {{ name = "one"; target = "{one}"; }}, {{ name = "two"; target = "{two}"; }} );""")
        code, out, shown = run_on_terminal(load.WEIRLOAD, "suite", path)
    assert code == 0 and re.search(says, shown), shown
    assert "\n" not in shown and shown.endswith("\r\x1b[K") and "of 2" not in out


def test_a_line_of_progress_fits_the_terminal_in_any_script(folder):
    path = os.path.join(folder, "fleet.suite")
    with ScriptedPeer(Script(0.5)) as peer:
        with open(path, "w", encoding="utf-8") as file:
            file.write(GENEROUS + f'proxies = ( {{ name = "{"ж" * 25}"; target = "{peer}"; }} ); scenarios = ( "idle" );')
        wide, narrow, least = (run_on_terminal(load.WEIRLOAD, "suite", path, columns=columns) for columns in (115, 80, 25))
    for (code, _, shown), line in ((wide, "1 of 1, idle through " + "ж" * 25 + r": opened \d+ of 8, failed 0; early .* s left"),
                                   (narrow, r"1 of 1: opened \d+ of 8, failed 0; early 0, in time \d+, late 0; \d+ s left"),
                                   (least, r"1 of 1: opened \d of 8, f")):
        assert code == 0 and all(re.fullmatch(line, one) for one in shown.split("\r\x1b[K") if one), shown


@pytest.mark.parametrize("parallel", ("false", "true"))
def test_lines_of_progress_name_their_run(folder, parallel):
    with ScriptedPeer(Script(1.5)) as one, ScriptedPeer(Script(0.15)) as two:
        told = run(folder, GENEROUS + f"""
            parallel = {parallel}; scenarios = ( "idle" );
            proxies = ( {{ name = "one"; target = "{one}"; }}, {{ name = "two"; target = "{two}"; }} );""",
                   "--progress=1s")
    assert told.code == 0 and told.err.startswith("weirload: 1 of 2, idle through one: opened 8 of 8"), told.err


# Errors in a file

PROXY = 'proxies = ( { name = "a"; target = "127.0.0.1:1"; } );\n'
IDLE = 'scenarios = ( "idle" );\n'


@pytest.mark.parametrize("text, says", (
    ("", ["proxies: is missing; write proxies = ( \"127.0.0.1:80\" )",
          "scenarios: is missing; write scenarios = ( \"idle\" )"]),
    (PROXY + "scenarios = ( );", ["2: scenarios: is empty; write scenarios = ( \"idle\" )"]),
    (PROXY + "scenarios = { };", ["2: scenarios: a group was found; write scenarios = ( \"idle\" )"]),
    (IDLE + "proxies = ( { } );", ["2: proxies[0]: has no target; write target = \"127.0.0.1:80\", where it listens"]),
    (IDLE + "proxies = ( 7 );",
     ["2: proxies[0]: an integer was found; write { target = \"127.0.0.1:80\"; }, or the address alone"]),
    (IDLE + "proxies = ( \"127.0.0.1\" );", ["2: proxies[0].target: \"127.0.0.1\": "]),
    (IDLE + PROXY + "speed = 1;", ["3: speed: is not known here; weirload-suite(5) has all keys"]),
    (IDLE + PROXY + "expect = \"5s\";", ["3: expect: is not known here; write it in defaults = { }"]),
    (IDLE + PROXY + "include = \"x\";", ["3: include: "]),
    (IDLE + PROXY + "default = { };", ["3: default: is not known here; the nearest known key is \"defaults\""]),
    (IDLE + PROXY + "parallel = \"yes\";",
     ["3: parallel: a string was found; write parallel = true, without quotes"]),
    (IDLE + PROXY + "defaults = { max-late = \"1s\"; expect = \"1s\"; };",
     ["3: defaults.max-late: is not known here; the nearest known key is \"max_late\""]),
    (IDLE + PROXY + "defaults = { json = true; };",
     ["3: defaults.json: is for the command line; write weirload suite FILE --json"]),
    (IDLE + PROXY + "defaults = { csv = \"x\"; };", ["3: defaults.csv: is not known here"]),
    (IDLE + PROXY + "defaults = { expect = 5; };", ["3: defaults.expect: 5 has no unit; write \"5s\" for seconds"]),
    (IDLE + PROXY + "defaults = { expect = \"5x\"; };", ["3: defaults.expect: \"5x\": "]),
    (IDLE + PROXY + "defaults = { connections = \"5\"; };",
     ["3: defaults.connections: a string was found; write connections = 100, a whole number without quotes"]),
    (IDLE + PROXY + "defaults = { connections = 0; };", ["3: defaults.connections: 0: out of range"]),
    (IDLE + PROXY + "defaults = { by = \"fine\"; };", ["3: defaults.by: \"fine\": write fin|rst"]),
    (IDLE + PROXY + "defaults = { by = true; };", ["3: defaults.by: a boolean was found; write by = \"fin\""]),
    (IDLE + PROXY + "defaults = { source = [ 1 ]; };", ["3: defaults.source: an integer was found in it; write source"]),
    (PROXY + "scenarios = ( \"idol\" );", ["2: scenarios[0]: \"idol\" is no scenario; the nearest one is \"idle\""]),
    (PROXY + "scenarios = ( \"serve\" );", ["2: scenarios[0]: \"serve\" is no scenario"]),
    (PROXY + "scenarios = ( { name = \"x\"; } );", ["2: scenarios[0]: has no scenario; write scenario = \"idle\""]),
    (PROXY + "scenarios = ( { scenario = 1; } );",
     ["2: scenarios[0].scenario: an integer was found; write scenario = \"idle\""]),
    ("proxies = ( { name = \"a\\x1b[2J\"; target = \"127.0.0.1:1\"; } ); scenarios = ( \"idle\" );",
     ["1: proxies[0]: has the name \"a\\x1b[2J\", which cannot be shown; give it another name = \"...\""]),
    (PROXY + "scenarios = ( \"idle\", \"idle\" );", ["2: scenarios[1]: is called \"idle\", as scenarios[0] is"]),
    (PROXY + "scenarios = ( { scenario = \"idle\"; every = \"1s\"; } );",
     ["2: scenarios[0].every: is not an option of idle; see weirload idle --help"]),
    (PROXY + "scenarios = ( { scenario = \"idle\"; spreed = \"1s\"; } );",
     ["2: scenarios[0].spreed: is not known here; the nearest known key is \"spread\""]),
    (PROXY + "scenarios = ( { scenario = \"idle\"; proxies = [ \"b\" ]; } );",
     ["2: scenarios[0].proxies: no proxy is called \"b\"; the nearest one is \"a\""]),
    (PROXY + "scenarios = ( { scenario = \"idle\"; proxies = \"a\"; } );",
     ["2: scenarios[0].proxies: names no proxy; write proxies = [ \"NAME\" ], or leave it out for all"]),
    (PROXY + "scenarios = ( { scenario = \"trickle\"; for = \"1s\"; } );",
     ["2: scenarios[0]: through a: every is missing: the time between two bytes, such as every = \"200ms\""]),
    (PROXY + "scenarios = ( \"drain\" );",
     ["2: scenarios[0]: through a: drain_command is missing: the command that begins the drain, such as "
      "drain_command = \"systemctl stop --no-block weir\""]),
    (PROXY + "scenarios = ( { scenario = \"queue\"; serve = \"127.0.0.1:2\"; } );",
     ["2: scenarios[0]: through a: places is missing: how many connections the server may have, such as places = 2"]),
    (PROXY + "scenarios = ( { scenario = \"idle\"; target = \"127.0.0.1:2\"; } );",
     ["2: scenarios[0].target: is for a proxy; write it in proxies = ( { target = \"...\"; } )"]),
    (IDLE + 'parallel = true; defaults = { serve = "127.0.0.1:2"; };\nproxies = ( "127.0.0.1:1",\n"127.0.0.1:3" );',
     ["4: proxies[1]: needs the same serve as \"127.0.0.1:1\" at the same time; give each its own, or write parallel = false"]),
    (IDLE + 'parallel = true; proxies = ( { target = "127.0.0.1:1"; serve = "*:2"; },\n{ target = "127.0.0.1:3"; serve = "127.0.0.1:2"; } );',
     ["3: proxies[1]: needs the same serve as \"127.0.0.1:1\" at the same time; "]),
    (IDLE + 'parallel = true; defaults = { remote = "127.0.0.1:2"; secret_file = "x"; }; proxies = ( "127.0.0.1:1", "127.0.0.1:3" );',
     ["2: proxies[1]: needs the same remote as "]),
    (IDLE + PROXY + "defaults = { target = \"127.0.0.1:2\"; };", ["3: defaults.target: is for a proxy; "]),
    (PROXY + "scenarios = ( { scenario = \"idle\"; max_late = \"1s\"; } );",
     ["2: scenarios[0]: through a: max_late needs expect: late is later than expected"]),
    (IDLE + 'proxies = ( { name = "a"; target = "127.0.0.1:1"; idle = { side = "client"; }; } );',
     ["2: proxies[0].idle.side: is not an option of idle; see weirload idle --help"]),
    (IDLE + 'proxies = ( { name = "a"; target = "127.0.0.1:1"; idle = "5s"; } );',
     ["2: proxies[0].idle: a string was found; write idle = { ... }"]),
    (IDLE + 'proxies = ( { name = ""; target = "127.0.0.1:1"; } );', ["2: proxies[0]: has a name of 0 bytes; give it a name = "]),
    (IDLE + f'proxies = ( {{ name = "{"ж" * 40}"; target = "127.0.0.1:1"; }} );',
     ["2: proxies[0]: has a name of 80 bytes; give it a name = \"...\" of 1 to 63"]),
    (IDLE + 'proxies = ( { name = 1; target = "127.0.0.1:1"; } );',
     ["2: proxies[0].name: an integer was found; write name = "]),
    (IDLE + 'proxies = ( "127.0.0.1:1" \n', ["2: "]),
))
def test_what_is_wrong_is_told_by_file_and_line_with_the_remedy(text, says, folder):
    lines = refused(folder, text)
    assert len(lines) == len(says), lines
    for line, expected in zip(lines, says):
        assert line.startswith(expected), line


def test_each_error_is_told_once_however_many_runs_it_is_in(folder):
    proxies = ", ".join(f'"127.0.0.1:{port}"' for port in range(1, 6))
    lines = refused(folder, f'proxies = ( {proxies} );\nscenarios = ( "idle", "stall" );\n'
                            'defaults = { expect = "5"; conections = 1; };')
    assert len(lines) == 2 and lines[0].startswith("3: defaults.expect") and lines[1].startswith("3: defaults.conect")


def test_an_included_file_is_named(folder):
    with open(os.path.join(folder, "more.suite"), "w", encoding="utf-8") as file:
        file.write("\nscenarios = ( \"idol\" );\n")
    told = run(folder, PROXY + '@include "more.suite"\n')
    assert told.code == 2 and f"weirload: {folder}/more.suite:2: scenarios[0]: " in told.err


@pytest.mark.parametrize("words, says", (
    (("suite",), "a file is missing; write weirload suite FILE"),
    (("suite", "/nowhere/x.suite"), "No such file or directory; create it, or name another one after 'suite'\n"),
    (("suite", "a", "b"), "b: unknown, for suite"),
    (("suite", "a", "--target", "127.0.0.1:1"), "--target: not an option of suite"),
))
def test_a_command_that_is_wrong_is_one_line(words, says):
    done = subprocess.run([load.WEIRLOAD, *words], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_too_few_descriptors_for_all_beside_each_other_are_told(folder):
    path = os.path.join(folder, "fleet.suite")
    with open(path, "w", encoding="utf-8") as file:
        file.write('parallel = true; defaults = { connections = 100; expect = "1s"; };\n'
                   'proxies = ( "127.0.0.1:1", "127.0.0.1:2" ); scenarios = ( "idle" );')
    done = subprocess.run(["prlimit", "--nofile=200:200", load.WEIRLOAD, "suite", path], capture_output=True, text=True,
                          timeout=DEADLINE, check=False)
    assert done.returncode == 1
    assert done.stdout.count("the runs beside each other need 254 file descriptors, the limit is 200") == 2


# The manual

def keys():
    """The part of weirload-suite(5) from its examples on."""
    page = (ROOT / "man" / "weirload-suite.5").read_text(encoding="utf-8")
    return page[page.index(".Sh EXAMPLES"):]


def test_the_example_of_the_manual_is_a_right_file(folder):
    example, = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", keys(), re.M | re.S)
    # Nothing listens at these addresses: each row runs, and says so.
    text = example.replace("\\e", "\\").replace("10m", "10ms").replace("1h", "1s").replace("50s", "50ms").replace("30s", "30ms")
    text = re.sub(r"192\.0\.2\.\d+:\d+", "127.0.0.1:1", text)
    told = run(folder, text)
    assert told.code == 1 and "could not be opened" in told.out, told.err
