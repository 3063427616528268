# SPDX-License-Identifier: ISC
"""A journald of our own, in a mount namespace: the real one, with its sockets where they belong."""

import json
import os
import signal
import socket
import subprocess
import tempfile

from . import wait
from .daemon import without_systemd

_JOURNALD = "/lib/systemd/systemd-journald"

# /run is ours alone, and with it /run/systemd/journal/socket and /run/log/journal. No line is too
# many for it, and what the kernel says is no business of ours.
_SETUP = f"""set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journald.conf.d /run/log/journal
printf '[Journal]\\nStorage=volatile\\nRateLimitBurst=0\\nReadKMsg=no\\n' >/run/systemd/journald.conf.d/test.conf
exec {_JOURNALD}"""


class Journal:
    """
    For `with`: a journald, and weir's place beside it.

    prefix       a command that executes weir where that journald is
    stream()     what a service has for its stderr
    entries()    what weir sent and journalctl finds
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
        """A connection by which each line becomes an entry, as systemd makes one for a service."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(f"/proc/{self._process.pid}/root/run/systemd/journal/stdout")
        # Identifier, unit, priority, priorities before lines, and three forwards.
        sock.sendall(b"weir\n\n6\n1\n0\n0\n0\n")
        return sock

    @staticmethod
    def name_of(stream):
        """Its $JOURNAL_STREAM."""
        what = os.fstat(stream.fileno())
        return f"{what.st_dev}:{what.st_ino}"

    def entries(self, *matches):
        """The entries so far that match all of "FIELD=value": their fields, as journalctl has them."""
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
        """From now on it reads nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)
