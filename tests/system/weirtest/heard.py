# SPDX-License-Identifier: ISC
"""Collects the log and the notifications of a daemon in threads; tests wait for them."""

import os
import select
import threading
import time

from . import logfmt
from .settings import DEADLINE


class Heard:
    """The base of daemon.Weir, which has the process and the fds that are read here."""

    def __init__(self):
        self.strange = []  # lines that are not weir's
        self.notices = []  # lines sent to NOTIFY_SOCKET
        self.messages = []  # the datagrams that these lines came in
        self._records = []
        self._threads = []
        self._news = threading.Condition()  # with an RLock: records() takes it again

    def _forget(self):
        self._records, self.strange, self._threads = [], [], []
        self.notices, self.messages = [], []

    def _spawn(self, work):
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _join(self):
        """Waits until everything that the process wrote before it ended has been read."""
        for thread in self._threads:
            thread.join(DEADLINE)

    def _listen_to_log(self):
        with os.fdopen(os.dup(self._log), "rb") as log:
            for line in log:
                if self._log_is_cut and not line.endswith(b"\n"):
                    break
                text = line.rstrip(b"\n").decode("ascii", "backslashreplace")
                record = logfmt.parse(text) if text.isprintable() else None
                with self._news:
                    if record is None:
                        self.strange.append(text)
                    else:
                        self._records.append(record)
                    self._news.notify_all()

    def _listen_to_notices(self):
        poller = select.poll()
        poller.register(self._notify, select.POLLIN)
        poller.register(self._life, select.POLLIN)
        while self._notify.fileno() in dict(poller.poll()):  # else the process has ended, and no message is left
            message = self._notify.recv(4096).decode()
            with self._news:
                self.messages.append(message)
                self.notices += message.splitlines()
                self._news.notify_all()

    def _wait(self, condition, deadline=DEADLINE, alive=True):
        """Waits for `condition`; returns its value. False at the deadline or, unless `alive`, once weir has exited."""
        end = time.monotonic() + deadline
        while True:
            gone = not alive and self._process.poll() is not None
            if gone:
                self._join()  # its last lines are read then
            with self._news:
                got = condition()
                if got:
                    return got
                left = end - time.monotonic()
                if left <= 0 or gone:
                    return False
                self._news.wait(min(left, 0.2))

    def records(self, event, **match):
        """The records of `event` with these fields so far."""
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
        """The last 100 lines of the log, and of those that are not weir's."""
        with self._news:
            return "\n".join([one.line for one in self._records[-100:]] + self.strange[-100:])
