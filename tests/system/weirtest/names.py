# SPDX-License-Identifier: ISC
"""Host names with addresses of the test's choice."""

import functools
import os
import socket
import subprocess

# .invalid is promised never to resolve (RFC 2606); a label longer than 63 bytes cannot even be asked for.
UNRESOLVABLE = "nowhere.invalid"

# A machine without a name server is told so after a second and not after ten.
IMPATIENT = {"RES_OPTIONS": "timeout:1 attempts:1"}

TWO_ADDRESSES = "two-addresses.test"


@functools.lru_cache(None)
def _localhost_has_two():
    found = socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)
    return {one[0] for one in found} == {socket.AF_INET, socket.AF_INET6}


def two_addresses(folder):
    """
    A name that stands for 127.0.0.1 and ::1, and the command prefix under which it does: that is
    localhost, or a name in a hosts file that only the daemon sees (in a mount namespace of its own).
    """
    if _localhost_has_two():
        return "localhost", ()
    hosts = os.path.join(folder, "hosts")
    with open(hosts, "w", encoding="ascii") as file:
        file.write(f"127.0.0.1 {TWO_ADDRESSES}\n::1 {TWO_ADDRESSES}\n")
    # Root needs no user namespace, which a chroot would not let it have.
    become_root = () if os.geteuid() == 0 else ("--map-root-user",)
    prefix = ("unshare", *become_root, "--mount", "sh", "-c",
              'mount --bind "$0" /etc/hosts && exec "$@"', hosts)
    found = subprocess.run([*prefix, "getent", "ahosts", TWO_ADDRESSES], capture_output=True,
                           text=True, check=True).stdout
    assert "127.0.0.1" in found and "::1" in found, found
    return TWO_ADDRESSES, prefix
