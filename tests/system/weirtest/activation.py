# SPDX-License-Identifier: ISC
"""
Passes sockets to weir as systemd does: from fd 3 on, with LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID.
LISTEN_PID must be the process that executes weir, so this file is also a program, which sets it:

    activation.py NAMES FDS COMMAND...
"""

import fcntl
import os
import sys

_FIRST = 3
_ABOVE_ALL = 200


def prefix(passed):
    """The command that executes weir with the sockets `passed`, [(name, socket), ...]; empty for None."""
    if passed is None:
        return []
    names = ":".join(name for name, _ in passed)
    fds = ",".join(str(sock.fileno()) for _, sock in passed)
    return [sys.executable, __file__, names, fds]


def _become(names, fds, command):
    moved = [fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, _ABOVE_ALL) for fd in fds.split(",") if fd]
    os.closerange(_FIRST, _ABOVE_ALL)
    for i, fd in enumerate(moved):
        os.dup2(fd, _FIRST + i)
    env = {"LISTEN_FDS": str(len(moved)), "LISTEN_FDNAMES": names, "LISTEN_PID": str(os.getpid())}
    # A test may set these variables itself, for example to nonsense.
    os.execve(command[0], command, {**env, **os.environ})


if __name__ == "__main__":
    _become(sys.argv[1], sys.argv[2], sys.argv[3:])
