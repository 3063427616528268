# SPDX-License-Identifier: ISC
"""weirload's interfaces: bad usage is one clear line and status 2, and the JSON is that of the manual."""

import re
import signal
import subprocess

import pytest

from weirtest import address, load, proc, wait
from weirtest.load import Script, ScriptedPeer
from weirtest.settings import DEADLINE, ROOT

TARGET = {"target": "127.0.0.1:1", "expect": "1s"}


def refused(*words, prefix=()):
    """Runs a command that must be refused, and returns its error, which is one line."""
    done = subprocess.run([*prefix, load.WEIRLOAD, *words], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=DEADLINE, check=False)
    assert done.returncode == 2, done
    assert done.stdout == "" and done.stderr.startswith("weirload: ")
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n")
    return done.stderr


@pytest.mark.parametrize("scenario, options, says", (
    ("idle", {"expect": "-5s"}, "--expect -5s: a duration cannot be negative; write it without '-'\n"),
    ("idle", {"expect": "5"}, "--expect 5: "),
    ("idle", {"expect": "none"}, "write a number and a unit, like \"30s\" or \"0.5s\"\n"),
    ("idle", {"expect": None, "spread": "0s"}, "--spread needs --expect"),
    ("idle", {"expect": None, "max_late": "1s"}, "--max-late needs --expect"),
    ("idle", {"progress": "500ms"}, "write 1s or more"),
    ("idle", {"by": "fine"}, "write fin|rst"),
    ("idle", {"blackhole": "127.0.0.1:2"}, "not an option of idle"),
    ("connect", {"blackhole": "unix:/x"}, "takes a TCP address"),
    ("connect", {"blackhole": "localhost:2"}, "write its address"),
    ("serve", {"target": None, "expect": None}, "--serve is missing"),
    ("serve", {"target": None, "serve": "*:80"}, "not an option of serve"),
    ("idle", {"target": None}, "--target is missing"),
    ("idle", {"target": "127.0.0.1:0"}, "--target 127.0.0.1:0"),
    ("idle", {"target": "127.0.0.1:65536"}, "--target 127.0.0.1:65536"),
    ("idle", {"target": "127.0.0.1"}, "--target 127.0.0.1: "),
    ("idle", {"target": "*:80"}, "write 127.0.0.1:80"),
    ("idle", {"target": "no-such-host.invalid:80"}, "--target no-such-host.invalid:80: "),
    ("idle", {"serve": "127.0.0.1:99999"}, "--serve 127.0.0.1:99999"),
    ("idle", {"serve": "localhost:80"}, "write its address"),
    ("idle", {"connections": "0"}, "from 1 to"),
    ("idle", {"connections": "-3"}, "from 1 to"),
    ("idle", {"connections": "99999999999999999999"}, "out of range"),
    ("idle", {"connections": "many"}, "not a whole number"),
    ("idle", {"threads": "65"}, "from 1 to 64"),
    ("idle", {"threads": "9", "connections": "8"}, "write 8 or less"),
    ("idle", {"ramp": "0"}, "above 0"),
    ("idle", {"ramp": "-1"}, "above 0"),
    ("idle", {"ramp": "nan"}, "above 0"),
    ("idle", {"source": "127.0.0.1:80"}, "without a port"),
    ("idle", {"source": "::1"}, "target's family"),
    ("idle", {"source": "127.0.0.2,192.0.2.1"}, "--source 192.0.2.1: no interface of this machine has this address"),
    ("idle", {"serve": "192.0.2.1:80"}, "no interface of this machine has this address; write one that `ip address` shows\n"),
    ("serve", {"target": None, "expect": None, "serve": "192.0.2.1:80"}, "write one that `ip address` shows\n"),
    ("idle", {"target": "unix:/x", "source": "127.0.0.1"}, "leave it out"),
    ("idle", {"silent": True, "spread": "1s"}, "leave one of them out"),
    ("idle", {"every": "1s"}, "not an option of idle"),
    ("idle", {"nonsense": "1"}, "--nonsense=1: unknown"),
    ("idle", {"max_late": "-1ms"}, "--max-late -1ms"),
    ("trickle", {}, "--every is missing"),
    ("trickle", {"every": "0s", "for_": "1s"}, "more than nothing"),
    ("trickle", {"every": "100ms"}, "--for is missing"),
    ("trickle", {"every": "2s", "for_": "10s"}, "below --expect"),
    ("trickle", {"every": "100ms", "for_": "1s", "direction": "down"}, "need --serve"),
    ("trickle", {"every": "100ms", "for_": "1s", "direction": "left"}, "write up|down|both"),
    ("halfclose", {"side": "server"}, "needs --serve"),
    ("halfclose", {"every": "1s"}, "needs --serve"),
    ("halfclose", {"side": "serv"}, "write client|server"),
    ("oneside", {"every": "100ms"}, "--serve is missing"),
    ("oneside", {"serve": "127.0.0.1:2"}, "--every is missing"),
    ("oneside", {"serve": "127.0.0.1:2", "every": "1s"}, "below --expect"),
    ("stall", {}, "needs --serve"),
    ("connect", {"serve": "127.0.0.1:2"}, "not an option of connect"),
    ("connect", {"ramp": "5"}, "not an option of connect"),
    ("lifetime", {}, "--every is missing"),
    ("preface", {"every": "100ms"}, "needs --begin proxy"),
    ("preface", {"begin": "ssh"}, "write nothing|proxy|tls"),
    ("preface", {"serve": "127.0.0.1:2"}, "not an option of preface"),
    ("firstbyte", {}, "--serve is missing"),
    ("firstbyte", {"serve": "127.0.0.1:2", "connections": "1"}, "leaves no connection"),
    ("queue", {"places": "2"}, "--serve is missing"),
    ("queue", {"serve": "127.0.0.1:2"}, "--places is missing"),
    ("queue", {"serve": "127.0.0.1:2", "places": "100"}, "leaves no connection to queue"),
    ("drain", {}, "--drain-command is missing"),
    ("drain", {"drain_command": ""}, "--drain-command is missing"),
    ("drain", {"drain_command": "true", "after": "soon"}, "--after soon"),
    ("mixed", {"busy": "101"}, "at most 100"),
    ("mixed", {"busy": "100"}, "leaves no connection"),
    ("mixed", {"size": "15"}, "from 16 to 65536"),
))
def test_bad_usage_is_one_clear_line(scenario, options, says):
    words = load.arguments(scenario, {**TARGET, **options})[1:]
    assert says in refused(*words)


