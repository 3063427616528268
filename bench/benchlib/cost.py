# SPDX-License-Identifier: ISC
"""What a proxy costs, as the kernel keeps the account of its processes."""
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
        """The process and its children: masters of workers go no deeper."""
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
        """How often it went to sleep, and so woke up."""
        return self._sum("status", lambda text: int(
            text.split("\nvoluntary_ctxt_switches:")[1].split()[0]))

    def own_bytes(self):
        """Memory that is nobody else's: the anonymous part of PSS. The rest is files, whose share
        falls with every stranger that maps the same library."""
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
