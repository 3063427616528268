# SPDX-License-Identifier: ISC
"""bash and zsh complete what is typed in a terminal, and completion never runs a name as a command."""

import contextlib
import os
import shlex
import subprocess

import pytest

from test_weirctl import WEIRCTL, run
from weirtest import address, peers, wait
from weirtest.asking import ask, control_path, get
from weirtest.daemon import without_systemd
from weirtest.events import EVENTS, FOLLOWED
from weirtest.house import exchange, house, listener
from weirtest.load import WEIRLOAD
from weirtest.settings import WEIR
from weirtest.terminal import Terminal

FOLDER = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../completion"))
# Wide enough that no line wraps: wait() does not find the text of a wrapped line.
WIDE = {"width": 250, "height": 40}
WEIRLAB = os.path.join(os.path.dirname(WEIR), "src", "lab", "weirlab")
SHELLS = {"bash": ("bash", "--norc", "--noprofile"), "zsh": ("zsh", "-f")}


def offered(*words, socket=None):
    """The words that weirctl offers as the next one."""
    where = ("-s", socket) if socket else ()
    done = run("--complete", *where, *words)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.splitlines()


@contextlib.contextmanager
def shell(name, folder):
    with Terminal(folder, shell=SHELLS[name], **WIDE) as terminal:
        path = ":".join(dict.fromkeys(os.path.dirname(program) for program in (WEIRCTL, WEIR, WEIRLAB, WEIRLOAD)))
        terminal.line(f"PATH={shlex.quote(path)}:$PATH")
        if name == "bash":
            for program in ("weir", "weirctl", "weirlab", "weirload"):
                terminal.line(f". {FOLDER}/{program}.bash")
            terminal.line("bind 'set show-all-if-ambiguous on' 'set bell-style none' 'set page-completions off'; clear")
        else:
            terminal.line(f"fpath=({FOLDER} $fpath); autoload -Uz compinit; compinit -u -D; unsetopt beep; clear")
        wait.until(lambda: terminal.screen().strip() == "ready>", "a clear screen", every=0.05)
        yield terminal


def complete(terminal, line, *expected):
    """Types a line and Tab, waits for what is expected, and clears the line."""
    terminal.type(line)
    terminal.keys("Tab")
    terminal.wait(*[text.strip() for text in expected])
    if len(expected) == 1:  # the whole line: the X shows whether a blank is at its end
        terminal.type("X")
        terminal.wait(expected[0] + "X")
    terminal.keys("C-u", "C-l")
    wait.until(lambda: terminal.screen().strip() == "ready>", "a clear screen", every=0.05)


@pytest.mark.parametrize("name", SHELLS)
def test_names_come_from_the_weir_that_is_meant(name, folder):
    with house() as here, shell(name, folder) as terminal:
        server = str(here.server().address)
        one = {"name": "one", "address": str(here.free())}
        here.reload(listeners=[here.weir.settings["listeners"][0], listener("mail", str(here.free()), "post")],
                    upstreams=[*here.weir.settings["upstreams"],
                               {"name": "post", "servers": [one, {"address": server}]}])
        exchange(here.client())
        pair, = get(here.weir, "/v1/pairs")["pairs"]
        ctl = "weirctl -s " + control_path(here.weir)
        complete(terminal, f"{ctl} lis", f"{ctl} listeners ")
        complete(terminal, f"{ctl} pairs listener=m", f"{ctl} pairs listener=mail ")
        complete(terminal, f"{ctl} pairs ol", f"{ctl} pairs older_than=")
        complete(terminal, f"{ctl} pair ", f"{ctl} pair {pair['id']} ")
        complete(terminal, f"{ctl} events event=server_t", f"{ctl} events event=server_told ")
        complete(terminal, f"{ctl} server post/o", f"{ctl} server post/one ")
        complete(terminal, f"{ctl} server post/1", f"{ctl} server post/{server} ")
        complete(terminal, f"{ctl} server post/{server[:-1]}", f"{ctl} server post/{server} ")
        complete(terminal, f"{ctl} server post/one dr", f"{ctl} server post/one drain ")
        complete(terminal, f"{ctl} pairs server={server[:-1]}", f"{ctl} pairs server={server} ")
        complete(terminal, f"{ctl} server ", "post/one", f"post/{server}", "app/127.0.0.1:")
        complete(terminal, f"weirctl -c {here.weir.config[:-1]}", f"weirctl -c {here.weir.config} ")


