# SPDX-License-Identifier: ISC
"""The daemon as a test sees it from outside: started, ready, logging, told to stop, gone."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from . import address, config, logfmt, proc
from .settings import DEADLINE, WEIR

_START_TRIES = 5


class Free:
    """Stands for a free address in a config; the harness picks it, and another if weir lost the race."""

    def __init__(self, transport):
        self.transport = transport
        self.address = None

    def pick(self, folder):
        self.address = address.free(self.transport, folder)

    def __str__(self):
        return self.address.text


def run(*args, folder=None, timeout=DEADLINE, **popen):
    """Runs `weir ARGS` to its end. Output is text; control characters stay as they came."""
    environment = {**os.environ, "NOTIFY_SOCKET": "", "JOURNAL_STREAM": ""}
    del environment["NOTIFY_SOCKET"], environment["JOURNAL_STREAM"]
    return subprocess.run([WEIR, *args], cwd=folder, env=environment, timeout=timeout, text=True,
                          errors="backslashreplace", stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, **popen)


class Weir:
    """
    A running daemon, for `with`. At its end the daemon is stopped, and must have exited with
    `exit_code`, have logged only lines of its own, none of them an error whose event is not in
    `errors`, and at most one closing line for each pair.

    settings     the config: a dict for config.text(), in which Free stands for addresses
    read_log     False leaves the log in its pipe (of `log_pipe` bytes) until read_log() is called
    prefix       a command that executes weir, e.g. prlimit
    """

    def __init__(self, settings, *, errors=(), exit_code=0, read_log=True, log_pipe=None, prefix=(),
                 umask=-1, env=None):
        self.settings = settings
        self.errors = set(errors)
        self.exit_code = exit_code
        self.folder = tempfile.mkdtemp(prefix="weir-")
        self.config = os.path.join(self.folder, "weir.conf")
        self.strange = []  # lines that are not weir's
        self.notices = []  # lines sent to NOTIFY_SOCKET
        self._options = {"prefix": prefix, "umask": umask, "env": env or {}}
        self._read_from_start = read_log
        self._log_pipe = log_pipe
        self._records = []
        self._news = threading.Condition()
        self._threads = []
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
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config.text(self.settings))
        self._records, self.strange, self.notices, self._threads = [], [], [], []
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify = os.path.join(self.folder, "notify")
        if os.path.exists(notify):
            os.unlink(notify)
        self._notify.bind(notify)
        env = {**os.environ, "NOTIFY_SOCKET": notify, **self._options["env"]}
        env.pop("JOURNAL_STREAM", None)
        self._log, log = os.pipe()
        if self._log_pipe:
            import fcntl

            fcntl.fcntl(log, fcntl.F_SETPIPE_SZ, self._log_pipe)
        with os.fdopen(log, "wb"):
            self._process = subprocess.Popen(
                [*self._options["prefix"], WEIR, "-c", self.config], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=env, umask=self._options["umask"], cwd=self.folder)
        self._spawn(self._listen_to_notices)
        if self._read_from_start:
            self.read_log()
        ready = self._wait(lambda: "READY=1" in self.notices, alive=False)
        if ready:
            return True
        self._join()
        if not last and "EADDRINUSE" in self.text() and any(self._frees(self.settings)):
            self._close_fds()
            return False
        raise AssertionError(f"weir did not become ready, exit {self._process.poll()}:\n{self.text()}")

    def _stop_now(self):
        """Ends it without waiting for its pairs. Signals that are still pending merge, so repeat."""
        end = time.monotonic() + DEADLINE
        while self._process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError("weir does not end")
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(0.2)
            except subprocess.TimeoutExpired:
                pass

    def _judge(self):
        if not self._read_from_start:
            self.read_log()
        self._join()
        code = self._process.returncode
        assert not self.strange, "lines that are not weir's:\n" + "\n".join(self.strange)
        assert code == self.exit_code, f"exit {code}, expected {self.exit_code}"
        bad = [one for one in self._records
               if one.get("level") == "error" and one["event"] not in self.errors]
        assert not bad, f"errors logged: {bad}"
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
        os.close(self._log)

    # The threads that listen to it

    def _spawn(self, work):
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _join(self):
        """Waits until everything that the process said before it ended is here."""
        for thread in self._threads:
            thread.join(DEADLINE)

    def read_log(self):
        """Starts reading the log, once."""
        self._read_from_start = True
        self._spawn(self._listen_to_log)

    def _listen_to_log(self):
        with os.fdopen(os.dup(self._log), "rb") as log:
            for line in log:
                text = line.rstrip(b"\n").decode("ascii", "backslashreplace")
                record = logfmt.parse(text) if text.isprintable() else None
                with self._news:
                    if record is None:
                        self.strange.append(text)
                    else:
                        self._records.append(record)
                    self._news.notify_all()

    def _listen_to_notices(self):
        self._notify.settimeout(0.02)
        gone = False
        while True:
            try:
                lines = self._notify.recv(4096).decode().splitlines()
            except TimeoutError:
                if gone:
                    break
                gone = self._process.poll() is not None
                lines = []
            with self._news:
                self.notices += lines
                self._news.notify_all()

    def _wait(self, condition, deadline=DEADLINE, alive=True):
        """Waits for `condition` of what was logged or notified. False once weir is gone without."""
        end = time.monotonic() + deadline
        with self._news:
            while True:
                got = condition()
                if got:
                    return got
                left = end - time.monotonic()
                if left <= 0 or (not alive and self._process.poll() is not None):
                    return False
                self._news.wait(min(left, 0.2))

    @staticmethod
    def _frees(settings):
        for one in settings["listeners"]:
            listen = one["listen"]
            yield from (free for free in (listen if isinstance(listen, list) else [listen])
                        if isinstance(free, Free))

    # What it says

    def records(self, event, **match):
        """The records of `event` so far."""
        with self._news:
            return [one for one in self._records if one["event"] == event and one.matches(match)]

    def record(self, event, nth=0, deadline=DEADLINE, **match):
        """Waits for the nth record of `event` with these fields."""
        if self._wait(lambda: len(self.records(event, **match)) > nth, deadline):
            return self.records(event, **match)[nth]
        raise AssertionError(f"no {event} line {nth} with {match} in {deadline:g} s:\n{self.text()}")

    def close_line(self, **match):
        """Waits for the line that ends a pair."""
        return self.record("close", **match)

    def notice(self, line):
        """Waits for a notification that starts with `line`; returns it whole."""
        got = self._wait(lambda: [one for one in self.notices if one.startswith(line)])
        assert got, f"no {line} in {self.notices}"
        return got[0]

    def text(self):
        """The log so far, the last of it where it is long."""
        with self._news:
            return "\n".join([one.line for one in self._records[-100:]] + self.strange[-100:])

    def show(self):
        print(f"--- weir, exit {self._process and self._process.poll()}\n{self.text()}\n---")

    # What is done to it

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
        """Waits for it to exit by itself; returns the code."""
        return self._process.wait(deadline)

    def stop(self, deadline=DEADLINE):
        """SIGTERM, and how many seconds it took until it was gone; the code must be exit_code."""
        start = time.monotonic()
        self.signal(signal.SIGTERM)
        code = self.wait_exit(deadline)
        assert code == self.exit_code, f"exit {code}, expected {self.exit_code}"
        return time.monotonic() - start
