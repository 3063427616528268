# SPDX-License-Identifier: ISC
"""What a proxy costs, by the kernel's account of its processes."""
import contextlib
import glob
import os


def _threads(pid):
    return glob.glob(f"/proc/{pid}/task/[0-9]*")


class Account:
    """All threads of a process and of those that it started."""

    def __init__(self, pid):
        self.pid = pid

    def pids(self):
        """The process and its children; no proxy here has grandchildren."""
        pids = [self.pid]
        for task in _threads(self.pid):
            with contextlib.suppress(OSError), open(f"{task}/children", encoding="ascii") as file:
                pids += [int(one) for one in file.read().split()]
        return pids

    def _sum(self, name, what):
        total = 0
        for pid in self.pids():
            for task in _threads(pid):
                with contextlib.suppress(OSError), open(f"{task}/{name}", encoding="ascii") as file:
                    total += what(file.read())
        return total

    def cpu_s(self):
        """Processor time so far, to the nanosecond."""
        return self._sum("schedstat", lambda text: int(text.split()[0])) / 1e9

    def wakeups(self):
        """How often its threads went to sleep, which is how often they woke up."""
        return self._sum("status", lambda text: int(
            text.split("\nvoluntary_ctxt_switches:")[1].split()[0]))

    def own_bytes(self):
        """Memory of this process alone: the anonymous part of PSS. The rest is mapped files, whose share
        falls with every other process that maps the same library."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += next(int(line.split()[1]) * 1024 for line in file
                              if line.startswith("Pss_Anon:"))
        return total

    def fds(self):
        """Open files."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids())


class Spent:
    """Processor time between the two ends of a with block."""

    def __init__(self, account):
        self.account = account
        self.seconds = 0

    def __enter__(self):
        self.seconds = -self.account.cpu_s()
        return self

    def __exit__(self, *what):
        self.seconds += self.account.cpu_s()
