# SPDX-License-Identifier: ISC
"""The unit of examples/cluster that has the address of the service on a node while weir is ready."""

import os
import re
import shutil
import subprocess

from weirtest import wait

from boottest.settings import DEADLINE, ROOT

UNIT = "weir-announce.service"
ADDRESS = "192.0.2.1"


def copy_ip(machine):
    """The machine's root has no iproute2: that of the host, with the libraries that are missing."""
    ip = shutil.which("ip", path="/usr/bin:/bin:/usr/sbin:/sbin")
    machine.copy(ip, "/usr/bin/ip")
    needs = subprocess.run(["ldd", ip], stdout=subprocess.PIPE, text=True, check=True).stdout
    for library in re.findall(r"=> (/\S+)", needs):
        if not os.path.exists(machine.path(library)):
            machine.copy(library, library)


def is_there(machine):
    return bool(machine.sh(f"ip -o address show dev lo to {ADDRESS}/32"))


def test_the_address_is_there_while_weir_is_ready(machine):
    copy_ip(machine)
    machine.copy(ROOT / "examples/cluster/bird/weir-announce", "/usr/local/sbin/weir-announce")
    machine.sh("chmod 755 /usr/local/sbin/weir-announce")
    machine.unit(UNIT, (ROOT / "examples/cluster/bird" / UNIT).read_text(encoding="utf-8"))
    machine.systemctl("start", UNIT)

    def wait_there(wanted, why):
        wait.until(lambda: is_there(machine) == wanted, why, deadline=DEADLINE, every=0.1)

    wait_there(True, "weir is ready")
    machine.run("weirctl", "drain", "1h")
    wait_there(False, "weir is drained")
    assert "weir is drained, and no pair is open" in machine.log(UNIT)
    machine.run("weirctl", "undrain")
    wait_there(True, "it is back")
    machine.systemctl("stop", "weir")
    wait_there(False, "weir has stopped")
    machine.systemctl("start", "weir")
    wait_there(True, "weir runs again")
    machine.systemctl("kill", "--signal=KILL", "--kill-whom=main", UNIT)
    wait.until(lambda: "is here: weir is ready" in machine.log(UNIT).rpartition("Main process exited")[2],
               "it was started anew", deadline=DEADLINE, every=0.1)
    machine.systemctl("stop", UNIT)
    assert not is_there(machine)
