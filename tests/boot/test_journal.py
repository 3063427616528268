# SPDX-License-Identifier: ISC
"""weir's entries in the journal of a real system have fields to filter by, and texts in the catalog."""

import contextlib
import re

from weirtest import config, peers, wait

from boottest import traffic
from boottest.settings import ROOT

MESSAGE_IDLE = "9762649799c640bfa89be60b98936b6c"


def test_pairs_are_found_by_why_they_ended(machine):
    machine.configure({"timeouts": {"idle": "10s"},
                       **config.relay(traffic.DEFAULT_LISTEN, traffic.DEFAULT_SERVER, name="web")})
    machine.systemctl("restart", "weir")
    with machine.network(), traffic.default_upstream():
        with traffic.client() as idle, traffic.client() as ended:
            name = peers.name(idle)
            idle.sendall(b"question")
            assert peers.read_exactly(idle, 8) == b"question"
            peers.fin(ended)
            assert peers.end_of(ended) == "fin"
            assert peers.end_of(idle) == "fin"
    machine.run("journalctl", "--sync")
    (one,) = machine.journal("WEIR_REASON=idle")
    wanted = {
        "WEIR_EVENT": "close", "WEIR_LISTENER": "web", "WEIR_CLIENT": name,
        "WEIR_SERVER": traffic.DEFAULT_SERVER, "WEIR_BY": "weir", "WEIR_TIMER": "idle",
        "WEIR_BYTES_UP": "8", "WEIR_BYTES_DOWN": "8", "MESSAGE_ID": MESSAGE_IDLE,
        "_SYSTEMD_UNIT": "weir.service", "SYSLOG_IDENTIFIER": "weir", "_TRANSPORT": "journal"}
    assert {key: one.get(key) for key in wanted} == wanted
    assert int(one["WEIR_PAIR"]) > 0 and int(one["WEIR_LATE_USEC"]) >= 0
    (eof,) = machine.journal("WEIR_REASON=eof")
    assert eof["WEIR_BY"] == "client" and "MESSAGE_ID" not in eof
    explained = machine.run("journalctl", "-x", "--no-pager", "WEIR_EVENT=close").stdout
    assert explained.count("Subject: ") == 1
    assert f"Subject: Pair {one['WEIR_PAIR']} of listener web was idle" in explained


def test_dead_server_is_a_warning(machine):
    """No server listens at the address to which the default config relays."""
    clients = 50
    with machine.network():
        for _ in range(clients):
            with contextlib.suppress(ConnectionResetError), traffic.client() as client:
                peers.end_of(client)

    def told():
        machine.run("journalctl", "--sync")
        warnings = machine.journal("--unit=weir", "--priority=warning", "WEIR_EVENT=close",
                                   "WEIR_EVENT=failed_more")
        more = [int(one["WEIR_PAIRS"]) for one in warnings if "WEIR_PAIRS" in one]
        return [one["WEIR_REASON"] for one in warnings if "WEIR_REASON" in one], sum(more)

    wait.until(lambda: len((now := told())[0]) + now[1] == clients, "every failure, told or counted", every=0.2)
    reasons, more = told()
    assert set(reasons) == {"connect_failed"} and more > 0
    assert len(machine.journal("WEIR_EVENT=close")) == clients


def test_each_message_id_is_explained(machine):
    """journalctl finds a complete text in the catalog for every message ID."""
    ids = re.findall(r'"([0-9a-f]{32})"', (ROOT / "src/log/journal.h").read_text(encoding="utf-8"))
    assert MESSAGE_IDLE in ids
    said = machine.run("journalctl", "--dump-catalog", *ids).stdout
    assert said.count("Subject: ") == said.count("Defined-By: weir") == len(ids) == len(set(ids))
