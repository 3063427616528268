# SPDX-License-Identifier: ISC
"""The unit of examples/cluster that keeps the service's address on a node while weir is ready."""

import os
import re
import shutil
import subprocess

import pytest
from weirtest import wait

from boottest.settings import DEADLINE, ROOT

UNIT = "weir-announce.service"
ADDRESS = "192.0.2.1"


def copy_ip(machine):
    """Copies ip of the host, and the libraries that it lacks, because the machine's root has no iproute2."""
    ip = shutil.which("ip", path="/usr/bin:/bin:/usr/sbin:/sbin")
    machine.copy(ip, "/usr/bin/ip")
    needs = subprocess.run(["ldd", ip], stdout=subprocess.PIPE, text=True, check=True).stdout
    for library in re.findall(r"=> (/\S+)", needs):
        if not os.path.exists(machine.path(library)):
            machine.copy(library, library)


def is_there(machine):
    return bool(machine.sh(f"ip -o address show dev lo to {ADDRESS}/32"))


def wait_there(machine, wanted, why):
    wait.until(lambda: is_there(machine) == wanted, why, deadline=DEADLINE, every=0.1)


def kill(machine):
    machine.systemctl("kill", "--signal=KILL", "--kill-whom=main", UNIT)


@pytest.fixture(name="announcing")
def _announcing(machine):
    """A machine that runs weir-announce and has the address."""
    copy_ip(machine)
    machine.copy(ROOT / "examples/cluster/bird/weir-announce", "/usr/local/sbin/weir-announce")
    machine.sh("chmod 755 /usr/local/sbin/weir-announce")
    machine.unit(UNIT, (ROOT / "examples/cluster/bird" / UNIT).read_text(encoding="utf-8"))
    machine.systemctl("start", UNIT)
    wait_there(machine, True, "weir is ready")
    return machine


def test_the_address_is_there_while_weir_is_ready(announcing):
    machine = announcing
    machine.run("weirctl", "drain", "1h")
    wait_there(machine, False, "weir is drained")
    assert "weir is drained, and no pair is open" in machine.log(UNIT)
    machine.run("weirctl", "undrain")
    wait_there(machine, True, "it is back")
    machine.systemctl("stop", "weir")
    wait_there(machine, False, "weir has stopped")
    machine.systemctl("start", "weir")
    wait_there(machine, True, "weir runs again")
    machine.systemctl("stop", UNIT)
    assert not is_there(machine)


def test_the_address_goes_with_a_weir_announce_that_is_killed(announcing):
    announcing.drop_in("[Service]\nRestart=no\n", UNIT)
    kill(announcing)
    announcing.wait_state(UNIT, "failed")
    assert not is_there(announcing)


def test_a_weir_announce_that_fails_again_and_again_is_started_again(announcing):
    announcing.drop_in("[Service]\nRestartSec=0\n", UNIT)
    for number in range(1, 8):  # more starts than systemd allows in 10 seconds by default
        pid = announcing.pid(UNIT)
        kill(announcing)
        wait.until(lambda: announcing.pid(UNIT) not in (0, pid), f"start {number}", deadline=DEADLINE, every=0.05)
    wait_there(announcing, True, "it was started anew")
