# SPDX-License-Identifier: ISC
"""scripts/setup on somebody's machine: what comes with a package does not run there."""

import os
import subprocess

import pytest

from boottest.settings import ROOT

POLICY = "/usr/sbin/policy-rc.d"

# What debhelper puts into the package of a daemon.
POSTINST = """\
#!/bin/sh
set -e
deb-systemd-helper enable comes-along.service
deb-systemd-invoke start comes-along.service
"""

UNIT = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"

# No network here: whatever is asked for, it installs the one package, and then may fail.
APT_GET = """\
#!/bin/sh
[ "$1" = install ] || exit 0
dpkg --install /var/tmp/comes-along.deb
exit {}
"""


@pytest.fixture
def package(tmp_path):
    """A package with a service."""
    tree, deb = tmp_path / "tree", tmp_path / "comes-along.deb"
    for path, text in (("DEBIAN/postinst", POSTINST), ("lib/systemd/system/comes-along.service", UNIT),
                       ("DEBIAN/control", "Package: comes-along\nVersion: 1\nArchitecture: all\n"
                                          "Maintainer: nobody <nobody@example.org>\nDescription: x\n")):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    os.chmod(tree / "DEBIAN/postinst", 0o755)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, deb], stdout=subprocess.DEVNULL, check=True)
    return deb


def set_up(machine, package, ends=0):
    machine.copy(package, "/var/tmp/comes-along.deb")
    machine.copy(ROOT / "scripts/setup", "/var/tmp/setup")
    machine.write("/usr/local/bin/apt-get", APT_GET.format(ends))
    machine.sh("chmod 755 /usr/local/bin/apt-get")
    assert machine.run("/var/tmp/setup", "run", check=False).returncode == ends


def policy_of(machine):
    assert not os.path.exists(machine.path(f"{POLICY}.weir"))
    return machine.read(POLICY) if os.path.exists(machine.path(POLICY)) else None


@pytest.mark.parametrize("policy", (None, "#!/bin/sh\nexit 0\n"), ids=("none", "of their own"))
def test_daemon_that_comes_along_is_neither_started_nor_enabled(machine, package, policy):
    if policy:
        machine.write(POLICY, policy)
        machine.sh(f"chmod 755 {POLICY}")
    set_up(machine, package)
    assert machine.run("dpkg-query", "--status", "comes-along").stdout
    assert machine.show("comes-along", "ActiveState", "UnitFileState") == {
        "ActiveState": "inactive", "UnitFileState": "disabled"}
    # What was there before is as it was.
    assert machine.show("weir", "ActiveState", "UnitFileState") == {
        "ActiveState": "active", "UnitFileState": "enabled"}
    assert policy_of(machine) == policy


def test_one_that_came_before_apt_failed_is_not_enabled_either(machine, package):
    set_up(machine, package, ends=7)
    assert machine.show("comes-along", "ActiveState", "UnitFileState") == {
        "ActiveState": "inactive", "UnitFileState": "disabled"}
    assert policy_of(machine) is None


def test_what_a_killed_run_has_left_does_not_stay(machine, package):
    """It says no to everybody: later no package could start its service on this machine."""
    machine.write("/usr/local/bin/apt-get", "#!/bin/sh\nkill -KILL $PPID\n")
    machine.copy(ROOT / "scripts/setup", "/var/tmp/setup")
    machine.sh("chmod 755 /usr/local/bin/apt-get")
    assert machine.run("/var/tmp/setup", "run", check=False).returncode != 0
    assert os.path.exists(machine.path(POLICY))
    set_up(machine, package)
    assert policy_of(machine) is None


def test_package_would_start_and_enable_its_daemon(machine, package):
    """Otherwise the test above could not fail."""
    machine.install(package)
    assert machine.show("comes-along", "ActiveState", "UnitFileState") == {
        "ActiveState": "active", "UnitFileState": "enabled"}
