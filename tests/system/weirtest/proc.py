# SPDX-License-Identifier: ISC
"""Figures from /proc: memory, processor time and open files of the daemon, and figures of the kernel."""

import fcntl
import os
import struct
import termios
import time


def memory(pid):
    """
    Bytes of the process's own memory, with those that are swapped out. Pages of files do not count: the
    share of a library grows when the process of another test ends.
    """
    total = 0
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith(("Pss_Anon:", "Pss_Shmem:", "SwapPss:")):
                total += int(line.split()[1]) * 1024
    return total


def cpu_seconds(pid):
    """User and system time of all threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sleeps(pid):
    """How often each thread has gone to sleep by itself, and so was woken up: {thread: count}."""
    folder = f"/proc/{pid}/task"
    counts = {}
    for thread in os.listdir(folder):
        with open(f"{folder}/{thread}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("voluntary_ctxt_switches:"):
                    counts[int(thread)] = int(line.split()[1])
    return counts


def children(pid):
    """The child processes of its first thread, with zombies."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def wchan(pid):
    """The function of the kernel in which the process waits."""
    with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
        return file.read()


def fds(pid):
    """How many files are open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def fd_room(pid):
    """How many fds the kernel's table for the process can hold before it must grow."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("FDSize:"))


def pipe_ends(pid):
    """How many open files are ends of pipes."""
    folder = f"/proc/{pid}/fd"

    def is_pipe(fd):
        try:
            return os.readlink(f"{folder}/{fd}").startswith("pipe:")
        except FileNotFoundError:
            return False  # closed since it was listed

    return sum(map(is_pipe, os.listdir(folder)))


def settled_fds(pid):
    """fds() once it no longer changes: after a start or a close, some fds are still being closed."""
    seen = []
    while len(seen) < 5 or len(set(seen[-5:])) > 1:
        seen.append(fds(pid))
        time.sleep(0.01)
    return seen[-1]


def state(pid):
    """The state of the process as a letter: R, S, T (stopped) …"""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def sent_queue(sock):
    """Bytes that the peer's kernel has not taken yet (SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


def cut_for_memory():
    """How many connections the kernel has reset so far because its memory for TCP, of all processes, was used up."""
    with open("/proc/net/netstat", encoding="ascii") as file:
        names, numbers = (line.split() for line in file if line.startswith("TcpExt:"))
    return int(numbers[names.index("TCPAbortOnMemory")])
