# SPDX-License-Identifier: ISC
"""A real journald of the test's own: a mount namespace has its sockets at their usual paths."""

import json
import os
import signal
import socket
import subprocess
import tempfile

from . import wait
from .daemon import without_systemd

_JOURNALD = "/lib/systemd/systemd-journald"

# The namespace has its own /run, and so its own /run/systemd/journal/socket and /run/log/journal.
# journald limits no rate, and does not read the messages of the kernel.
_SETUP = f"""set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journald.conf.d /run/log/journal
printf '[Journal]\\nStorage=volatile\\nRateLimitBurst=0\\nReadKMsg=no\\n' >/run/systemd/journald.conf.d/test.conf
exec {_JOURNALD}"""


class Journal:
    """
    A journald, for `with`.

    prefix       a command that executes weir in the namespace of that journald
    stream()     a socket for stderr, as a service has it
    entries()    entries of weir that journalctl finds
    """

    def __init__(self):
        self._process = None
        self._output = tempfile.TemporaryFile()

    def __enter__(self):
        become_root = () if os.geteuid() == 0 else ("--user", "--map-root-user")
        self._process = subprocess.Popen(
            ("unshare", *become_root, "--mount", "--propagation", "private", "sh", "-c", _SETUP),
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output, env=without_systemd())
        wait.until(lambda: self._process.poll() is not None or os.path.exists(
            f"/proc/{self._process.pid}/root/run/systemd/journal/socket"), "journald")
        assert self._process.poll() is None, self._said()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._output.close()

    def _said(self):
        self._output.seek(0)
        return f"journald ended:\n{self._output.read().decode(errors='replace')}"

    @property
    def prefix(self):
        user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        return ("nsenter", f"--target={self._process.pid}", *user, "--mount", "--root", "--")

    def stream(self):
        """A connection to journald as systemd makes it for a service: each line becomes an entry."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(f"/proc/{self._process.pid}/root/run/systemd/journal/stdout")
        # Identifier, unit, priority, whether lines begin with a priority, and three forwards.
        sock.sendall(b"weir\n\n6\n1\n0\n0\n0\n")
        return sock

    @staticmethod
    def name_of(stream):
        """The value of JOURNAL_STREAM for this connection."""
        what = os.fstat(stream.fileno())
        return f"{what.st_dev}:{what.st_ino}"

    def entries(self, *matches):
        """The entries so far that match each "FIELD=value", each as a dict of its fields."""
        done = subprocess.run(
            [*self.prefix, "journalctl", "--directory=/run/log/journal", "--output=json", "--all",
             "SYSLOG_IDENTIFIER=weir", *matches],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, env=without_systemd())
        assert done.returncode in (0, 1), done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def entry(self, *matches):
        """Waits for the first such entry."""
        return wait.until(lambda: self.entries(*matches), f"an entry with {matches}", every=0.05)[0]

    def pause(self):
        """Stops journald: it reads nothing until go_on()."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)
