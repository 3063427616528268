# SPDX-License-Identifier: ISC
"""
/metrics has all that STATUS= and the log report: each event of the log and each field of STATUS= has a family
here, or the reason why it has none.
"""

import re
from pathlib import Path

import pytest

from weirtest import events, exposition, wait
from weirtest.asking import ask
from weirtest.house import house, upstream

ROOT = Path(__file__).resolve().parents[2]
COUNTED = "weir_warnings_total"
ENDS = "weir_pairs_ended_total"
BEFORE = None  # it is logged before the doors open, or by a process that does not start: nobody can ask it
EVENTS = {
    "accept_resting": (COUNTED, "weir_accept_rests_total"),
    "addresses_left_out": (COUNTED,),
    "close": (ENDS,),
    "config_warning": (COUNTED,),
    "control_failed": (COUNTED,),
    "discover_empty": (COUNTED,),
    "discover_failed": (COUNTED, "weir_upstream_discovery_well"),
    "discover_well": ("weir_upstream_discovery_well",),
    "discovered": (COUNTED, "weir_servers"),  # it is a warning if some addresses were left out
    "drain": ("weir_drained",),
    "drained": ("weir_drained", "weir_left_seconds"),
    "failed_more": (ENDS,),
    "limit_reached": (COUNTED,),
    "listen_failed": BEFORE,  # in a reload it is reload_failed, in an undrain undrain_failed
    "listening": ("weir_listeners",),
    "listening_ends": ("weir_listeners",),
    "log_dropped": ("weir_log_dropped_total",),
    "loop_delayed": (COUNTED, "weir_loop_delay_seconds"),
    "name_unknown": (COUNTED,),
    "not_checked": (COUNTED, "weir_server_checks_not_made_total"),
    "not_started": BEFORE,
    "open": ("weir_pairs_total",),
    "passed_unused": (COUNTED,),
    "rate_reached": (COUNTED,),
    "ready": ("weir_ready", "process_start_time_seconds"),
    "refused_more": (ENDS,),
    "reload_failed": (COUNTED, "weir_reloads_total"),
    "reloaded": ("weir_reloads_total", "weir_config_generation"),
    "server_down": (COUNTED, "weir_server_check_up"),
    "server_ejected": (COUNTED, "weir_server_ejections_total"),
    "server_returned": ("weir_server_ejected",),
    "server_told": ("weir_server_up", "weir_server_weight"),
    "server_up": ("weir_server_check_up",),
    "signal_ignored": (COUNTED,),
    "socket_option_cut": (COUNTED,),
    "socket_options_failed": (COUNTED,),
    "sockets_for_another": (COUNTED,),
    "start_failed": BEFORE,
    "stopped": BEFORE,  # it is logged after the doors have closed
    "stopping": ("weir_stopping", "weir_left_seconds"),
    "undrain": ("weir_drained",),
    "undrain_failed": (COUNTED,),
    "watchdog_missed": (COUNTED,),
    "zone_unknown": (COUNTED,),
}
STATUS = {  # the fields of struct status_facts
    "phase": "weir_stopping",
    "drain": "weir_drained",
    "left_ns": "weir_left_seconds",
    "n_listeners": "weir_listeners",
    "n_usable": "weir_servers_usable",
    "n_servers": "weir_servers",
    "n_pairs": "weir_pairs_open",
    "max_pairs": "weir_pairs_max",
    "reload": "weir_last_reload_successful",
    "n_accepted": "weir_pairs_total",
    "n_half_closed": "weir_pairs_half_closed",
    "n_closed": ENDS,
    "has_p99": "weir_timer_lateness_seconds",
    "p99_us": "weir_timer_lateness_seconds",
}
ROOMS = ("log", "upstream", "crew", "control", "service", "proxy")
CALL = re.compile(r'\b(?:log_begin|line_begin|begin|log_event|log_drain|log_listening|often_list_init|failure_log_lines)\(([^;{]*)[;{]')


def scrape(here):
    return exposition.Metrics(ask(here.weir, "GET", "/metrics").text)


