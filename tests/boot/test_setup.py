# SPDX-License-Identifier: ISC
"""scripts/setup on a user's machine: the daemons of the packages that it installs do not run there."""

import os
import subprocess

import pytest

from boottest.settings import ROOT

POLICY = "/usr/sbin/policy-rc.d"

# The lines that debhelper adds to the package of a daemon.
POSTINST = """\
#!/bin/sh
set -e
deb-systemd-helper enable comes-along.service
deb-systemd-invoke start comes-along.service
update-rc.d comes-too defaults
"""

# A second daemon of the package, which has no unit.
INIT_SCRIPT = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides: comes-too
# Required-Start: $remote_fs
# Required-Stop: $remote_fs
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: x
### END INIT INFO
"""

UNIT = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"

# The machine has no network. This apt-get installs the one package, whatever it is asked for, and then may fail.
APT_GET = """\
#!/bin/sh
[ "$1" = install ] || exit 0
dpkg --install /var/tmp/comes-along.deb
exit {}
"""


@pytest.fixture
def package(tmp_path):
    """A package with two services."""
    tree, deb = tmp_path / "tree", tmp_path / "comes-along.deb"
    for path, text in (("DEBIAN/postinst", POSTINST), ("lib/systemd/system/comes-along.service", UNIT),
                       ("etc/init.d/comes-too", INIT_SCRIPT),
                       ("DEBIAN/control", "Package: comes-along\nVersion: 1\nArchitecture: all\n"
                                          "Maintainer: nobody <nobody@example.org>\nDescription: x\n")):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    for path in ("DEBIAN/postinst", "etc/init.d/comes-too"):
        os.chmod(tree / path, 0o755)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, deb], stdout=subprocess.DEVNULL, check=True)
    return deb


def set_up(machine, package, ends=0):
    machine.copy(package, "/var/tmp/comes-along.deb")
    machine.copy(ROOT / "scripts/setup", "/var/tmp/setup")
    machine.write("/usr/local/bin/apt-get", APT_GET.format(ends))
    machine.sh("chmod 755 /usr/local/bin/apt-get")
    assert machine.run("/var/tmp/setup", "run", check=False).returncode == ends


def assert_comes_along(machine, is_enabled):
    assert machine.show("comes-along", "ActiveState", "UnitFileState") == (
        {"ActiveState": "active", "UnitFileState": "enabled"} if is_enabled else
        {"ActiveState": "inactive", "UnitFileState": "disabled"})
    begins = [name[0] for name in os.listdir(machine.path("/etc/rc3.d")) if name[3:] == "comes-too"]
    assert begins == ["S" if is_enabled else "K"]


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
    assert_comes_along(machine, False)
    # The service and the policy from before have not changed.
    assert machine.show("weir", "ActiveState", "UnitFileState") == {
        "ActiveState": "active", "UnitFileState": "enabled"}
    assert policy_of(machine) == policy


def test_one_that_came_before_apt_failed_is_not_enabled_either(machine, package):
    set_up(machine, package, ends=7)
    assert_comes_along(machine, False)
    assert policy_of(machine) is None


def test_what_a_killed_run_has_left_does_not_stay(machine, package):
    """A killed run leaves a policy that refuses every start. With it, no later package could start its service."""
    machine.write("/usr/local/bin/apt-get", "#!/bin/sh\nkill -KILL $PPID\n")
    machine.copy(ROOT / "scripts/setup", "/var/tmp/setup")
    machine.sh("chmod 755 /usr/local/bin/apt-get")
    assert machine.run("/var/tmp/setup", "run", check=False).returncode != 0
    assert os.path.exists(machine.path(POLICY))
    set_up(machine, package)
    assert policy_of(machine) is None


def test_package_would_start_and_enable_its_daemon(machine, package):
    """Without scripts/setup the daemons are started and enabled; otherwise the tests above could not fail."""
    machine.install(package)
    assert_comes_along(machine, True)
