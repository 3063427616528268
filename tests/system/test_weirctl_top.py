# SPDX-License-Identifier: ISC
"""weirctl top in a real terminal, read back from its screen."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess

import pytest

from test_weirctl import WEIRCTL, run
from weirtest import address, peers, wait
from weirtest.asking import control_path, get
from weirtest.daemon import Weir, without_systemd
from weirtest.house import exchange, house, listener, upstream
from weirtest.terminal import Terminal

WIDE = {"width": 150, "height": 30}


def top(terminal, socket):
    terminal.line(shlex.join([WEIRCTL, "-s", socket, "top"]))
    terminal.wait("LISTENER", "SERVER", "q quit")


def ids(screen, title):
    """The ids in a list of pairs, which has this title."""
    head = re.search(f"^ *{title} .*\n", screen, re.M)
    rows = re.match(r"(?: *\d+ .*\n)*", screen[head.end():])[0] if head else ""
    return [int(row.split()[0]) for row in rows.splitlines()]


def wait_for_ids(terminal, title, known):
    """Waits until the list has these ids, in any order."""
    wait.until(lambda: sorted(ids(terminal.screen(), title)) == sorted(known), f"{title}: {known}", every=0.05)


def open_pairs(here, count):
    socks = [here.client() for _ in range(count)]
    for sock in socks:
        exchange(sock)
    return socks, [pair["id"] for pair in get(here.weir, "/v1/pairs")["pairs"]]


def test_it_shows_what_weir_does(folder):
    with house() as here, Terminal(folder, **WIDE) as terminal:
        socks, known = open_pairs(here, 3)
        top(terminal, control_path(here.weir))
        for title in ("BUSIEST", "SILENT"):
            wait_for_ids(terminal, title, known)
        screen = terminal.wait("running, generation 1", "pairs 3 of", "idle 9m5", "relaying", "127.0.0.1:")
        assert re.search(r"^web +3 ", screen, re.M) and re.search(r"^app/127\S+ +yes +3 ", screen, re.M)

        def moved():
            exchange(socks[1], b"x" * 50000)
            screen = terminal.screen()
            return ids(screen, "BUSIEST")[:1] == [known[1]] == ids(screen, "SILENT")[-1:] and re.search(r"^web +3 +0\.0 +[1-9]", screen, re.M)
        wait.until(moved, "the busy pair above all, and the rates of its listener", every=0.02)
        here.client()
        terminal.wait("pairs 4 of")


def test_keys_sort_filter_and_end_pairs(folder):
    with house() as here, Terminal(folder, **WIDE) as terminal:
        socks, known = open_pairs(here, 4)
        top(terminal, control_path(here.weir))
        for key, title in (("b", "BUSIEST"), ("s", "SILENT"), ("o", "OLDEST"), ("t", "DUE"), ("w", "WAITING")):
            terminal.type(key)
            wait_for_ids(terminal, title, known)
            terminal.wait("q quit", without=["BUSIEST", "any key"] if key != "b" else ["\n  SILENT"])
        terminal.type("k")
        terminal.wait("select a pair by Up and Down first")
        terminal.type("w")  # no pair waits, so they are ordered by id
        wait_for_ids(terminal, "WAITING", known)
        terminal.keys("Down", "Down")
        terminal.type("k")
        terminal.wait(f"end pair {known[1]}? y or n")
        terminal.type("n")
        terminal.wait("4 pairs", without=["y or n"])
        exchange(socks[1])
        terminal.type("ky")
        terminal.wait("1 told to end", "3 pairs")
        peers.end_of(socks[1])
        # First a wrong filter, then a right one; then we end all pairs that fit it.
        terminal.type("K")
        terminal.wait("write one by f first")
        client = "client=127.0.0.1/32"
        terminal.type("/colour=red")
        terminal.wait("colour=red_")
        terminal.keys("Enter")
        terminal.wait("there is no such filter")
        terminal.type("f")
        terminal.keys(*["BSpace"] * len("colour=red"))
        terminal.type(client)
        terminal.wait(f"{client}_", "no such filter")  # weir is also asked with parts of the right filter
        terminal.keys("Enter")
        terminal.wait(f"3 pairs that fit {client}", without=["no such filter"])
        terminal.type("Ky")
        terminal.wait("3 told to end", f"0 pairs that fit {client}")
        for sock in (socks[0], *socks[2:]):
            peers.end_of(sock)
        terminal.type("?")
        terminal.wait("any key goes back", "quit")
        terminal.type("x")
        terminal.wait("LISTENER", without=["any key goes back"])


def test_it_ends_no_more_than_fits_the_filter(folder):
    with house() as here, Terminal(folder, **WIDE) as terminal:
        socks, _ = open_pairs(here, 2)
        top(terminal, control_path(here.weir))
        for word in ("limit=1", "after=0", "tcp_info=true"):
            terminal.type(f"/listener=web {word}")
            terminal.keys("Enter")
            terminal.wait(f"{word}: top has limit, after and tcp_info itself; leave it out")
            terminal.keys("Escape")
            terminal.wait("q quit", without=[f"{word}_"])
            terminal.type("K")
            terminal.wait("write one by f first")
        terminal.type("/ ")
        terminal.keys("Enter")
        terminal.wait("2 pairs that fit")
        terminal.type("Ky")
        terminal.wait("say which pairs are to end by a filter")
        for sock in socks:
            exchange(sock)
        terminal.type("f")
        terminal.type("listener=web older_than=1h")
        terminal.keys("Enter")
        terminal.wait("0 pairs that fit")
        terminal.type("Ky")
        terminal.wait("0 told to end")


def test_it_follows_the_size_of_the_terminal(folder):
    with house() as here, Terminal(folder, **WIDE) as terminal:
        _, known = open_pairs(here, 30)
        top(terminal, control_path(here.weir))
        terminal.type("w")  # no pair waits, so they are ordered by id
        wait.until(lambda: ids(terminal.screen(), "WAITING")[:1] == known[:1], "the first pair", every=0.05)
        terminal.wait("STATE", "relaying")
        terminal.resize(60, 16)
        screen = terminal.wait("WAITING", without=["STATE", "relaying"])
        assert len(ids(screen, "WAITING")) < 10
        # End and Home show the pairs that do not fit on the screen.
        terminal.keys("End")
        wait.until(lambda: ids(terminal.screen(), "WAITING")[-1:] == known[-1:], "the last pair", every=0.05)
        terminal.keys("Home")
        wait.until(lambda: ids(terminal.screen(), "WAITING")[:1] == known[:1], "the first pair", every=0.05)
        terminal.resize(20, 3)
        terminal.resize(150, 50)
        wait.until(lambda: ids(terminal.screen(), "WAITING") == known, "all pairs", every=0.05)


def test_it_survives_a_restart_of_weir_and_says_so(folder):
    with house() as here, Terminal(folder, **WIDE) as terminal:
        settings = {**here.weir.settings, "listeners": [listener("again", here.free())]}
        socket = control_path(here.weir)
        open_pairs(here, 2)
        top(terminal, socket)
        here.weir.stop()
        terminal.wait("no answer since ", "weir is not running there", "127.0.0.1:")
        with Weir(settings, env={"RUNTIME_DIRECTORY": here.weir.runtime}):
            terminal.wait("started anew at ", "again ", "pairs 0 of", without=["no answer since"])
            terminal.type("q")
            terminal.wait("ready>", without=["LISTENER"])


def hostile(sock):
    """Answers whose names have control codes of terminals."""
    name = "\x1b]0;owned\x07\x1b[2J\n\u202e%s%n"
    answers = {
        "/v1/status": {"version": name, "node": name, "state": name},
        "/v1/listeners": {"listeners": [{"name": name, "upstream": name, "listen": [name]}]},
        "/v1/upstreams": {"upstreams": [{"name": name, "servers": [{"name": name, "told": name, "check": name}]}]},
        "/v1/pairs": {"next": None, "pairs": [{"id": 7, "listener": name, "client": name, "server": name, "state": name,
                                               "timers": {name: {"left_ms": 5000}}}]}}
    target = sock.recv(65536).split(b" ")[1].decode().partition("?")[0]
    body = json.dumps(answers[target]).encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def test_names_do_not_drive_the_terminal(folder):
    at = os.path.join(folder, "control")
    with peers.Server("unix", folder, hostile, at=address.unix(at)).sock, Terminal(folder, 200, 40) as terminal:
        title = terminal.ask("pane_title")
        top(terminal, at)
        terminal.wait("weir \\x1b]0;owned\\x07\\x1b[2J\\x0a\\xe2\\x80\\xae%s%n on \\x1b", "  7 ", "\n\\x1b]0;owned")
        assert terminal.ask("pane_title") == title


@pytest.mark.parametrize("end", ("q", signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT,
                                 signal.SIGSEGV))
def test_the_terminal_is_as_before(folder, end):
    with house() as here, Terminal(folder) as terminal:
        terminal.line("ulimit -c 0; trap : HUP; stty -g >before")
        terminal.line(shlex.join([WEIRCTL, "-s", control_path(here.weir), "top"]) + "; echo ended: $?; stty -g >after")
        terminal.wait("LISTENER")
        assert (terminal.ask("alternate_on"), terminal.ask("cursor_flag")) == ("1", "0")
        if end == "q":
            terminal.type("q")
        else:
            pid = subprocess.run(["pgrep", "-P", terminal.ask("pane_pid"), "weirctl"], text=True, capture_output=True,
                                 check=True).stdout
            os.kill(int(pid), end)
        code = 0 if end in ("q", signal.SIGINT) else 128 + end
        terminal.wait(f"ended: {code}\n", without=["LISTENER"])
        assert (terminal.ask("alternate_on"), terminal.ask("cursor_flag")) == ("0", "1")
        wait.until(lambda: os.path.exists(os.path.join(folder, "after")), "the settings")
        before, after = (open(os.path.join(folder, name), encoding="ascii").read() for name in ("before", "after"))
        assert before == after != ""


def test_it_is_stopped_and_goes_on(folder):
    with house() as here, Terminal(folder) as terminal:
        top(terminal, control_path(here.weir))
        terminal.keys("C-z")
        terminal.wait("Stopped", "ready>", without=["q quit"])
        assert terminal.ask("alternate_on") == "0"
        terminal.line("fg")
        terminal.wait("q quit")
        terminal.type("q")
        terminal.wait("ready>", without=["q quit"])


def test_what_top_cannot_have_is_told(folder):
    with house() as here:
        done = run("top", socket=control_path(here.weir))
        assert done.returncode == 2 and "top wants a terminal; write top --json" in done.stderr, done
        with Terminal(folder) as terminal:
            terminal.line("TERM=nonsense " + shlex.join([WEIRCTL, "-s", control_path(here.weir), "top"]) + "; echo $?")
            terminal.wait("this terminal is not known; set TERM", "\n2\n")
    done = run("top", socket=os.path.join(folder, "control"))
    assert done.returncode == 1 and "weir is not running there" in done.stderr


def test_json_is_a_line_each_second_until_nobody_reads():
    with house() as here:
        open_pairs(here, 2)
        with subprocess.Popen([WEIRCTL, "-s", control_path(here.weir), "--json", "top"], env=without_systemd(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            for _ in range(2):
                line = json.loads(process.stdout.readline())
                assert len(line["pairs"]) == 2 and line["listeners"][0]["name"] == "web"
                assert line["status"]["ready"] is True and line["upstreams"][0]["name"] == "app"
            process.stdout.close()
            assert (process.wait(), process.stderr.read()) == (0, "")