def events_of_source():
    """The name of every event in the sources: the string arguments of functions that begin a line."""
    found = set()
    for room in ROOMS:
        for path in (ROOT / "src" / room).glob("*.c"):
            for args in CALL.findall(path.read_text(encoding="utf-8")):
                found.update(re.findall(r'"([a-z]+(?:_[a-z]+)*)"', args))
    return found - {"upstream", "listener", "pairs", "clients"}  # arguments of often_list_init() that are keys


def events_of_manual():
    page = (ROOT / "man" / "weir.8").read_text(encoding="utf-8")
    text = page[page.index(".It Cm quiet_up_ms"):page.index(".Sh JOURNAL")]
    return {name for names in re.findall(r"^\.It Cm ([a-z_ ,]+)$", text, re.MULTILINE)
            for name in names.split(" , ")} - {"quiet_up_ms", "quiet_down_ms"}


def warned(here, reason):
    return scrape(here).get(COUNTED, reason=reason)


def test_each_event_of_the_log_has_its_metric():
    assert events_of_source() == set(EVENTS)
    assert events_of_manual() <= set(EVENTS)
    with house() as here:
        now = scrape(here)
    for event, families in EVENTS.items():
        assert all(family in now.families for family in families or ()), event
    counted = {event for event, families in EVENTS.items() if COUNTED in (families or ())}
    assert {labels["reason"]: value for labels, value in now.all(COUNTED)} == dict.fromkeys(counted, 0)


def test_the_table_of_events_has_all_that_are_written_and_no_other():
    """/v1/events refuses other names, and weirctl offers these. Events with OWN are not in the log."""
    own = {name for name, traits in events.EVENTS.items() if "OWN" in traits}
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "control").glob("events*.c"))
    assert events_of_source() == events.LINES and list(events.EVENTS) == sorted(events.EVENTS)
    assert own == {"stats", "dropped", "end"} and all(f'"{name}"' in sources for name in own)
    assert {name for name, traits in events.EVENTS.items() if "COUNTED" in traits} == \
        {event for event, families in EVENTS.items() if COUNTED in (families or ())}
    page = (ROOT / "man" / "weir-http.7").read_text(encoding="utf-8")
    http = set(re.findall(r"^\.It Cm (\w+)$", page[page.index(".Sh EVENTS"):page.index(".Sh METRICS")], re.MULTILINE))
    assert events_of_manual() | {"close"} == events.LINES and http == own


def test_each_field_of_the_status_line_has_its_metric():
    header = (ROOT / "src" / "service" / "status.h").read_text(encoding="utf-8")
    facts = re.search(r"^struct status_facts \{\n(.*?)^\};", header, re.MULTILINE | re.DOTALL)[1]
    facts = re.sub(r"/\*.*?\*/", "", facts, flags=re.DOTALL)
    assert re.findall(r"(\w+)(?:\[\w+\])?;", facts) == list(STATUS)
    with house() as here:
        now = scrape(here)
    assert set(STATUS.values()) <= set(now.families)


@pytest.mark.parametrize("level", ["info", "error"])
def test_warnings_are_counted_whatever_the_level_of_the_log_is(level):
    with house(errors=("reload_failed",), log={"level": level}) as here:
        assert warned(here, "name_unknown") == 0
        here.reload(upstreams=[upstream("nowhere.invalid:1"),
                               upstream("127.0.0.1:9", name="unused")])
        wait.until(lambda: warned(here, "name_unknown") == 1, "a name that is not known")
        assert warned(here, "config_warning") >= 1  # the upstream "unused" is warned of
        here.fail("max_pairs", max_pairs=-1)
        assert warned(here, "reload_failed") == 1


def test_a_drain_by_hand_is_told():
    with house() as here:
        now = scrape(here)
        assert (now.get("weir_drained"), now.get("weir_stopping"), now.get("weir_left_seconds")) == (0, 0, None)
        ask(here.weir, "POST", "/v1/drain", {"grace": "10s"})
        now = scrape(here)
        assert (now.get("weir_drained"), now.get("weir_stopping")) == (1, 0) and 0 < now.get("weir_left_seconds") <= 10
        ask(here.weir, "POST", "/v1/undrain")
        assert scrape(here).get("weir_drained") == 0
