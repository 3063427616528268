# SPDX-License-Identifier: ISC
"""weirctl events: what it prints while weir runs, and how it ends."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess

import pytest

from test_weirctl import WEIRCTL, ctl
from weirtest import address, peers
from weirtest.asking import control_path
from weirtest.daemon import without_systemd
from weirtest.house import exchange, house, listener
from weirtest.settings import DEADLINE


@contextlib.contextmanager
def events(socket, *words):
    """A weirctl events; its first line shows that it follows."""
    with subprocess.Popen([WEIRCTL, "-s", socket, "events", *words], env=without_systemd(), text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_until(process, word):
    """The lines up to the first one that has this word."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            return lines
    raise AssertionError(f"no {word}: {lines}, {process.stderr.read()}")


def one_pair(here):
    with here.client() as sock:
        exchange(sock)
        peers.fin(sock)
        peers.read_end(sock)


def ended(process):
    code = process.wait(DEADLINE)
    return code, process.stderr.read()


def test_a_listener_that_there_is_not_is_told():
    with house() as here, events(control_path(here.weir), "listener=wbe") as process:
        code, told = ended(process)
        assert code == 1 and 'no listener "wbe"; the nearest name is "web"' in told


def test_a_listener_is_left_out():
    with house() as here:
        here.reload(listeners=[*here.weir.settings["listeners"], listener("other", str(here.free()))])
        with events(control_path(here.weir), "listener=!other", "event=close") as process:
            while not select.select([process.stdout], [], [], 0.1)[0]:  # it may not follow yet
                one_pair(here)
            assert " close " in process.stdout.readline()
        assert 'no listener "othre"; the nearest name is "other"' in ctl(here, "events", "listener=!othre", code=1)


def test_each_event_is_a_line_as_in_the_log():
    with house() as here, events(control_path(here.weir), "event=close", "event=stats", "listener=web") as process:
        lines_until(process, " stats ")
        one_pair(here)
        line = lines_until(process, " close ")[-1]
        logged = here.weir.close_line()
        assert line.startswith(f"{logged['time']} info close ")
        for key in ("client", "server", "pair", "by", "reason", "bytes_up"):
            assert f" {key}={logged[key]}" in line, line


def test_how_weir_is_comes_only_to_who_asks():
    with house() as here:
        with events(control_path(here.weir), "--json") as process:
            stats = json.loads(lines_until(process, '"stats"')[-1])
            assert stats["pairs"]["open"] == 0
            with events(control_path(here.weir)) as other:
                while not select.select([other.stdout], [], [], 0.1)[0]:  # it may not follow yet
                    one_pair(here)
                lines_until(other, " close ")  # a line of an earlier pair may come late
            assert json.loads(lines_until(process, '"close"')[-1])["bytes_up"] == 5


def test_it_ends_with_weir():
    with house() as here, events(control_path(here.weir)) as process, events(control_path(here.weir), "--json") as other:
        lines_until(other, '"stats"')
        while not select.select([process.stdout], [], [], 0.1)[0]:  # it may not follow yet
            one_pair(here)
        here.weir.stop()
        assert re.search(r" end reason=\S+\n$", lines_until(process, " end ")[-1])
        assert json.loads(lines_until(other, '"end"')[-1])["event"] == "end"
        assert ended(process) == ended(other) == (0, "")


def test_it_ends_cleanly_by_sigint_and_where_nobody_reads():
    with house() as here:
        with events(control_path(here.weir), "event=stats") as process:
            lines_until(process, "stats")
            process.send_signal(signal.SIGINT)
            assert ended(process) == (0, "")
            assert all(line.endswith("\n") for line in process.stdout)
        with events(control_path(here.weir)) as process:
            process.stdout.close()
            assert ended(process) == (0, "")


@pytest.mark.parametrize("words", (("status",), ("events", "event=stats"), ("--json", "events"), ("--json", "top")))
def test_an_output_that_cannot_be_written_is_told(words):
    with house() as here, open("/dev/full", "wb") as full:
        done = subprocess.run([WEIRCTL, "-s", control_path(here.weir), *words], env=without_systemd(), text=True,
                              stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=DEADLINE, check=False)
        assert (done.returncode, done.stderr) == (1, "weirctl: standard output: No space left on device\n")


def cut(sock):
    """An answer that is cut off in the middle."""
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"5\r\n:\n\nda\r\n")


def hostile(sock):
    cut(sock)
    data = json.dumps({"event": "close", "x": "\x1b[2J \"\\", "a\x07": "b\u202e", "n": [1, None]}).encode()
    data = b"ta: " + data + b"\n\n"
    sock.sendall(b"%x\r\n%b\r\n" % (len(data), data))


def nonsense(sock):
    cut(sock)
    sock.sendall(b"8\r\nta: {]\n\n\r\n")
    sock.recv(1)


@pytest.mark.parametrize("serve, said, told", (
    (cut, "", "the service has ended"), (nonsense, "", "what came is no event"),
    (hostile, 'close x="\\x1b[2J \\"\\\\" a\\x07=b\\xe2\\x80\\xae n=[1,null]\n', "the service has ended")))
def test_what_comes_is_escaped_and_an_end_without_a_word_told(folder, serve, said, told):
    at = os.path.join(folder, "control")
    with peers.Server("unix", folder, serve, at=address.unix(at)).sock, events(at) as process:
        out, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, out) == (1, said) and told in err and len(err.splitlines()) == 1, err


def test_wrong_words_are_told():
    with house() as here:
        ctl(here, "events", "close", code=2)
        assert "there is no such filter" in ctl(here, "events", "colour=red", code=2)
        assert 'event: there is no "clos", the nearest is "close"' in ctl(here, "events", "event=clos", code=2)


def test_an_event_that_the_log_does_not_have_now_is_told():
    with house() as here:
        with events(control_path(here.weir), "event=open") as process:
            assert process.stderr.readline() == \
                "weirctl: open comes only while the level of the log is debug: weirctl log debug\n"
            ctl(here, "log", "debug")
            one_pair(here)
            assert " debug open " in process.stdout.readline()
        with events(control_path(here.weir), "event=open", "event=stats") as process:
            lines_until(process, " stats ")
            process.send_signal(signal.SIGINT)
            assert ended(process) == (0, "")