def test_words_out_of_place_are_refused():
    assert "a scenario is missing" in refused()
    assert "idol: unknown scenario" in refused("idol", "--expect", "1s")
    assert "needs a value" in refused("idle", "--expect")
    assert "takes no value" in refused("idle", "--json=yes")
    assert "extra" in refused("idle", "extra")


def test_too_few_descriptors_are_told_with_the_remedy():
    options = {**TARGET, "serve": "127.0.0.1:2", "connections": 1000}
    said = refused(*load.arguments("idle", options)[1:], prefix=("prlimit", "--nofile=200:200"))
    need, limit, fits = (int(one) for one in re.search(
        r"needs (\d+) file descriptors.*limit is (\d+).*--connections (\d+) or less", said).groups())
    assert limit == 200 and 2000 < need < 2100 and 60 < fits < 100
    # The number that it recommends fits.
    with ScriptedPeer(Script(0.05)) as peer:
        done = load.run("idle", target=peer, expect="0s", connections=fits,
                        prefix=("prlimit", "--nofile=200:200"))
        assert done.code == 0


def test_what_it_says_it_needs_is_enough_for_all_threads():
    """64 loops with a listening socket each, and both ends of 64 connections."""
    options = {"serve": address.free("tcp4", None), "threads": 64, "connections": 64}
    said = refused(*load.arguments("idle", {**TARGET, **options})[1:], prefix=("prlimit", "--nofile=200:200"))
    need = re.search(r"needs (\d+) file descriptors", said)[1]
    with ScriptedPeer(Script(0.5), options["serve"]) as peer:
        done = load.run("idle", target=peer, expect="300ms", prefix=("prlimit", f"--nofile={need}:{need}"), **options)
    assert done.verdicts == {"on_time": 64} and done.code == 0, done.out


