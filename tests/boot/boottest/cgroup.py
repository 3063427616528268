# SPDX-License-Identifier: ISC
"""A control group for each machine, so that machines that run at the same time share no group."""

import contextlib
import os
import signal
import time


def _own_groups():
    """Yields this process's group in each hierarchy that systemd uses: the unified one, and v1's named one."""
    paths = {}
    with open("/proc/self/cgroup", encoding="ascii") as file:
        for line in file:
            _, kind, path = line.rstrip("\n").split(":", 2)
            paths[kind] = path
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            root, point = before.split()[3:5]
            fstype, _, options = after.split(" ", 2)
            kind = ("" if fstype == "cgroup2" else
                    "name=systemd" if "name=systemd" in options.strip().split(",") else None)
            if kind in paths:
                path = os.path.relpath(paths[kind], root)
                yield os.path.normpath(os.path.join(point, path))


class Cgroup:
    """A group in each hierarchy. close() kills the processes that are left in the groups, and removes the groups."""

    def __init__(self, name):
        self._folders = [os.path.join(group, name) for group in _own_groups()]
        for folder in self._folders:
            os.mkdir(folder)

    def enter(self):
        """Moves the calling process into the groups. A child calls it before it executes a program."""
        for folder in self._folders:
            with open(os.path.join(folder, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write(str(os.getpid()))

    def _groups(self):
        """Yields the groups and all groups below them, lowest first."""
        for folder in self._folders:
            for below, _, _ in os.walk(folder, topdown=False):
                yield below

    def close(self):
        end = time.monotonic() + 30
        for group in self._groups():
            while True:
                with contextlib.suppress(OSError):
                    os.rmdir(group)
                    break
                assert time.monotonic() < end, f"{group} does not get empty"
                with open(os.path.join(group, "cgroup.procs"), encoding="ascii") as file:
                    for pid in file.read().split():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(int(pid), signal.SIGKILL)
                time.sleep(0.02)
