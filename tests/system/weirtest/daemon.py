# SPDX-License-Identifier: ISC
"""Starts and stops the daemon, and waits until it is ready or has exited."""

import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import activation, address, config, events, proc
from .heard import Heard
from .settings import DEADLINE, WEIR

_START_TRIES = 5


class Free:
    """Stands for a free address in a config. The harness picks it, and another one if weir cannot bind the first."""

    def __init__(self, transport):
        self.transport = transport
        self.address = None

    def pick(self, folder):
        self.address = address.free(self.transport, folder)

    def __str__(self):
        return self.address.text


def without_systemd():
    """The environment without the variables that systemd has set for the test run."""
    return {key: value for key, value in os.environ.items()
            if key not in ("NOTIFY_SOCKET", "JOURNAL_STREAM", "RUNTIME_DIRECTORY", "WATCHDOG_USEC", "WATCHDOG_PID")}


def run(*args, folder=None, timeout=DEADLINE, passed=None, prefix=(), env=None, **popen):
    """Runs `weir ARGS` to its end, with the sockets `passed` if any; its output is text."""
    if passed is not None:
        popen["pass_fds"] = [sock.fileno() for _, sock in passed]
    return subprocess.run([*prefix, *activation.prefix(passed), WEIR, *args], cwd=folder,
                          env={**without_systemd(), **(env or {})}, timeout=timeout, text=True,
                          errors="backslashreplace", stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, **popen)