def test_the_soft_limit_is_raised():
    with ScriptedPeer(Script(0.05)) as peer:
        done = load.run("idle", target=peer, expect="0s", connections=100,
                        prefix=("prlimit", "--nofile=40:400"))
    assert done.code == 0


def test_room_for_all_descriptors_is_made_at_the_start():
    with ScriptedPeer(Script()) as peer:
        words = load.arguments("idle", {"target": peer, "connections": 1000, "ramp": 1, "expect": "1s"})
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
            wait.until(lambda: peer.peers, "the first connection")
            assert proc.fd_room(process.pid) >= 1000
            process.send_signal(signal.SIGINT)


def test_too_few_ports_are_told_with_the_remedy():
    said = refused(*load.arguments("idle", {**TARGET, "connections": 70000})[1:])
    assert re.search(r"ports.*give \d+ --source addresses, or widen net.ipv4", said)


def test_an_address_to_serve_that_is_taken():
    with ScriptedPeer(Script()) as peer:
        said = refused(*load.arguments("idle", {**TARGET, "serve": peer})[1:])
    assert f"--serve {peer}: " in said


@pytest.mark.parametrize("scenario", ("idle", "trickle", "halfclose", "oneside", "stall", "connect",
                                      "mixed", "lifetime", "preface", "firstbyte", "queue", "drain", "serve"))
def test_each_scenario_has_its_help_and_its_section(scenario):
    done = subprocess.run([load.WEIRLOAD, scenario, "--help"], capture_output=True, text=True,
                          timeout=DEADLINE, check=True)
    manual = (ROOT / "man" / "weirload.1").read_text(encoding="utf-8")
    options = re.findall(r"^  --([a-z-]+)", done.stdout, re.M)  # test_help.py compares them with the manual
    assert {"json", "help"} <= set(options)
    assert scenario == "serve" or {"target", "expect", "connections", "csv"} <= set(options)
    assert re.search(rf"^\.S[hs] {scenario.upper()}$", manual, re.M)


def test_help_and_version():
    for option, says in (("--help", "halfclose"), ("--version", "weirload ")):
        done = subprocess.run([load.WEIRLOAD, option], capture_output=True, text=True,
                              timeout=DEADLINE, check=True)
        assert says in done.stdout


# The schema of weirload(1)

NUMBER = (int, float)
HISTOGRAM = {key: int for key in ("count", "min", "p50", "p90", "p99", "p999", "max")}
WAY = {"sent": int, "received": int, "lost": int, "in_flight": int, "added": int}
SIDE = {"count": int, "fin": int, "rst": int, "error": int, "weirload": int,
        "early_us": (HISTOGRAM, None), "late_us": (HISTOGRAM, None), "after_us": (HISTOGRAM, None),
        "deviations_us": list}
LIMIT = {"limit": int, "value": int, "holds": bool, "words": (str, None)}
VERDICTS = ("failed", "void", "early", "on_time", "late", "measured", "never")
END = {"sent_us": (int, None), "closed_us": (int, None), "late_us": (int, None), "by": str, "error": (str, None)}
WORST = {"connection": int, "port": (int, None), "verdict": str, "open_us": (int, None), "client": END,
         "server": (END, None)}
ABOUT = {"schema": int, "weirload": str, "scenario": str, "began": str, "host": str, "kernel": str,
         "machine": str, "processors": int, "libuv": str, "command": list}
