# SPDX-License-Identifier: ISC
"""Host names whose addresses the test chooses."""

import functools
import os
import socket
import subprocess
import sys

# A name under .invalid never resolves (RFC 2606), and weir can ask for it. It could not ask for a label longer than
# 63 bytes.
UNRESOLVABLE = "nowhere.invalid"

# Without a name server a lookup fails after one second instead of ten.
IMPATIENT = {"RES_OPTIONS": "timeout:1 attempts:1"}

TWO_ADDRESSES = "two-addresses.test"


# A shell in namespaces of its own runs these, then executes weir: "$0" is the folder, "$@" is weir.
_BIND_HOSTS = 'mount --bind "$0/hosts" /etc/hosts'
_OWN_NETWORK = 'ip link set lo up && mount --bind "$0/resolv.conf" /etc/resolv.conf'
# A name server that never answers: a socket that weir inherits and that nobody reads.
_MUTE = ("import os, socket, sys\n"
         "sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
         "sock.bind(('127.0.0.1', 53))\n"
         "sock.set_inheritable(True)\n"
         "os.execvp(sys.argv[1], sys.argv[1:])\n")


def _unshare(folder, namespaces, script):
    # Root needs no user namespace, and in a chroot could not make one.
    become_root = () if os.geteuid() == 0 else ("--map-root-user",)
    return ("unshare", *become_root, *namespaces, "sh", "-c", f'{script} && exec "$@"', str(folder))


class Hosts:
    """
    Names whose addresses the test chooses. They are in a hosts file that only a daemon with this `prefix`
    sees. set() may be called while it runs.
    """

    def __init__(self, folder, **names):
        self._path = os.path.join(folder, "hosts")
        self.set(**names)
        self.prefix = _unshare(folder, ("--mount",), _BIND_HOSTS)

    def set(self, **names):
        """set(name=["127.0.0.1", "::1"]): "name.test" has these addresses."""
        with open(self._path, "w", encoding="ascii") as file:
            file.writelines(f"{one} {name}.test\n" for name, all_of_it in names.items() for one in all_of_it)


class Island(Hosts):
    """Hosts in a network namespace that has only lo. With `mute`, lookups of other names hang."""

    def __init__(self, folder, mute=False, setup="true", **names):
        super().__init__(folder, **names)
        with open(os.path.join(folder, "resolv.conf"), "w", encoding="ascii") as file:
            file.write("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n" if mute else "")
        script = f"{_BIND_HOSTS} && {_OWN_NETWORK} && {setup}"
        self.prefix = _unshare(folder, ("--mount", "--net"), script)
        if mute:
            self.prefix += (sys.executable, "-c", _MUTE)


@functools.lru_cache(None)
def _localhost_has_two():
    found = socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)
    return {one[0] for one in found} == {socket.AF_INET, socket.AF_INET6}


def two_addresses(folder):
    """
    A name with the addresses 127.0.0.1 and ::1, and the command prefix that it needs. The name is
    localhost, or one in a hosts file that only the daemon sees (in a mount namespace of its own).
    """
    if _localhost_has_two():
        return "localhost", ()
    prefix = Hosts(folder, **{TWO_ADDRESSES.removesuffix(".test"): ["127.0.0.1", "::1"]}).prefix
    found = subprocess.run([*prefix, "getent", "ahosts", TWO_ADDRESSES], capture_output=True,
                           text=True, check=True).stdout
    assert "127.0.0.1" in found and "::1" in found, found
    return TWO_ADDRESSES, prefix
