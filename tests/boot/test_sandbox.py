# SPDX-License-Identifier: ISC
"""What an attacker could do who has taken over the service: a probe runs in its place, in its sandbox."""

import pytest

EXAMPLES = "/usr/share/doc/weir/examples"

# Prints a line for each attempt that succeeds. As root and without a sandbox, all succeed.
PROBE = r"""
try() { if sh -c "$1" >/dev/null 2>&1; then echo "could: $1"; fi; }
try 'ls -d /root/*'
try 'ls -d /home/*'
try 'ls -d /run/user/*'
try 'cat /etc/shadow'
try '[ "$(/usr/local/bin/setuid-id -u)" = 0 ]'
try 'setpriv --reuid=0 true'
try 'touch /tmp/mine && chmod 4755 /tmp/mine'
try 'mount -t tmpfs none /tmp'
try 'chroot / true'
try 'unshare --user true'
try 'unshare --net true'
try 'hostname elsewhere'
try 'mknod /tmp/null c 1 3'
try 'renice -n -5 $$'
try 'kill -0 1'
try '[ -e /proc/1 ]'
try '[ -e /proc/sys ]'
find / -path /proc -prune -o \( -type d -o -type f \) -writable -print | sed 's/^/writable: /'
echo probed
"""

UNIT = """\
[Service]
Type=oneshot
ExecStart=
ExecStart=/bin/sh /usr/local/bin/probe
Restart=no
"""

ATTEMPTS = PROBE.count("try '")

# Places of the service's own, which are empty when it starts, and are removed with it.
WRITABLE = {"/run/weir", "/tmp", "/tmp/mine", "/var/tmp", "/dev/mqueue"}

DROP_INS = pytest.mark.parametrize("drop_in", (None, "low-ports.conf", "socket-group.conf"))


def set_up(machine, drop_in):
    machine.sh("mkdir -p /home/me /root/mine /run/user/1000; cp /usr/bin/id /usr/local/bin/setuid-id; "
               "chmod 4755 /usr/local/bin/setuid-id")
    machine.write("/usr/local/bin/probe", PROBE)
    if drop_in:
        machine.drop_in(machine.read(f"{EXAMPLES}/{drop_in}"), name="shipped")


@DROP_INS
def test_whoever_takes_over_the_service_gains_nothing(machine, drop_in):
    set_up(machine, drop_in)
    machine.systemctl("stop", "weir")
    machine.drop_in(UNIT, name="probe")
    machine.systemctl("start", "weir")
    machine.run("journalctl", "--sync")
    said = machine.log("weir", "--identifier=weir", "--boot").splitlines()
    assert "probed" in said
    assert not [line for line in said if line.startswith("could: ")]
    assert {line.removeprefix("writable: ") for line in said if line.startswith("writable: ")} == WRITABLE


def test_the_probe_finds_what_can_be_done(machine):
    """Without a sandbox all attempts succeed; otherwise the test above could not fail."""
    set_up(machine, None)
    said = machine.sh("sh /usr/local/bin/probe").splitlines()
    assert sum(line.startswith("could: ") for line in said) == ATTEMPTS, said
    assert "writable: /etc/weir/weir.conf" in said


@DROP_INS
def test_systemd_says_that_it_is_closed_in(machine, drop_in):
    """systemd-analyze finds an exposure of 1.5 or better, for the running service and for an instance."""
    if drop_in:
        for unit in ("weir.service", "weir@.service"):
            machine.drop_in(machine.read(f"{EXAMPLES}/{drop_in}"), unit, "shipped")
    for unit in ("weir.service", "weir@one.service"):
        machine.run("systemd-analyze", "security", "--threshold=15", unit)