OPTIONS = {"target": (str, None), "serve": (str, None), "remote": (str, None),
           "secret_file": (str, None), "control": (str, None), "mode": (str, None), "blackhole": (str, None),
           "source": (str, None), "connections": (int, None), "threads": (int, None),
           "ramp": (int, float, None), "rate": (int, float, None), "expect_us": (int, None),
           "wait_us": (int, None), "silent": bool, "spread_us": (int, None), "every_us": (int, None),
           "mute": bool, "begin": (str, None), "places": (int, None), "drain_command": (str, None),
           "after_us": (int, None),
           "for_us": (int, None), "direction": (str, None), "side": (str, None),
           "busy": (int, float, None), "size": (int, None), "by": (str, None),
           "max_late_us": (int, None), "max_early": (int, None), "max_failed": (int, None),
           "max_never": (int, None), "max_lost": (int, None), "max_unserved": (int, None),
           "max_latency_us": (int, None), "json": bool, "csv": (str, None), "junit": (str, None), "html": (str, None), "progress_us": (int, None)}
SCHEMA = {
    **ABOUT, "interrupted": bool, "lasted_us": int, "options": OPTIONS, "failed": list,
    "connections": {"opened": int, "matched": int, "unserved": int, "unopened": int, "failed": int,
                    "void": int, "early": int, "on_time": int, "late": int, "measured": int,
                    "never": int, "unfinished": int, "failed_by": dict, "earliest_us": int,
                    "opened_per_second": NUMBER},
    "connect_us": (HISTOGRAM, None), "failed_us": (HISTOGRAM, None),
    "client": SIDE, "server": (SIDE, None), "bytes": ({"up": WAY, "down": WAY}, None),
    "closes": {"every_us": int, "opened": list, **{name: list for name in VERDICTS}}, "worst": list,
    "tool": {"loop_delay_us": (HISTOGRAM, None), "memory_bytes_per_connection": int,
             "strangers": int},
    "limits": {name: LIMIT for name in ("max_early", "max_failed", "max_never", "max_void",
                                        "max_otherwise", "min_judged")},
    "holds": bool,
}
BUSY = {"connections": int, "sent": int, "received": int, "latency_us": (HISTOGRAM, None), "latencies_us": list}
OF_SCENARIO = {
    "halfclose": {"after_fin": WAY},
    "stall": {"stall": {key: (HISTOGRAM, None)
                        for key in ("accepted_bytes", "weirload_bytes", "proxy_bytes")}},
    "mixed": {"busy": BUSY},
    "drain": {"busy": BUSY, "drain": {
        "live": int, "finished": int, "cut": int, "accepted": int, "refused": int, "unanswered": int,
        "refused_after_us": (int, None)}},
}


def check(value, schema, where="$"):
    """Asserts that the value has every field of the schema and no other, each of its type."""
    types = schema if isinstance(schema, tuple) else (schema,)
    if value is None and None in types:
        return
    if not isinstance(types[0], dict):
        assert type(value) in types, f"{where} is {value!r}"
        return
    assert set(value) == set(types[0]), f"{where} has {sorted(value)}"
    for key, one in types[0].items():
        check(value[key], one, f"{where}.{key}")


def limits_of(scenario, behind, options):
    """The limits that a run has besides the common ones."""
    if "expect" not in options:
        yield "max_late"
    if behind:
        yield "max_unserved"
    if scenario in ("mixed", "drain") or (behind and scenario != "stall"):
        yield from ("max_lost", "max_added", "max_garbled")
    if behind and options.get("silent"):
        yield "max_never_server"
    if scenario == "mixed":
        yield "max_latency"
    if "blackhole" in options:
        yield "max_untried"
    if scenario == "drain":
        yield "max_command_status"


