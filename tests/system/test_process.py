# SPDX-License-Identifier: ISC
"""The process and whoever started it: signals beside SIGTERM, its standard fds, its last words."""

import contextlib
import os
import signal
import socket
import subprocess

import pytest

from weirtest import config, peers, wait
from weirtest.daemon import run
from weirtest.rig import relay
from weirtest.settings import DEADLINE, WEIR


def write(folder, settings):
    path = os.path.join(folder, "weir.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(config.text(settings))
    return path


def test_hangup_reloads_and_cuts_nothing():
    with relay() as rig:
        client, server = rig.pair()
        rig.weir.signal(signal.SIGHUP)
        rig.weir.record("reloaded")
        client.sendall(b"x")
        assert peers.read_exactly(server, 1) == b"x"


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))
def test_signals_that_stop_are_named_with_what_is_left(number):
    with relay(timeouts={"drain": "10s"}) as rig:
        client, server = rig.pair()
        rig.weir.record("ready")
        rig.weir.signal(number)
        stopping = rig.weir.record("stopping")
        assert stopping["signal"] == number.name.removeprefix("SIG")
        assert (stopping["pairs"], stopping["drain_ms"]) == ("1", "10000.000")
        client.close()
        server.close()
        assert rig.weir.wait_exit() == 0


@pytest.mark.workers
@pytest.mark.parametrize("workers", (1, 4))
def test_stopped_is_the_last_line(workers):
    with relay(workers=workers) as rig:
        pairs = [rig.pair() for _ in range(8)]
        rig.weir.signal(signal.SIGTERM)
        rig.weir.record("stopping")
        for client, server in pairs:
            client.close()
            server.close()
        assert rig.weir.wait_exit() == 0
        rig.weir.join()
        events = [line.split("event=")[1].split()[0] for line in rig.weir.text().splitlines()]
        assert events.count("close") == 8
        assert events[-1] == "stopped"


@pytest.mark.parametrize("closed", ((0,), (0, 1), (1, 2), (0, 1, 2)), ids=str)
def test_closed_standard_fds_do_no_harm(closed, tmp_path):
    def close_them():
        for fd in closed:
            os.close(fd)

    path = str(tmp_path / "client.sock")
    with contextlib.closing(peers.Upstream("unix", str(tmp_path))) as upstream:
        conf = write(tmp_path, config.relay(f"unix:{path}", upstream))
        process = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
            [WEIR, "-c", conf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=close_them)
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(DEADLINE)
                wait.until(lambda: client.connect_ex(path) == 0, "weir to listen")
                client.sendall(b"x")
                with upstream.accept() as server:
                    assert peers.read_exactly(server, 1) == b"x"
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
            process.wait()


def test_limit_that_is_reached_is_told():
    with relay(listener={"max_pairs": 1}) as rig:
        rig.pair()
        rig.client()
        told = rig.weir.record("limit_reached")
        assert (told["level"], told["listener"], told["max_pairs"]) == ("warn", "relay", "1")
        assert "max_pairs" in told["remedy"]


def test_every_listener_that_cannot_be_bound_is_told(tmp_path):
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [one.getsockname()[1] for one in taken]
    conf = write(tmp_path, {
        "listeners": [{"name": f"l{port}", "listen": f"127.0.0.1:{port}", "upstream": "app"}
                      for port in ports],
        "upstreams": [{"name": "app", "servers": [{"address": "127.0.0.1:9"}]}]})
    done = run("-c", conf)
    assert done.returncode == 1
    for port in ports:
        assert f"listener=l{port} address=127.0.0.1:{port} errno=EADDRINUSE" in done.stderr
    assert f"event=not_started conf={conf} " in done.stderr.splitlines()[-1]
    for one in taken:
        one.close()


def test_too_few_descriptors_are_told_with_the_number_it_takes(tmp_path):
    conf = write(tmp_path, config.relay(f"unix:{tmp_path}/x.sock", "127.0.0.1:9"))
    done = subprocess.run(["prlimit", "--nofile=20:20", WEIR, "-c", conf], capture_output=True,
                          text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 1
    assert "weir needs " in done.stderr and "the limit is 20" in done.stderr
    assert "LimitNOFILE=" in done.stderr and "max_pairs = 0" not in done.stderr


@pytest.mark.parametrize("option", ("-h", "--help"))
def test_help_is_given(option):
    done = run(option)
    assert done.returncode == 0 and "--check" in done.stdout
