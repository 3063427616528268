# SPDX-License-Identifier: ISC
"""
Refuses system calls, as the seccomp profile of a container does: `python3 seccomp.py ERRNO CALL,...
COMMAND ...` executes a command for which these calls fail with this errno. prefix() makes such a line.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# System calls after 423 have the same number on all architectures.
NUMBERS = {
    "x86_64": {"clone": 56, "splice": 275, "pipe2": 293, "unshare": 272, "timerfd_create": 283, "signalfd4": 289, "accept4": 288,
               "epoll_create1": 291, "eventfd2": 290},
    "aarch64": {"clone": 220, "splice": 76, "pipe2": 59, "unshare": 97, "timerfd_create": 85, "signalfd4": 74, "accept4": 242,
                "epoll_create1": 20, "eventfd2": 19},
}.get(platform.machine(), {}) | {"clone3": 435, "close_range": 436, "pidfd_open": 434, "epoll_pwait2": 441, "faccessat2": 439}

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def prefix(error, *calls):
    return (sys.executable, os.path.abspath(__file__), errno.errorcode[error], ",".join(calls))


def refuse(error, calls):
    """These calls fail with this error from now on, in this process and in what it executes."""
    rules = [(_LOAD, 0, 0, 0)]
    for number in (NUMBERS[call] for call in calls):
        rules += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | error)]
    rules.append((_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
    program = struct.pack("@HP", len(rules), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    refuse(getattr(errno, sys.argv[1]), sys.argv[2].split(","))
    os.execvp(sys.argv[3], sys.argv[3:])