@pytest.mark.parametrize("scenario, options", (
    ("idle", {}),
    ("idle", {"expect": None, "silent": True}),
    ("trickle", {"every": "10ms", "for_": "50ms"}),
    ("halfclose", {}),
    ("stall", {"side": "server"}),
    ("mixed", {"every": "10ms"}),
    ("connect", {}),
    ("preface", {"begin": "tls"}),
    ("lifetime", {"every": "10ms"}),
    ("drain", {"drain_command": "true", "for_": "100ms", "after": "100ms"}),
))
@pytest.mark.parametrize("serve", (False, True))
def test_json_has_the_documented_schema(scenario, options, serve):
    behind = address.free("tcp4", None) if serve and scenario not in ("connect", "preface") else None
    with ScriptedPeer(Script(0.3), behind) as peer:
        # The scripted server reads on, so a stall never comes.
        told = load.run(scenario, **{"target": peer, "serve": behind, "expect": "100ms",
                                     "wait": "500ms", **options})
    schema = {**SCHEMA, **OF_SCENARIO.get(scenario, {})}
    limits = {*schema["limits"], *limits_of(scenario, behind, options)}
    check(told.json, {**schema, "limits": {name: LIMIT for name in limits}})
    assert told.json["schema"] == 1 and told.json["scenario"] == scenario
    assert (told.json["server"] is None) == (behind is None)
    for one in told.json["worst"]:
        check(one, WORST)
    assert told.out.count("\n") == 1 and told.json["holds"] == (told.code == 0)


def test_closes_are_told_one_by_one_and_over_time():
    with ScriptedPeer(Script(0.3)) as peer:
        told = load.run("idle", target=peer, expect="100ms", connections=30).json
    closes = told["closes"]
    assert len({len(closes[name]) for name in ("opened", *VERDICTS)}) == 1 <= len(closes["late"]) <= 200
    assert len(closes["late"]) == told["lasted_us"] // closes["every_us"] + 1
    for name in VERDICTS:
        assert sum(closes[name]) == told["connections"][name], name
    assert sum(closes["opened"]) == 30
    # Each close is counted in a bucket, and the buckets are in order.
    buckets = told["client"]["deviations_us"]
    assert sum(count for _, _, count in buckets) == 30
    assert buckets == sorted(buckets) and all(least <= greatest for least, greatest, _ in buckets)
    assert buckets[0][0] == told["client"]["late_us"]["min"]
    assert buckets[-1][1] == told["client"]["late_us"]["max"]
    worst = told["worst"]
    assert len(worst) == 20 and len({one["connection"] for one in worst}) == 20
    assert worst[0]["client"]["late_us"] == told["client"]["late_us"]["max"]
    assert worst == sorted(worst, key=lambda one: -one["client"]["late_us"])
    assert {one["port"] for one in worst} <= set(peer.ports)


def test_the_worst_begin_with_what_failed_or_was_early():
    with ScriptedPeer(Script(0.05)) as peer:
        told = load.run("idle", target=peer, expect="20s", connections=3).json
    assert [one["verdict"] for one in told["worst"]] == ["early"] * 3
    lates = [one["client"]["late_us"] for one in told["worst"]]
    assert lates == sorted(lates) and lates[0] == -told["connections"]["earliest_us"]
    told = load.run("idle", target=address.free("tcp4", None), expect="1s", connections=3).json
    assert {one["verdict"] for one in told["worst"]} == {"failed"}
    assert {one["client"]["error"] for one in told["worst"]} == {"ECONNREFUSED"}
    assert {one["port"] for one in told["worst"]} == {None}


def test_the_manual_has_every_field():
    manual = (ROOT / "man" / "weirload.1").read_text(encoding="utf-8")
    manual = manual[manual.index(".Sh JSON"):manual.index(".Sh CSV")]

    def names(schema):
        for key, one in schema.items():
            yield key
            one = one[0] if isinstance(one, tuple) else one
            if isinstance(one, dict):
                yield from names(one)

    for name in {*names(SCHEMA), *names(WORST), *(key for one in OF_SCENARIO.values() for key in names(one)),
                 *limits_of("mixed", True, {"blackhole": True, "silent": True}), "sent_fin", "max_command_status"}:
        assert re.search(rf"\b{name}\b", manual), name


@pytest.mark.parametrize("words", (("help",), ("--version",), ("idle", "--help"), ("serve", "--serve=unix:FOLDER/x", "--for=10ms")))
def test_what_cannot_be_written_to_standard_output_is_an_error(words, folder):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([load.WEIRLOAD, *(word.replace("FOLDER", folder) for word in words)], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=DEADLINE, check=False)
    assert done.returncode == 1 and done.stderr == "weirload: standard output: No space left on device\n"
