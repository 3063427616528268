# SPDX-License-Identifier: ISC
"""The control socket, as anything may talk to it, and `weir --reload`, as anybody may call it."""

import os
import random
import select
import signal
import socket
import stat
import time

import pytest

from weirtest import address, peers, wait
from weirtest.daemon import Weir, run
from weirtest.house import FAILED, exchange, house, listener
from weirtest.settings import DEADLINE, LATE, scaled

CLIENTS = 8
SECONDS = 5  # that a client has


def path_of(here):
    return os.path.join(here.weir.runtime, "control")


def connect(here):
    return here.client(address.unix(path_of(here)))


def ask(here, line):
    """The whole answer to a line."""
    with peers.connect(address.unix(path_of(here))) as sock:
        sock.sendall(line)
        return peers.read_end(sock)[0].decode().splitlines()


def test_it_is_for_its_owner_alone_and_goes_with_weir():
    with house() as here:
        what = os.stat(path_of(here))
        assert stat.S_ISSOCK(what.st_mode) and stat.S_IMODE(what.st_mode) == 0o600
        here.weir.stop()
        assert os.listdir(here.weir.runtime) == []


def test_reload_and_status_are_answered():
    with house() as here:
        exchange(here.client())
        assert ask(here, b"reload\n") == ["ok"]
        status, last = ask(here, b"status\n")
        assert last == "ok"
        assert status.startswith("1 listener, ") and ", reloaded " in status


def test_failed_reload_is_answered_with_every_error():
    with house(errors=FAILED) as here:
        here.weir.configure(here.settings(colour="red", shape="round"))
        *errors, last = ask(here, b"reload\n")
        assert last == "failed" and len(errors) == 2
        assert ", reload failed " in ask(here, b"status\n")[0]


@pytest.mark.parametrize("line", (b"\n", b"reload \n", b"RELOAD\n", b"reload\r\n", b"rel\0oad\n", b"quit\n",
                                  b"x" * 63 + b"\n"))
def test_unknown_line_is_refused(line):
    with house() as here:
        assert ask(here, line) == ["not known; ask for reload or status", "failed"]
        assert ask(here, b"status\n")[-1] == "ok"


@pytest.mark.parametrize("length", (64, 100, 100_000))
def test_line_that_is_too_long_is_refused(length):
    with house() as here:
        with connect(here) as sock:
            try:
                sock.sendall(b"x" * length)
            except (BrokenPipeError, ConnectionResetError):
                pass
            assert peers.read_end(sock)[0] in (b"too long; ask for reload or status\nfailed\n", b"")
        assert ask(here, b"status\n")[-1] == "ok"


def test_line_may_come_byte_by_byte_and_only_the_first_counts():
    with house() as here:
        with connect(here) as sock:
            for byte in b"status\nreload\nreload\n":
                try:
                    sock.sendall(bytes([byte]))
                except (BrokenPipeError, ConnectionResetError):
                    break
            got, _ = peers.read_end(sock)
        assert got.endswith(b"ok\n") and got.count(b"\n") == 2
        assert not here.weir.records("reloaded")


def test_client_may_end_its_input_behind_the_line():
    with house() as here:
        with connect(here) as sock:
            sock.sendall(b"reload\n")
            peers.fin(sock)
            assert peers.read_end(sock)[0] == b"ok\n"


def test_client_that_goes_while_it_waits_harms_nobody():
    with house() as here:
        for _ in range(scaled(20, 5)):
            with connect(here) as sock:
                sock.sendall(b"reload\n")
        here.weir.record("reloaded")
        assert ask(here, b"reload\n") == ["ok"]


def test_ninth_client_waits_for_a_place():
    with house() as here:
        socks = [connect(here) for _ in range(CLIENTS)]
        late = connect(here)
        late.sendall(b"status\n")
        assert not select.select([late], [], [], 0.5)[0]
        socks[3].close()
        assert peers.read_end(late)[0].endswith(b"ok\n")


def test_slow_client_is_let_go_after_its_time(report):
    with house() as here:
        start = time.monotonic()
        silent, slow = connect(here), connect(here)
        while time.monotonic() - start < SECONDS - 1:
            slow.sendall(b"s")
            time.sleep(0.5)
        assert peers.read_end(silent)[0] == b""
        passed = time.monotonic() - start
        assert peers.read_end(slow)[0] == b""
        assert SECONDS <= passed < SECONDS + LATE
        report(f"let go after {passed:.3f} s")


def test_client_that_does_not_read_is_let_go_after_its_time():
    """A long answer fills its socket; then its place is given to another."""
    with house(errors=FAILED) as here:
        here.weir.configure(here.settings(**{f"key{number}": 1 for number in range(900)}))
        full = []
        for _ in range(CLIENTS):
            sock = address.unix(path_of(here)).socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            here.stack.enter_context(sock)
            sock.settimeout(DEADLINE)
            sock.connect(path_of(here))
            sock.sendall(b"reload\n")
            full.append(sock)
        start = time.monotonic()
        with connect(here) as late:
            late.sendall(b"status\n")
            assert peers.read_end(late)[0].endswith(b"ok\n")
        assert time.monotonic() - start < SECONDS + LATE


