# SPDX-License-Identifier: ISC
"""The files that weirload writes: JUnit reports for test runners and others. Each is written wholly or not at all."""

import os
import signal
import subprocess

import pytest

from weirtest import junit, load, wait
from weirtest.load import Script, ScriptedPeer
from weirtest.settings import DEADLINE


def case(suite, name):
    found, = [one for one in suite if one.tag == "testcase" and one.get("name") == name]
    return found


def test_each_limit_is_a_test_case(folder):
    path = os.path.join(folder, "report.xml")
    with ScriptedPeer(Script(0.05)) as peer:
        told = load.run("idle", target=peer, expect="30ms", connections=5, junit=path)
    suite, = junit.read(path)
    assert told.code == 0 and suite.get("name") == f"idle to {peer}" and suite.get("failures") == "0"
    assert {one.get("name") for one in suite.findall("testcase")} == {"finished", *told.json["limits"]}
    properties = {one.get("name"): one.get("value") for one in suite.find("properties")}
    assert properties["expect_us"] == "30ms" and properties["target"] == str(peer)
    assert "serve" not in properties and properties["weirload"] == told.json["weirload"]
    assert told.json["began"] == suite.get("timestamp") + "Z" and told.json["host"] == suite.get("hostname")
    assert float(suite.get("time")) == pytest.approx(told.json["lasted_us"] / 1e6, abs=0.001)


def test_a_limit_that_does_not_hold_is_a_failure_with_its_sentence(folder):
    path = os.path.join(folder, "report.xml")
    with ScriptedPeer(Script(0.05)) as peer:
        told = load.run("idle", target=peer, expect="20s", connections=5, junit=path)
    suite, = junit.read(path)
    assert told.code == 1 and suite.get("failures") == "1"
    failure = case(suite, "max_early").find("failure")
    assert failure.text == failure.get("message") == told.json["failed"][0] == told.json["limits"]["max_early"]["words"]
    assert len(case(suite, "max_never")) == 0


def test_an_interrupted_run_is_an_error(folder):
    path = os.path.join(folder, "report.xml")
    with ScriptedPeer(Script()) as peer:
        words = load.arguments("idle", {"target": peer, "expect": "1h", "connections": 3, "junit": path})
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
            wait.until(lambda: peer.script.heard == 3, "the clients")
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE) == 130
    suite, = junit.read(path)
    assert suite.get("errors") == "1"
    assert case(suite, "finished").find("error").text == "interrupted: 3 streams were not judged"


def test_the_words_of_a_command_line_may_be_many(folder):
    path = os.path.join(folder, "report.html")
    words = [word for i in range(1, 257) for word in ("--source", f"127.0.1.{i % 255}")]
    with ScriptedPeer(Script(0.05)) as peer:
        done = subprocess.run([*load.arguments("idle", {"target": peer, "expect": "30ms", "max_late": "20s",
                                                        "connections": 5, "html": path}), *words],
                              capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "" and os.path.exists(path)


HOSTILE = ']]><!-- & "\' \u202e </x><script>x</script>'


def test_names_are_text_and_nothing_else(folder):
    path = os.path.join(folder, "report.xml")
    target = f"unix:{folder}/{HOSTILE.replace('/', '|')}"
    told = load.run("idle", target=target, expect="1s", connections=1, junit=path, csv=f"{folder}/\t\x1bx&<.csv")
    assert told.code == 1, told.err
    suite, = junit.read(path)
    properties = {one.get("name"): one.get("value") for one in suite.find("properties")}
    assert properties["csv"] == f"{folder}/\t\\x1bx&<.csv"
    assert properties["target"] == target.replace("\u202e", "\\u202e")
    assert suite.get("name") == f"idle to {properties['target']}"


@pytest.mark.parametrize("option", ("csv", "junit"))
def test_a_file_is_there_wholly_or_not_at_all(folder, option):
    path = os.path.join(folder, "report")
    with open(path, "w", encoding="ascii") as file:
        file.write("of before")
    os.symlink("report", path + ".link")
    with ScriptedPeer(Script(0.05)) as peer:
        options = {"target": peer, "expect": "0s", "connections": 1}
        # The file may not grow further: its old content stays, and no temporary file is left.
        done = load.run("idle", **options, **{option: path}, prefix=("prlimit", "--fsize=64:64"))
        assert done.code == 1 and f"weirload: --{option} {path}: File too large" in done.err
        with open(path, encoding="ascii") as file:
            assert file.read() == "of before"
        assert sorted(os.listdir(folder)) == ["report", "report.link"]
        # A symbolic link stays a link.
        done = load.run("idle", **options, **{option: path + ".link"})
        assert done.code == 0 and os.path.islink(path + ".link")
        with open(path, encoding="ascii") as file:
            assert "of before" not in file.read()
        assert sorted(os.listdir(folder)) == ["report", "report.link"]
        # A device is written directly.
        done = load.run("idle", **options, **{option: "/dev/full"})
        assert done.code == 1 and "No space left" in done.err
        assert load.run("idle", **options, **{option: "/dev/null"}).code == 0 and os.path.exists("/dev/null")


@pytest.mark.parametrize("option", ("csv", "junit", "html"))
@pytest.mark.parametrize("path, says", (
    ("no/x", ": No such file or directory; its folder does not exist: make it first"),
    (".", ": Is a directory: write the path of a file in it"),
    ("x" * 255, ": File name too long: write another path"),
    ("-", ": standard output has the report already; write the path of a file"),
    ("", ": standard output has the report already; write the path of a file"),
))
def test_a_report_that_has_no_place_is_refused_before_the_run(folder, option, path, says):
    with ScriptedPeer(Script(0.05)) as peer:
        words = load.arguments("idle", {"target": peer, "expect": "0s", option: path})
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert done.returncode == 2 and done.stdout == "" and done.stderr == f"weirload: --{option} {path}{says}\n"
        assert peer.script.heard == 0 and os.listdir(folder) == []


def test_two_reports_that_go_to_one_place_are_refused_before_the_run(folder):
    with open(os.path.join(folder, "there"), "w", encoding="ascii") as file:
        file.write("of before")
    os.symlink("there", os.path.join(folder, "link"))
    os.mkdir(os.path.join(folder, "under"))
    with ScriptedPeer(Script(0.05)) as peer:
        for junit_path, html_path in (("there", "link"), ("new", "./under/../new"), ("new", os.path.join(folder, "new"))):
            words = load.arguments("idle", {"target": peer, "expect": "0s", "junit": junit_path, "html": html_path})
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False)
            assert done.returncode == 2 and done.stderr == f"weirload: --html {html_path}: another report goes there; write another path\n"
        assert peer.script.heard == 0 and sorted(os.listdir(folder)) == ["link", "there", "under"]
        # Several reports may go to one device.
        assert load.run("idle", target=peer, expect="0s", max_late="20s", junit="/dev/null", html="/dev/null").code == 0


def test_a_suite_whose_report_has_no_place_is_refused_before_the_run(folder):
    path = os.path.join(folder, "fleet.suite")
    with ScriptedPeer(Script(0.05)) as peer:
        with open(path, "w", encoding="ascii") as file:
            file.write(f'proxies = ( "{peer}" );\nscenarios = ( "idle" );\n')
        done = subprocess.run([load.WEIRLOAD, "suite", path, "--junit", "/no/such/x"], capture_output=True, text=True,
                              timeout=DEADLINE, check=False)
        assert done.returncode == 2 and done.stdout == "" and done.stderr == (
            "weirload: --junit /no/such/x: No such file or directory; its folder does not exist: make it first\n")
        assert peer.script.heard == 0