@pytest.mark.parametrize("name", SHELLS)
def test_options_of_the_other_programs(name, folder):
    with shell(name, folder) as terminal:
        complete(terminal, "weir --rel", "weir --reload ")
        complete(terminal, "weir --", "--check", "--version", "--config")
        complete(terminal, "weir --socket-proxy --con", "weir --socket-proxy --connections-max=")
        complete(terminal, "weirlab -se", "weirlab -seed ")
        complete(terminal, "weirload tri", "weirload trickle ")
        complete(terminal, "weirload sui", "weirload suite ")
        complete(terminal, "weirload idle --exp", "weirload idle --expect ")
        complete(terminal, "weirload suite --js", "weirload suite --json ")
        os.mkdir(os.path.join(folder, "some.conf.d"))
        complete(terminal, "weir -c some", "weir -c some.conf.d/")


def test_each_command_is_offered_and_what_it_takes():
    commands = offered("")
    helped = run("--help").stdout
    assert all(command in helped for command in commands) and len(commands) == len(set(commands)) >= 13
    assert offered("log", "") == ["error", "warn", "info", "debug"]
    assert offered("server", "app/one", "") == ["drain", "down", "up", "auto", "weight"]
    assert offered("drain", "--") == ["--wait", "--end-pairs", *offered("--")]
    assert "10s" in offered("drain", "--wait", "")
    assert offered("--json", "kill", "--a") == ["--all"] and offered("status", "") == offered("pair", "1", "") == []
    assert offered("pairs", "state=h") == ["state=half_closed"]
    assert offered("events", "event=") == [f"event={name}" for name in EVENTS if name in FOLLOWED]
    assert offered("-s", "/run/") == offered("--config", "") == [":files"] and offered() == commands


def test_the_states_that_are_offered_are_those_that_weir_knows():
    with house() as here:
        known = ask(here.weir, "GET", "/v1/pairs?state=x").error.partition("known are ")[2].replace(" and ", ", ")
        assert offered("pairs", "state=") == [f"state={state}" for state in known.split(", ")]


def test_without_a_weir_there_are_no_names_and_no_words(folder):
    assert offered("pair", "", socket=os.path.join(folder, "control")) == []
    assert offered("-c", os.path.join(folder, "none"), "server", "") == []


def hostile(sock):
    """A server's work: it answers with names that a shell would run if completion offered them as they are."""
    sock.recv(65536)
    body = (b'{"upstreams": [{"name": "app", "servers": [{"name": "unix:/$(touch ran)"}, {"name": "`touch ran`"}, '
            b'{"name": "a b"}, {"name": "\\u001b[2J"}, {"name": "x;y"}, {"name": "[::1]:80"}]}]}')
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def test_names_that_a_shell_would_run_are_left_out(folder):
    at = os.path.join(folder, "control")
    with peers.Server("unix", folder, hostile, at=address.unix(at)).sock:
        assert offered("server", "app/", socket=at) == ["app/[::1]:80"]
        assert offered(f"--socket={at}", "server", "app/") == offered(f"-s{at}", "server", "app/") == ["app/[::1]:80"]
        script = (f". {FOLDER}/weirctl.bash; COMP_LINE='{WEIRCTL} -s {at} server app/'; COMP_POINT=${{#COMP_LINE}}; "
                  "_weirctl; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "--norc", "-c", script], env=without_systemd(), cwd=folder, text=True,
                              capture_output=True, check=True)
        assert (done.stdout, done.stderr) == ("app/[::1]:80\n", "") and not os.path.exists(os.path.join(folder, "ran"))