def test_noise_is_stood(report):
    """Hostile clients of every kind, while pairs go on."""
    chance = random.Random(11)
    rounds = scaled(300, 60)
    with house() as here:
        pair = here.client()
        for number in range(rounds):
            with connect(here) as sock:
                data = chance.randbytes(chance.randint(0, 200))
                if chance.random() < 0.5:
                    data = data.replace(b"\n", b"") + b"\n"
                try:
                    sock.sendall(data)
                    if chance.random() < 0.3:
                        peers.fin(sock)
                    if chance.random() < 0.3 and b"\n" in data:
                        peers.read_end(sock)
                except (BrokenPipeError, ConnectionResetError):
                    pass
            exchange(pair, b"%d" % number)
        wait.until(lambda: ask(here, b"status\n")[-1] == "ok", "an answer")
        report(f"{rounds} clients")


# ---- without a folder, without a weir


def test_without_a_folder_there_is_no_socket_and_sighup_works():
    with house() as here:
        done = run("--reload")
        assert done.returncode == 1
        assert done.stderr == ("weir: RUNTIME_DIRECTORY is not set; run systemctl reload weir, or kill -HUP "
                               "the process\n")
        here.weir.signal(signal.SIGHUP)
        here.weir.record("reloaded")


def test_first_of_several_folders_is_taken(folder):
    with house() as here:
        assert run("--reload", env={"RUNTIME_DIRECTORY": f"{here.weir.runtime}:{folder}"}).returncode == 0
        done = run("--reload", env={"RUNTIME_DIRECTORY": f"{folder}:{here.weir.runtime}"})
        assert done.returncode == 1 and "No such file or directory" in done.stderr


@pytest.mark.parametrize("name, what", (("run", "Invalid argument"), ("/" + "x" * 5000, "File name too long"),
                                        ("/" + "x" * 100, "File name too long")))
def test_folder_that_cannot_be_is_told_and_weir_runs(name, what):
    done = run("--reload", env={"RUNTIME_DIRECTORY": name})
    assert done.returncode == 1 and done.stderr.startswith(f"weir: RUNTIME_DIRECTORY: {what}; ")
    with house(env={"RUNTIME_DIRECTORY": name}, control=False) as here:
        here.weir.record("control_failed")
        exchange(here.client())


def test_weir_that_does_not_answer_is_told(folder):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.path.join(folder, "control"))
        env = {"RUNTIME_DIRECTORY": folder}
        assert "Connection refused" in run("--reload", env=env).stderr
        sock.listen()
        other = peers.Server("unix", folder, lambda one: one.recv(64), at=address.unix(os.path.join(folder, "x")))
        os.replace(os.path.join(folder, "x"), os.path.join(folder, "control"))
        done = run("--reload", env=env)
        assert done.returncode == 1 and "ended before it answered" in done.stderr
        other.close()


def test_second_weir_leaves_the_socket_to_the_first():
    with house() as here:
        second = Weir({**here.weir.settings, "listeners": [{**here.weir.settings["listeners"][0],
                                                           "listen": str(here.free())}]},
                      env={"RUNTIME_DIRECTORY": here.weir.runtime})
        with second:
            second.record("control_failed", errno="EADDRINUSE")
        assert ask(here, b"status\n")[-1] == "ok"


@pytest.mark.parametrize("path", ("{}/control", "{}/../run/control", "{}/link/control"))
def test_listener_on_its_path_is_refused(path):
    """By --check and by a reload, whatever leads to the folder."""
    with house(errors=FAILED) as here:
        os.symlink(here.weir.runtime, os.path.join(here.weir.runtime, "link"))
        listen = "unix:" + path.format(here.weir.runtime)
        line, = here.fail("is weir's own control socket; write another path",
                          listeners=[listener("web", str(here.weir.address)), listener("side", listen)])
        assert ": listeners[1].listen: " in line
        done = run("--check", "-c", here.weir.config, env={"RUNTIME_DIRECTORY": here.weir.runtime})
        assert done.returncode == 1 and "is weir's own control socket" in done.stderr
        here.weir.configure(here.settings(listeners=[listener("web", f"unix:{here.weir.folder}/control")]))
        assert run("--check", "-c", here.weir.config,
                   env={"RUNTIME_DIRECTORY": here.weir.runtime}).returncode == 0
        os.unlink(os.path.join(here.weir.runtime, "link"))


def test_path_that_was_removed_is_made_anew_by_a_hangup():
    with house() as here:
        os.unlink(path_of(here))
        here.weir.signal(signal.SIGHUP)
        here.weir.record("reloaded")
        assert ask(here, b"reload\n") == ["ok"]
        os.rename(path_of(here), path_of(here) + ".old")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path_of(here))
        here.weir.signal(signal.SIGHUP)
        here.weir.record("reloaded", nth=2)
        assert ask(here, b"reload\n") == ["ok"]
        os.unlink(path_of(here) + ".old")


def test_weir_that_drains_answers_until_the_next_one_takes_the_socket_over():
    with house(timeouts={"drain": "60s"}, drain={"idle_first": "none"}) as here:
        held = here.client()
        exchange(held)
        here.weir.signal(signal.SIGTERM)
        here.weir.notice("STOPPING=1")
        assert ask(here, b"status\n")[-1] == "ok"
        second = Weir({**here.weir.settings, "listeners": [listener("next", str(here.free()))]},
                      env={"RUNTIME_DIRECTORY": here.weir.runtime})
        with second:
            assert ask(here, b"reload\n") == ["ok"]
            second.record("reloaded")
            held.close()
            assert here.weir.wait_exit() == 0
            assert not second.records("control_failed")
            assert ask(here, b"reload\n") == ["ok"]
        assert os.listdir(here.weir.runtime) == []
