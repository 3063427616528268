# SPDX-License-Identifier: ISC
"""WatchdogSec= under a real systemd: a service with a stuck loop is restarted."""

import time

from weirtest import config, peers, wait

from boottest import traffic
from boottest.settings import STICK

SERVER = traffic.DEFAULT_SERVER
WATCHDOG_S = 5  # long enough for the service to be scheduled on a busy machine


def relays():
    with traffic.client() as client:
        client.sendall(b"x")
        return peers.read_exactly(client, 1) == b"x"


def start_with_watchdog(machine, seconds):
    """Runs weir-stick in place of weir: a client of the listener "stick" makes a worker stick in a callback."""
    machine.copy(STICK, "/usr/sbin/weir-stick")
    web = config.relay([traffic.DEFAULT_LISTEN], SERVER)
    stick = config.relay(["127.0.0.1:8081"], SERVER, name="stick")
    machine.configure({"workers": 2, **{key: web[key] + stick[key] for key in web}})
    machine.drop_in(f"""[Service]
WatchdogSec={seconds}
ExecStart=
ExecStart=/usr/sbin/weir-stick -c /etc/weir/weir.conf
""")
    machine.systemctl("restart", "weir")


def test_a_stuck_worker_gets_the_service_restarted(machine):
    start_with_watchdog(machine, WATCHDOG_S)
    pid = machine.pid()
    with machine.network(), traffic.default_upstream():
        assert relays()
        time.sleep(2 * WATCHDOG_S)
        assert machine.pid() == pid and relays(), "it was restarted although its loops turned"
        start = time.monotonic()
        with traffic.client("127.0.0.1:8081"):
            wait.until(lambda: machine.pid() not in (0, pid), "another process", every=0.05)
        passed = time.monotonic() - start
        machine.wait_state("weir", "active")
        assert relays()
    missed = machine.journal("WEIR_EVENT=watchdog_missed")
    assert len(missed) == 1 and missed[0]["WEIR_WORKER"] in ("0", "1")
    assert "Watchdog timeout" in machine.log()
    assert machine.show("weir", "NRestarts") == "1"
    # WatchdogSec= passes after the last ping, then RestartSec=; the rest is for a busy machine.
    assert passed < WATCHDOG_S + 1 + 10, passed


def test_an_idle_service_lives_with_its_watchdog(machine):
    start_with_watchdog(machine, WATCHDOG_S)
    pid = machine.pid()
    time.sleep(2 * WATCHDOG_S)
    assert machine.pid() == pid and machine.show("weir", "NRestarts") == "0"
    machine.systemctl("stop", "weir")
    assert machine.show("weir", "Result") == "success"
