# SPDX-License-Identifier: ISC
"""The process: signals other than SIGTERM, its standard fds, what its parent has left behind, its last log lines."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from weirtest import config, peers, proc, seccomp, wait
from weirtest.daemon import run, without_systemd
from weirtest.rig import relay
from weirtest.settings import DEADLINE, SANITIZER, WEIR


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


UNPRIVILEGED = () if os.geteuid() == 0 else ("--user", "--map-root-user")
PLAIN = pytest.mark.skipif(SANITIZER != "", reason="the sanitizer needs /proc")
WITHOUT_PROC = ("unshare", *UNPRIVILEGED, "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /proc && exec "$@"', "sh")
WITHOUT_DEV = ("unshare", *UNPRIVILEGED, "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /dev && exec "$@"', "sh")


def relay_and_stop(process, path, upstream):
    """Relays a byte; then SIGTERM ends the process with status 0."""
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


@pytest.mark.parametrize("prefix", ((), pytest.param(WITHOUT_DEV, marks=pytest.mark.root)), ids=("", "no /dev"))
@pytest.mark.parametrize("closed", ((0,), (0, 1), (1, 2), (0, 1, 2)), ids=str)
def test_closed_standard_fds_do_no_harm(closed, prefix, tmp_path):
    close_them = ("sh", "-c", 'exec "$@" ' + " ".join(f"{fd}>&-" for fd in closed), "sh")
    path = str(tmp_path / "client.sock")
    with contextlib.closing(peers.Upstream("unix", str(tmp_path))) as upstream:
        conf = write(tmp_path, config.relay(f"unix:{path}", upstream))
        process = subprocess.Popen([*prefix, *close_them, WEIR, "-c", conf], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        relay_and_stop(process, path, upstream)


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


# Signals that have no handler, and what the process that started weir left behind.

KILLERS = [getattr(signal, "SIG" + name) for name in
           ("USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "STKFLT", "XCPU", "XFSZ")]
KILLERS += [signal.SIGRTMIN, signal.SIGRTMIN + 7, signal.SIGRTMAX]


def name_of(number):
    if number < signal.SIGRTMIN:
        return number.name.removeprefix("SIG").replace("IO", "POLL")
    return f"RTMIN+{number - signal.SIGRTMIN}"


def test_signals_that_nobody_handles_are_ignored_and_told():
    with relay() as rig:
        client, server = rig.pair()
        for number in KILLERS:
            rig.weir.signal(number)
            told = rig.weir.record("signal_ignored", signal=name_of(number))
            assert (told["level"], told["pid"]) == ("warn", str(os.getpid()))
            assert "SIGHUP" in told["remedy"]
        rig.weir.signal(signal.SIGPIPE)
        client.sendall(b"x")
        assert peers.read_exactly(server, 1) == b"x"


def test_a_signal_that_comes_again_and_again_is_told_once_a_second():
    with relay() as rig:
        start = time.monotonic()
        for _ in range(100):
            rig.weir.signal(signal.SIGRTMIN)  # real-time signals queue, and do not merge
        rig.weir.signal(signal.SIGRTMAX)
        rig.weir.record("signal_ignored", signal=name_of(signal.SIGRTMAX))
        assert len(rig.weir.records("signal_ignored", signal="RTMIN+0")) <= 1 + time.monotonic() - start


@pytest.mark.parametrize("left", (
    ("--ignore-signal=CHLD",), ("--ignore-signal",), ("--block-signal",), ("--ignore-signal", "--block-signal")))
def test_dispositions_and_masks_of_the_parent_change_nothing(left):
    with relay(daemon={"prefix": ("env", *left), "control": True}) as rig:
        client, server = rig.pair()
        assert rig.weir.reload(deadline=DEADLINE).returncode == 0
        rig.weir.signal(signal.SIGHUP)
        rig.weir.record("reloaded", nth=1)
        rig.weir.signal(signal.SIGUSR1)
        rig.weir.record("signal_ignored", signal="USR1")
        client.sendall(b"x")
        assert peers.read_exactly(server, 1) == b"x"
        client.close()
        server.close()
        rig.weir.signal(signal.SIGTERM)
        assert rig.weir.wait_exit() == 0


def test_a_timer_of_the_parent_does_not_end_weir():
    """The alarm is set before exec, and stays in force after it."""
    alarm = ("perl", "-e", "alarm 1; exec @ARGV")
    with relay(daemon={"prefix": alarm}) as rig:
        rig.weir.record("signal_ignored", signal="ALRM")


@contextlib.contextmanager
def waiting_for_its_config(folder, upstream):
    """A weir that waits for its config from a FIFO that nobody has written to yet, the FIFO, and the text to write."""
    conf = os.path.join(folder, "weir.conf")
    os.mkfifo(conf)
    process = subprocess.Popen([WEIR, "-c", conf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env=without_systemd())
    try:
        wait.until(lambda: proc.wchan(process.pid) == "wait_for_partner", "weir to wait for its config")
        yield process, conf, config.text(config.relay(f"unix:{folder}/client.sock", upstream))
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", (signal.SIGHUP, signal.SIGUSR1))
def test_signals_during_the_start_wait_until_weir_is_ready(number, folder):
    with waiting_for_its_config(folder, "127.0.0.1:9") as (process, conf, text):
        process.send_signal(number)
        with open(conf, "w", encoding="ascii") as file:
            file.write(text)
        told = "event=reload_failed " if number == signal.SIGHUP else "event=signal_ignored "
        lines = iter(process.stderr.readline, "")
        assert any(told in line for line in lines)  # a reload from a FIFO fails
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))
def test_a_start_that_waits_for_its_config_can_be_stopped(number, folder):
    with waiting_for_its_config(folder, "127.0.0.1:9") as (process, _, _):
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0


def test_a_log_in_a_file_that_may_not_grow_ends_nothing(folder):
    """The write that fails sends SIGXFSZ to weir."""
    path = os.path.join(folder, "client.sock")
    with contextlib.closing(peers.Upstream("unix", folder)) as upstream, \
            open(os.path.join(folder, "log"), "wb") as log:
        conf = write(folder, config.relay(f"unix:{path}", upstream))
        process = subprocess.Popen(["prlimit", "--fsize=100", WEIR, "-c", conf], stderr=log,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        relay_and_stop(process, path, upstream)


def test_a_notify_socket_that_nobody_reads_stops_nothing(folder):
    """The socket is full from the start. When systemd reads again, it gets all that it must know."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        path = os.path.join(folder, "notify")
        manager.bind(path)
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                filler.sendto(b"x", path)
        with relay(daemon={"notify": False, "control": True,
                           "env": {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"}}) as rig:
            client, server = rig.pair()
            assert rig.weir.reload(deadline=DEADLINE).returncode == 0
            client.sendall(b"x")
            assert peers.read_exactly(server, 1) == b"x"
            manager.settimeout(DEADLINE)
            told = iter(lambda: manager.recv(4096), None)
            assert any(b"READY=1" == one for one in told)
            rig.weir.signal(signal.SIGTERM)
            assert any(b"STOPPING=1" == one for one in told)


# Children that weir did not start.

@pytest.mark.parametrize("reload", (False, True))
def test_children_of_the_shell_that_became_weir_do_not_stay_as_zombies(reload):
    """As PID 1 of a container weir gets such children, too: orphans."""
    shell = ("sh", "-c", 'for one in 1 2 3; do sleep 0 & done; exec "$@"', "sh")
    with relay(daemon={"prefix": shell, "control": True}) as rig:
        if reload:
            assert rig.weir.reload(deadline=DEADLINE).returncode == 0
        wait.until(lambda: not proc.children(rig.weir.pid), "no child to be left")


@pytest.mark.root
def test_orphans_are_reaped_by_pid_1(folder):
    inner = 'mount -t proc proc /proc; (sh -c "sleep 0.1 & :"); exec "$@"'
    path = os.path.join(folder, "client.sock")
    with contextlib.closing(peers.Upstream("unix", folder)) as upstream:
        conf = write(folder, config.relay(f"unix:{path}", upstream))
        process = subprocess.Popen(
            ["unshare", *UNPRIVILEGED, "--pid", "--fork", "--kill-child", "--mount", "sh", "-c", inner, "sh", WEIR,
             "-c", conf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=without_systemd())
        try:
            wait.until(lambda: os.path.exists(path), "weir to listen")
            weir, = proc.children(process.pid)
            wait.until(lambda: not proc.children(weir), "no child to be left")
            os.kill(weir, signal.SIGTERM)
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
            process.wait()


@pytest.mark.root
def test_workers_follow_the_quota_of_the_cgroup():
    """The cgroup is of the older hierarchy or of cgroup 2: the first where the test may make one."""
    for root, limits in (("/sys/fs/cgroup/cpu", {"cpu.cfs_quota_us": "50000"}),
                         ("/sys/fs/cgroup", {"cpu.max": "50000 100000"})):
        cgroup = f"{root}/weir-test-{os.getpid()}"
        try:
            os.mkdir(cgroup)
        except OSError:
            continue
        try:
            for name, value in limits.items():
                with open(f"{cgroup}/{name}", "w", encoding="ascii") as file:
                    file.write(value)
            enter = ("sh", "-c", f'echo $$ > {cgroup}/cgroup.procs && exec "$@"', "sh")
            with relay(daemon={"prefix": enter}, workers=None) as rig:
                assert rig.weir.record("ready")["workers"] == "1"
            return
        except (FileNotFoundError, PermissionError):
            pass  # this hierarchy does not have the processors
        finally:
            wait.until(lambda: not open(f"{cgroup}/cgroup.procs", encoding="ascii").read(), "an empty cgroup")
            os.rmdir(cgroup)
    pytest.skip("no cgroup can be made here")


# What weir lacks, and how it says so.

LEAK = ("""import os, sys
leaked = os.open('/dev/null', os.O_RDONLY)
for fd in range(10, 10 + int(sys.argv[1])):
    os.dup2(leaked, fd)
os.execvp(sys.argv[2], sys.argv[2:])""")


@pytest.mark.parametrize("without_proc", (False, pytest.param(True, marks=(PLAIN, pytest.mark.root))))
def test_descriptors_that_nobody_asked_for_are_in_the_budget(without_proc, report):
    """weir serves as many pairs as it says, and resets none of them."""
    leaked, limit = 60, 160
    prefix = ("prlimit", f"--nofile={limit}", sys.executable, "-c", LEAK, str(leaked))
    if without_proc:
        prefix = (*WITHOUT_PROC, *prefix)
    with relay(daemon={"prefix": prefix}) as rig:
        count = int(rig.weir.record("ready")["max_pairs"])
        report(f"{count} pairs beside {leaked} leaked descriptors of {limit}")
        assert count <= (limit - leaked) / 2
        pairs = [rig.pair() for _ in range(count)]
        for client, server in pairs:
            client.sendall(b"x")
            assert peers.read_exactly(server, 1) == b"x"
        rig.client()
        rig.weir.record("limit_reached")
        assert not rig.weir.records("close") and not rig.weir.records("accept_resting")


@pytest.mark.root
@PLAIN
def test_without_proc_weir_relays_and_a_reload_says_what_is_missing():
    with relay(daemon={"prefix": WITHOUT_PROC, "control": True, "errors": ("reload_failed",)}) as rig:
        client, server = rig.pair()
        done = rig.weir.reload(deadline=DEADLINE)
        assert done.returncode == 1 and "mount /proc" in done.stderr, done.stderr
        client.sendall(b"x")
        assert peers.read_exactly(server, 1) == b"x"


@PLAIN
def test_threads_that_cannot_be_had_are_told_with_the_remedies(folder):
    conf = write(folder, {"workers": 2, **config.relay(f"unix:{folder}/client.sock", "127.0.0.1:9")})
    done = run("-c", conf, prefix=seccomp.prefix(errno.EAGAIN, "clone3"))  # threads fail, processes do not
    assert done.returncode == 1
    assert "event=start_failed" in done.stderr, done.stderr
    for word in ("TasksMax=", "LimitNPROC=", "workers"):
        assert word in done.stderr


def test_a_process_for_the_config_that_cannot_be_had_is_told_with_the_remedies(folder):
    conf = write(folder, config.relay(f"unix:{folder}/client.sock", "127.0.0.1:9"))
    done = run("-c", conf, prefix=seccomp.prefix(errno.EAGAIN, "clone", "clone3"))
    assert done.returncode == 1, done
    for word in (conf, "TasksMax=", "LimitNPROC="):
        assert word in done.stderr, done.stderr


def test_descriptors_that_are_short_in_a_reload_are_told_with_the_remedy():
    with relay(daemon={"errors": ("reload_failed",)}) as rig:
        client, server = rig.pair()
        subprocess.run(["prlimit", f"--pid={rig.weir.pid}", "--nofile=5:4096"], check=True)
        rig.weir.signal(signal.SIGHUP)  # not by the control socket: weir could not accept its client
        told = rig.weir.record("reload_failed")["error"]
        assert "Too many open files" in told and "LimitNOFILE=" in told
        client.sendall(b"x")
        assert peers.read_exactly(server, 1) == b"x"
