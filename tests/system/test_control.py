# SPDX-License-Identifier: ISC
"""The control socket: its owner, its path and its lifetime; and `weir --reload`."""

import os
import signal
import socket
import stat

import pytest

from weirtest import address, peers
from weirtest.asking import ask, control_path as path_of, get
from weirtest.daemon import Weir, run
from weirtest.house import FAILED, exchange, house, listener
from weirtest.settings import scaled


def connect(here):
    return here.client(address.unix(path_of(here.weir)))


def test_it_is_for_its_owner_alone_and_goes_with_weir():
    with house() as here:
        what = os.stat(path_of(here.weir))
        assert stat.S_ISSOCK(what.st_mode) and stat.S_IMODE(what.st_mode) == 0o600
        here.weir.stop()
        assert os.listdir(here.weir.runtime) == []


def test_reload_is_answered_when_the_new_config_is_in_force():
    with house() as here:
        exchange(here.client())
        assert get(here.weir, "/v1/status")["reload"] is None
        for generation in (2, 3):
            answer = ask(here.weir, "POST", "/v1/reload")
            assert (answer.status, answer.json) == (200, {"generation": generation})
        status = get(here.weir, "/v1/status")
        assert status["generation"] == 3 and status["reload"]["ok"] is True


def test_failed_reload_is_answered_with_every_error():
    with house(errors=FAILED) as here:
        here.weir.configure(here.settings(colour="red", shape="round"))
        answer = ask(here.weir, "POST", "/v1/reload")
        assert answer.status == 409 and "mend" in answer.error
        assert len(answer.json["errors"]) == 2 and all(here.weir.config in line for line in answer.json["errors"])
        status = get(here.weir, "/v1/status")
        assert status["generation"] == 1 and status["reload"]["ok"] is False


def test_client_may_end_its_input_behind_the_request():
    with house() as here:
        with connect(here) as sock:
            sock.sendall(b"POST /v1/reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            peers.fin(sock)
            assert peers.read_end(sock)[0].startswith(b"HTTP/1.1 200 OK\r\n")


def test_client_that_goes_while_it_waits_harms_nobody():
    with house() as here:
        for _ in range(scaled(20, 5)):
            with connect(here) as sock:
                sock.sendall(b"POST /v1/reload HTTP/1.1\r\nHost: x\r\n\r\n")
        here.weir.record("reloaded")
        assert ask(here.weir, "POST", "/v1/reload").status == 200


# ---- without a folder, without a weir


def test_without_a_folder_there_is_no_socket_and_sighup_works():
    with house() as here:
        if not os.path.exists("/run/weir/control"):  # the default path of --reload
            done = run("--reload")
            assert done.returncode == 1
            assert done.stderr == ("weir: /run/weir/control: No such file or directory; weir is not running there: "
                                   "systemctl start weir, or name its socket\n")
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


def old_weir(sock):
    """A server's work: it answers as a weir that has the line protocol from before HTTP."""
    line = sock.makefile("rb").readline()
    sock.sendall((b"ok\n" if line == b"reload\n" else b"not known; ask for reload or status\nfailed\n"))


def no_json(sock):
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]")


@pytest.mark.parametrize("serve, words", (
    (lambda sock: sock.recv(64), "ended before it answered"),
    (old_weir, "an older one, which speaks no HTTP; systemctl restart weir"),
    (no_json, "Bad message")))
def test_weir_that_does_not_answer_is_told(folder, serve, words):
    with peers.Server("unix", folder, serve, at=address.unix(os.path.join(folder, "control"))).sock:
        done = run("--reload", env={"RUNTIME_DIRECTORY": folder})
        assert done.returncode == 1 and words in done.stderr, done


def test_socket_that_nobody_listens_on_is_told(folder):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.path.join(folder, "control"))
        done = run("--reload", env={"RUNTIME_DIRECTORY": folder})
        assert done.returncode == 1 and "Connection refused; weir is not running there" in done.stderr


def test_second_weir_leaves_the_socket_to_the_first():
    with house() as here:
        second = Weir({**here.weir.settings, "listeners": [{**here.weir.settings["listeners"][0],
                                                           "listen": str(here.free())}]},
                      env={"RUNTIME_DIRECTORY": here.weir.runtime})
        with second:
            second.record("control_failed", errno="EADDRINUSE")
        assert get(here.weir, "/healthz") == {"alive": True}


@pytest.mark.parametrize("path", ("{}/control", "{}/../run/control", "{}/link/control"))
def test_listener_on_its_path_is_refused(path):
    """--check and a reload refuse it, however its path reaches the folder of the socket."""
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
        path = path_of(here.weir)
        os.unlink(path)
        here.weir.signal(signal.SIGHUP)
        here.weir.record("reloaded")
        assert get(here.weir, "/healthz")
        os.rename(path, path + ".old")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        here.weir.signal(signal.SIGHUP)
        here.weir.record("reloaded", nth=1)
        assert get(here.weir, "/healthz")
        os.unlink(path + ".old")


def test_weir_that_drains_answers_until_the_next_one_takes_the_socket_over():
    with house(timeouts={"drain": "60s"}, drain={"idle_first": "none"}) as here:
        held = here.client()
        exchange(held)
        here.weir.signal(signal.SIGTERM)
        here.weir.notice("STOPPING=1")
        answer = ask(here.weir, "GET", "/readyz")
        assert answer.status == 503 and answer.error
        assert {**answer.json, "error": ""} == {"ready": False, "state": "draining", "error": ""}
        second = Weir({**here.weir.settings, "listeners": [listener("next", str(here.free()))]},
                      env={"RUNTIME_DIRECTORY": here.weir.runtime})
        with second:
            assert ask(here.weir, "POST", "/v1/reload").status == 200
            second.record("reloaded")
            held.close()
            assert here.weir.wait_exit() == 0
            assert not second.records("control_failed")
            assert ask(here.weir, "GET", "/readyz").status == 200
        assert os.listdir(here.weir.runtime) == []