class Weir(Heard):
    """
    A running daemon, for `with`. At the end of the block the daemon is stopped. It must exit with
    `exit_code`. Each line of the log must be weir's own and of a known event, and none may be an error. A
    pair may have only one closing line.

    settings     the config: a dict for config.text(), in which Free stands for addresses
    read_log     False leaves the log in its pipe (of `log_pipe` bytes) until read_log() is called
    log_is_cut   the last line of the log may be incomplete when weir exits
    control      weir has a RUNTIME_DIRECTORY, and so a control socket, which reload() needs
    errors       events that may be errors in the log
    journal      JOURNAL_STREAM names weir's stderr, as if it led to the journal
    notify       False: no NOTIFY_SOCKET; readiness is then read from the log
    prefix       a command that executes weir, e.g. prlimit
    passed       [(name, socket), ...] that weir inherits as from systemd
    program      another build of weir
    """

    def __init__(self, settings, *, exit_code=0, read_log=True, log_pipe=None,
                 log_is_cut=False, control=False, errors=(), journal=False, notify=True, prefix=(), umask=-1, env=None,
                 passed=None, program=WEIR):
        super().__init__()
        self.settings = settings
        self.exit_code = exit_code
        self.folder = tempfile.mkdtemp(prefix="weir-")
        self.config = os.path.join(self.folder, "weir.conf")
        self.runtime = os.path.join(self.folder, "run")
        self._errors = errors
        self._options = {"control": control, "prefix": prefix, "umask": umask, "env": env or {}, "journal": journal,
                         "notify": notify, "log_pipe": log_pipe, "passed": passed, "program": program}
        self._reads_log = read_log
        self._log_is_cut = log_is_cut
        self._process = None

    # Life

    def __enter__(self):
        try:
            for left in reversed(range(_START_TRIES)):
                if self._start(last=left == 0):
                    return self
        except BaseException:
            self._end()
            raise
        raise AssertionError("unreachable")

    def __exit__(self, kind, problem, trace):
        try:
            if kind is None:
                self._stop_now()
                self._judge()
        except BaseException:
            self.show()
            raise
        finally:
            if kind is not None:
                self.show()
            self._end()

    def _start(self, last):
        for free in self._frees(self.settings):
            free.pick(self.folder)
        self.configure(self.settings)
        self._forget()
        self._process = self._spawn_process()
        self._life = os.pidfd_open(self._process.pid)  # readable once it has ended
        self._spawn(self._listen_to_notices)
        if self._reads_log:
            self._reads_log = False
            self.read_log()
        if self._wait(self._is_ready, alive=False):
            return True
        self._join()
        if self._is_ready():
            return True  # it was ready, and has exited since
        if not last and "EADDRINUSE" in self.text() and any(self._frees(self.settings)):
            self._close_fds()
            return False
        raise AssertionError(f"weir did not become ready, exit {self._process.poll()}:\n{self.text()}")

    def _spawn_process(self):
        env = {**without_systemd(), **self._options["env"]}
        notify = os.path.join(self.folder, "notify")
        if os.path.exists(notify):
            os.unlink(notify)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(notify)
        if self._options["notify"]:
            env["NOTIFY_SOCKET"] = notify
        if self._options["control"]:
            os.makedirs(self.runtime, exist_ok=True)
            env["RUNTIME_DIRECTORY"] = self.runtime
        self._log, log = os.pipe()
        if self._options["log_pipe"]:
            fcntl.fcntl(log, fcntl.F_SETPIPE_SZ, self._options["log_pipe"])
        if self._options["journal"]:
            what = os.fstat(log)
            env["JOURNAL_STREAM"] = f"{what.st_dev}:{what.st_ino}"
        passed = self._options["passed"]
        try:
            return subprocess.Popen(
                [*self._options["prefix"], *activation.prefix(passed), self._options["program"],
                 *self._arguments()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                umask=self._options["umask"], cwd=self.folder,
                pass_fds=[sock.fileno() for _, sock in passed or ()])
        finally:
            os.close(log)

    def _arguments(self):
        return ["-c", self.config]

    def _is_ready(self):
        if self._options["notify"]:
            return "READY=1" in self.notices
        return self.records("ready")

    def _stop_now(self):
        """Ends weir without waiting for its pairs: by two different signals, as the same one twice may count once."""
        poller = select.poll()
        poller.register(self._life, select.POLLIN)
        end = time.monotonic() + DEADLINE
        while self._process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError("weir does not end")
            self._process.send_signal(signal.SIGTERM)
            self._process.send_signal(signal.SIGINT)
            poller.poll(200)

    def _judge(self):
        self.read_log()
        self._join()
        code = self._process.returncode
        assert not self.strange, "lines that are not weir's:\n" + "\n".join(self.strange)
        assert code == self.exit_code, f"exit {code}, expected {self.exit_code}"
        bad = [one for one in self._records if one.get("level") == "error" and one["event"] not in self._errors]
        assert not bad, f"errors logged: {bad}"
        unknown = {one["event"] for one in self._records} - events.LINES
        assert not unknown, f"events that src/log/events.c does not have: {unknown}"
        pairs = [one["pair"] for one in self.records("close")]
        assert len(pairs) == len(set(pairs)), "a pair was closed twice"

    def _end(self):
        if self._process:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._join()
            self._close_fds()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _close_fds(self):
        self._notify.close()
        os.close(self._life)
        if self._log >= 0:
            os.close(self._log)

    @staticmethod
    def _frees(settings):
        if isinstance(settings, str):
            return
        for one in settings["listeners"]:
            listen = one["listen"]
            yield from (free for free in (listen if isinstance(listen, list) else [listen])
                        if isinstance(free, Free))

    def show(self):
        print(f"--- weir, exit {self._process and self._process.poll()}\n{self.text()}\n---")

    # What a test does with it

    def join(self):
        """Waits until weir has exited and all that it logged has been read."""
        self._process.wait(DEADLINE)
        self._join()

    def read_log(self):
        """Starts reading the log, if it is not read already."""
        if not self._reads_log:
            self._reads_log = True
            self._spawn(self._listen_to_log)

    def close_log(self):
        """Closes the log, which is not read yet: weir's writes to it fail."""
        self._reads_log = True
        os.close(self._log)
        self._log = -1

    def configure(self, settings):
        """Writes the config file, which weir reads at its start and at reloads. Text is written as it is."""
        written = settings if isinstance(settings, str) else config.text(settings)
        with open(self.config + ".new", "w", encoding="utf-8") as file:
            file.write(written)
        os.replace(self.config + ".new", self.config)

    def reload(self, settings=None, deadline=DEADLINE):
        """Runs `weir --reload`, after configure() if there are settings; returns the same as run()."""
        if settings is not None:
            self.configure(settings)
        return run("--reload", timeout=deadline, env={"RUNTIME_DIRECTORY": self.runtime})

    @property
    def pid(self):
        return self._process.pid

    @property
    def address(self):
        """The first address that the harness picked."""
        return next(self._frees(self.settings)).address

    def signal(self, number):
        self._process.send_signal(number)
        if number == signal.SIGSTOP:
            self._wait(lambda: proc.state(self.pid) == "T")

    def wait_exit(self, deadline=DEADLINE):
        """Waits until weir exits by itself; returns the code."""
        return self._process.wait(deadline)

    def stop(self, deadline=DEADLINE):
        """Sends SIGTERM; returns the seconds until weir has exited. The code must be exit_code."""
        start = time.monotonic()
        self.signal(signal.SIGTERM)
        code = self.wait_exit(deadline)
        assert code == self.exit_code, f"exit {code}, expected {self.exit_code}"
        return time.monotonic() - start
