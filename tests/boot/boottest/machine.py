# SPDX-License-Identifier: ISC
"""A machine with a systemd of its own, which is booted for a test and removed after it."""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from weirtest import config, wait

from . import namespace
from .cgroup import Cgroup
from .settings import DEADLINE

_LEADER = re.compile(r"^X_NSPAWN_LEADER_PID=(\d+)$", re.M)
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/root", "LANG": "C.UTF-8", "SYSTEMD_PAGER": "",
                "DEBIAN_FRONTEND": "noninteractive"}

_numbers = itertools.count()


class Machine:
    """
    For `with`: a container that has booted a root. The files that it writes are in memory, and are removed with it. Its
    network has only a loopback device.
    """

    def __init__(self, root):
        self._root = root
        self.name = f"weir-boot-{os.getpid()}-{next(_numbers)}"
        self.leader = None
        self._folder = tempfile.mkdtemp(prefix="weir-boot-")
        self._console = os.path.join(self._folder, "console")
        self._cgroup = None
        self._process = None

    # Life

    def __enter__(self):
        try:
            self._boot()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind, problem, trace):
        try:
            print(f"--- the last of {self.name}'s journal")
            print(self.run("journalctl", "--no-pager", "--lines=60", "--no-hostname", check=False).stdout)
        finally:
            self._end()

    def _boot(self):
        notify = os.path.join(self._folder, "notify")
        self._cgroup = Cgroup(self.name)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind(notify)
            notices.settimeout(1)
            with open(self._console, "wb") as console:
                self._process = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
                    ["systemd-nspawn", "--boot", "--private-network", "--register=no", "--keep-unit",
                     "--quiet", "--read-only", "--volatile=overlay", "--notify-ready=yes",
                     "--console=pipe", f"--machine={self.name}", f"--directory={self._root}"],
                    stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                    env={**os.environ, "NOTIFY_SOCKET": notify}, preexec_fn=self._before_exec)
            self._wait_ready(notices)

    def _before_exec(self):
        self._cgroup.enter()
        namespace.end_with_parent()

    def _wait_ready(self, notices):
        end = time.monotonic() + DEADLINE
        while True:
            assert self._process.poll() is None, f"systemd-nspawn ended:\n{self._said()}"
            assert time.monotonic() < end, f"it does not boot:\n{self._said()}"
            try:
                notice = notices.recv(65536).decode(errors="replace")
            except socket.timeout:
                continue
            leader = _LEADER.search(notice)
            if leader:
                self.leader = int(leader[1])
            if "READY=1" in notice.splitlines():
                assert self.leader, "systemd-nspawn does not say who leads"
                return

    def _said(self):
        with open(self._console, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _end(self):
        """Kills all processes of the machine at once: none of them needs a shutdown."""
        if self.leader and self._process.poll() is None:
            os.kill(self.leader, signal.SIGKILL)
        if self._process:
            try:
                self._process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._cgroup:
            self._cgroup.close()
        shutil.rmtree(self._folder)

    # Inside

    def run(self, *args, check=True, timeout=DEADLINE, **options):
        """Runs a command in the machine as root, and waits for its end. Its output is text."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.leader), "--all", "--", *map(str, args)],
            env=_ENVIRONMENT, timeout=timeout, text=True, errors="backslashreplace",
            capture_output=True, check=False,
            **({} if "input" in options else {"stdin": subprocess.DEVNULL}), **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{args}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, *args, **options):
        """Like run(), but returns a Popen at once."""
        return subprocess.Popen(["nsenter", "--target", str(self.leader), "--all", "--", *map(str, args)],
                                env=_ENVIRONMENT, text=True, **options)

    def sh(self, script, **options):
        """Runs a script; returns its standard output, stripped."""
        return self.run("sh", "-euc", script, **options).stdout.strip()

    def path(self, path):
        """The path by which this process reaches `path` of the machine."""
        return f"/proc/{self.leader}/root/{str(path).lstrip('/')}"

    def read(self, path):
        with open(self.path(path), encoding="utf-8") as file:
            return file.read()

    def write(self, path, text):
        """Writes the file, and makes its folder if it is missing."""
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w", encoding="utf-8") as file:
            file.write(text)

    def copy(self, source, path):
        """Copies a file of the host into the machine."""
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        shutil.copy(source, self.path(path))

    def network(self):
        """For `with`: sockets, threads and processes that are made inside belong to the machine's network."""
        return namespace.network(self.leader)

    def files(self):
        """Every path of the machine's root file system, without temporary files."""
        return set(self.sh("find / -xdev \\( -path /tmp -o -path /var/tmp -o -path /run \\) -prune "
                           "-o -print").splitlines())

    # Its systemd

    def systemctl(self, *args, **options):
        return self.run("systemctl", *args, **options)

    def unit(self, name, text):
        """Writes a unit below /etc, and makes systemd read it."""
        self.write(f"/etc/systemd/system/{name}", text)
        self.systemctl("daemon-reload")

    def drop_in(self, text, unit="weir.service", name="test"):
        """Writes a drop-in of a unit, and makes systemd read it."""
        self.unit(f"{unit}.d/{name}.conf", text)

    def configure(self, settings, path="/etc/weir/weir.conf"):
        """Writes a config from a dict for config.text()."""
        self.write(path, config.text(settings))

    def show(self, unit, *names):
        """The properties of a unit as a dict; for one name, only its value."""
        said = self.systemctl("show", unit, *(f"--property={name}" for name in names)).stdout
        found = dict(line.partition("=")[::2] for line in said.splitlines())
        return found[names[0]] if len(names) == 1 else found

    def pid(self, unit="weir"):
        """The PID of the unit's main process inside the machine."""
        return int(self.show(unit, "MainPID"))

    def host_pid(self, unit="weir"):
        """The PID of the same process on the host, for /proc and for namespaces."""
        inner, space = str(self.pid(unit)), os.readlink(f"/proc/{self.leader}/ns/pid")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
                    ids = re.search(r"^NSpid:\s.*", file.read(), re.M)
                if ids and ids[0].split()[-1] == inner and os.readlink(f"/proc/{pid}/ns/pid") == space:
                    return int(pid)
        raise AssertionError(f"{unit} does not run")

    def wait_state(self, unit, *states):
        """Waits until the unit is in one of the states ("active", "failed" …)."""
        return wait.until(lambda: (state := self.show(unit, "ActiveState")) in states and state,
                          f"{unit} to be {' or '.join(states)}", deadline=DEADLINE, every=0.05)

    def journal(self, *args):
        """The entries that journalctl finds, each as a dict."""
        said = self.run("journalctl", "--no-pager", "--output=json", "--all", *args).stdout
        return [json.loads(line) for line in said.splitlines()]

    def log(self, unit="weir", *args):
        """The log of a unit, as text."""
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}", *args).stdout

    def install(self, *debs, **options):
        """Installs packages from files of the host."""
        inside = [f"/var/tmp/{os.path.basename(deb)}" for deb in debs]
        for deb, path in zip(debs, inside):
            self.copy(deb, path)
        return self.run("dpkg", "--install", *inside, **options)
