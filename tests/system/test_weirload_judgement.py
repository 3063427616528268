# SPDX-License-Identifier: ISC
"""What weirload passes and fails, which side it blames, and what it reports of itself."""

import os
import platform
import re
import signal
import socket
import subprocess
import time

import pytest

from weirtest import address, load, wait
from weirtest.load import Script, ScriptedPeer
from weirtest.rig import relay
from weirtest.settings import DEADLINE

N = 8


@pytest.fixture
def behind():
    """An address for --serve."""
    return address.free("tcp4", None)


def begin(scenario, **options):
    """A run in the background; finish() waits for it."""
    return subprocess.Popen(load.arguments(scenario, {"json": True, "connections": N, **options}),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate(timeout=DEADLINE)
    return load.Told(process.returncode, out, err)


# Failures that an older weirload passed

def test_what_is_late_fails_without_being_asked():
    with ScriptedPeer(Script(0.5)) as peer:
        told = load.run("idle", target=peer, expect="100ms", max_late=None)
    assert told.verdicts == {"late": N} and told.code == 1
    assert told.broken == {"max_late"} and told.json["limits"]["max_late"]["limit"] == 100000


def test_a_long_time_may_be_late_by_a_part_of_it():
    with ScriptedPeer(Script(0.05)) as peer:
        told = load.run("connect", target=peer, expect="1m", max_late=None)
    assert told.json["options"]["max_late_us"] == 3e6


@pytest.mark.parametrize("silent", (False, True))
def test_a_server_that_nobody_reaches_is_told_in_words(silent, behind):
    with ScriptedPeer(Script(0.15)) as peer:
        told = load.run("idle", target=peer, serve=behind, expect="100ms", silent=silent, json=False)
        assert told.code == 1
        assert f"FAILED: nobody reached --serve {behind}: make it the proxy's only server" in told.out
        allowed = load.run("idle", target=peer, serve=behind, expect="100ms", silent=silent,
                           max_unserved=N, max_lost=8 * N)
    assert allowed.code == 0 and allowed.json["connections"]["unserved"] == N


@pytest.mark.parametrize("by, otherwise", (("fin", "rst"), ("rst", "fin")))
def test_a_close_by_what_was_not_expected_fails(by, otherwise, behind):
    with ScriptedPeer(Script(0.15, by), behind) as peer:
        right = load.run("idle", target=peer, serve=behind, expect="100ms", by=by)
        wrong = load.run("idle", target=peer, serve=behind, expect="100ms", by=otherwise)
    assert right.code == 0 and right.verdicts == {"on_time": N}
    assert wrong.code == 1 and wrong.broken == {"max_otherwise"}
    assert wrong.json["failed"] == [f"{2 * N} ends were not closed by {otherwise.upper()} "
                                    f"(--by {otherwise})"]


def test_the_other_end_of_a_half_close_that_is_reset_too_soon_is_early(behind):
    with ScriptedPeer(Script(0.25, "rst", only="server"), behind) as peer:
        told = load.run("halfclose", target=peer, serve=behind, expect="1s", wait="100ms")
    assert told.verdicts == {"early": N} and told.ends("server") == {"rst": N}


def test_messages_that_are_slow_fail(behind):
    with ScriptedPeer(Script(0.6, delay=0.1), behind) as peer:
        options = {"target": peer, "serve": behind, "busy": 25, "every": "20ms", "expect": "500ms"}
        told = load.run("mixed", max_latency="50ms", **options)
        assert load.run("mixed", **options).code == 0  # without --max-latency, the limit is that of --max-late
    assert told.broken == {"max_latency"} and told.code == 1
    assert told.json["limits"]["max_latency"]["value"] >= 200e3  # the delay counts there and back


def test_messages_that_do_not_come_back_fail(behind):
    with ScriptedPeer(Script(0.4, way="down", swallow_at=0), behind) as peer:
        told = load.run("mixed", target=peer, serve=behind, busy=25, every="20ms", expect="300ms")
    assert told.broken == {"max_latency", "max_lost"} and told.code == 1
    assert any("no message came back of " in words for words in told.json["failed"])


def test_the_last_messages_come_back():
    """The end of the run cuts none off, although each takes a while."""
    echo = address.free("tcp4", None)
    with begin("serve", connections=None, serve=echo, mode="echo") as server:
        wait.until(lambda: is_reached(echo), "the server")
        with ScriptedPeer(Script(0.4, delay=0.02), echo) as peer:
            told = load.run("mixed", target=peer, busy=25, every="10ms", expect="300ms")
        server.send_signal(signal.SIGTERM)
        served = finish(server)
    assert told.code == 0 and told.json["busy"]["sent"] == told.json["busy"]["received"] > 0
    assert served.code == 0 and served.json["bytes"]["sent"] == served.json["bytes"]["received"]


@pytest.mark.parametrize("number, code", ((signal.SIGINT, 130), (signal.SIGTERM, 143)))
def test_an_interrupted_run_does_not_pass_and_says_what_it_did_not_judge(number, code):
    with ScriptedPeer(Script()) as peer:
        with begin("idle", target=peer, expect="1h", ramp=5, json=None) as process:
            wait.until(lambda: len(peer.peers) >= 2, "connections")
            process.send_signal(number)
            told = finish(process)
    assert told.code == code
    said = re.search(r"INTERRUPTED: 8 of 8 were not judged, (\d) still open and (\d) not opened", told.out)
    assert int(said[1]) + int(said[2]) == N and int(said[1]) >= 2, told.out
    assert "every limit holds so far" in told.out


def test_the_sentence_names_the_option():
    with ScriptedPeer(Script(0.05)) as peer:
        told = load.run("idle", target=peer, expect="20s", json=False)
    assert f"FAILED: {N} closed early, 0 allowed (--max-early)\n" in told.out


# Which side is at fault

def test_what_ended_while_weirload_itself_stood_still_is_void_and_not_late():
    with ScriptedPeer(Script(0.7)) as peer:
        with begin("idle", target=peer, expect="100ms", max_late="800ms") as process:
            wait.until(lambda: peer.script.heard == N, "the connections")
            process.send_signal(signal.SIGSTOP)
            time.sleep(1.1)  # longer than --max-late: this is what we test
            process.send_signal(signal.SIGCONT)
            told = finish(process)
    assert told.verdicts == {"void": N} and told.broken == {"max_void", "min_judged"}, told.out
    assert told.code == 1 and "weirload itself was late" in told.json["failed"][0]


def test_what_is_late_by_more_than_weirloads_own_delay_is_late():
    with ScriptedPeer(Script(1.5)) as peer:
        with begin("idle", target=peer, expect="100ms", max_late="300ms") as process:
            wait.until(lambda: peer.script.heard == N, "the connections")
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.4)
            process.send_signal(signal.SIGCONT)
            told = finish(process)
    assert told.verdicts == {"late": N}, told.out


def test_a_server_that_speaks_late_does_not_make_the_proxy_late(folder):
    """The server is not weirload's: the close also counts from the server's byte, 0.2 s after the client's."""
    with ScriptedPeer(Script(0.3, banner=0.2)) as peer:
        told = load.run("idle", target=peer, expect="100ms", folder=folder)
    assert told.verdicts == {"on_time": N}, told.out
    for row in told.rows:
        passed = float(row["closed_us"]) - float(row["sent_us"])
        assert float(row["after_us"]) < passed - 100e3
        assert float(row["late_us"]) == pytest.approx(float(row["after_us"]) - 100e3, abs=0.01)


# Without an expectation

@pytest.mark.parametrize("serve", (False, True))
def test_without_an_expectation_it_measures(serve, behind, folder):
    with ScriptedPeer(Script(0.3), behind if serve else None) as peer:
        told = load.run("idle", target=peer, serve=behind if serve else None, folder=folder)
    assert told.verdicts == {"measured": N} and told.code == 0, told.out
    for side in ("client", "server") if serve else ("client",):
        told_side = told.json[side]
        after = told_side["after_us"]
        assert after["count"] == N and 300e3 <= after["min"] <= after["p50"] <= after["max"]
        early, late = told_side["early_us"], told_side["late_us"]
        assert (early["count"] if early else 0) + late["count"] == N
        assert late["max"] == after["max"] - after["p50"]
    assert [float(row["after_us"]) >= 300e3 for row in told.rows] == [True] * N
    assert {row["late_us"] for row in told.rows} == {""}


def test_what_was_measured_is_drawn_around_its_median(behind):
    with ScriptedPeer(Script(0.3), behind) as peer:
        told = load.run("idle", target=peer, serve=behind, json=False)
    assert re.search(r"closed after p50 [\d.]+ m?s, min .* max .*\(client\)", told.out), told.out
    assert re.search(r"^ms around the median [\d.]+, client$", told.out, re.M)
    rows = re.findall(r"^ +(-?[\d.]+) to (-?[\d.]+) +\|(#*) +(\d+)$", told.out, re.M)
    assert sum(int(row[3]) for row in rows) == N
    assert any(float(row[0]) < 0 for row in rows) and any(float(row[0]) >= 0 for row in rows)
    assert [float(row[0]) for row in rows] == sorted(float(row[0]) for row in rows)


def test_early_and_late_are_in_one_histogram():
    with ScriptedPeer(Script(0.05)) as peer:
        told = load.run("idle", target=peer, expect="20s", json=False)
    assert "ms early (-) or late, client" in told.out
    assert re.search(rf"^-20000\.000 to -10000\.000 \|#+ +{N}$", told.out, re.M), told.out


def test_what_is_never_closed_cannot_be_measured():
    with ScriptedPeer(Script()) as peer:
        told = load.run("idle", target=peer, wait="200ms")
    assert told.verdicts == {"never": N} and told.code == 1


@pytest.mark.parametrize("scenario, options, least", (
    ("trickle", {"every": "20ms", "for_": "100ms"}, 300e3),
    ("halfclose", {}, 300e3),
    ("stall", {"side": "server"}, 0),
    ("connect", {}, 300e3),
    ("mixed", {"every": "20ms", "busy": 25}, 300e3),
))
def test_every_scenario_measures(scenario, options, least, behind):
    serve = None if scenario == "connect" else behind
    with ScriptedPeer(Script(0.3), serve) as peer:
        told = load.run(scenario, target=peer, serve=serve, **options)
    count = N - 2 if scenario == "mixed" else N
    assert told.verdicts == {"measured": count} and told.code == 0, told.out
    assert told.json["client"]["after_us"]["min"] >= least


# What weirload reports of itself

def test_the_report_says_what_it_was(behind):
    with ScriptedPeer(Script(0.15)) as peer:
        words = load.arguments("idle", {"target": peer, "connections": N, "expect": "100ms",
                                        "max_late": "20s", "source": "127.0.0.2,127.0.0.3"})
        text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=DEADLINE).stdout
        told = load.run("idle", target=peer, expect="100ms", source="127.0.0.2,127.0.0.3")
    now = time.time()
    assert "command        " + " ".join(words) in text
    for said in (platform.node(), platform.release(), "libuv 1.", "weirload 0.", "expect=100ms",
                 "max-late=20s", "source=127.0.0.2,127.0.0.3", "wait=10s", "max-never=0"):
        assert said in text, said
    about = told.json
    assert about["host"] == platform.node() and about["kernel"] == f"Linux {platform.release()}"
    assert about["processors"] == len(os.sched_getaffinity(0)) and about["libuv"].startswith("1.")
    assert about["command"][0] == load.WEIRLOAD and "--source=127.0.0.2,127.0.0.3" in about["command"]
    began = time.mktime(time.strptime(about["began"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert now - 60 < began <= now
    options = about["options"]
    assert options["wait_us"] == 10e6 and options["ramp"] == 1000 and options["json"] is True
    assert options["source"] == "127.0.0.2,127.0.0.3" and options["side"] is None


def test_the_command_can_be_pasted():
    target = "unix:/no such/it's"
    words = [load.WEIRLOAD, "idle", "--target", target, "--connections=1"]
    text = subprocess.run(words, capture_output=True, text=True, check=False, timeout=DEADLINE).stdout
    command = re.search(r"^command +(.*)$", text, re.M)[1]
    said = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True,
                          check=True, timeout=DEADLINE).stdout
    assert said.splitlines() == words


def test_no_word_of_the_command_drives_a_terminal_and_yet_it_can_be_pasted(folder):
    words = [load.WEIRLOAD, "idle", "--target", "unix:/no/\x9b\u202e", "--connections=1",
             "--csv", f"{folder}/\x1b[2J\n'\\f.csv"]
    text = subprocess.run(words, capture_output=True, text=True, check=False, timeout=DEADLINE).stdout
    assert all(line.isprintable() for line in text.splitlines()), text
    assert "\n" not in re.search(r" csv=(.*)f\.csv", text)[1] and "connection to unix:/no/\\x9b\\u202e, when" in text
    command = re.search(r"^command +(.*)$", text, re.M)[1]
    said = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True,
                          check=True, timeout=DEADLINE).stdout
    assert said.split("\0")[:-1] == words


# weirload's own servers

def is_reached(where):
    with where.socket() as sock:
        return sock.connect_ex(where.sockaddr) == 0


def test_a_black_hole_answers_no_connect(behind):
    with relay(servers=[str(behind)], timeouts={"connect": "300ms"}) as rig:
        told = load.run("connect", target=rig.weir.address, blackhole=behind, expect="300ms", by="rst")
        assert told.verdicts == {"on_time": N} and told.code == 0, told.out
        assert told.json["options"]["blackhole"] == str(behind)
        assert rig.weir.record("close", reason="connect_timeout")


def test_a_black_hole_that_nobody_tries_is_told(behind):
    with ScriptedPeer(Script(0.15)) as peer:
        told = load.run("connect", target=peer, blackhole=behind, expect="100ms")
    assert told.broken == {"max_untried"} and told.code == 1
    assert told.json["failed"] == [f"nobody tried --blackhole {behind}: make it the proxy's only server"]


def test_an_address_for_a_black_hole_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = address.of_socket(listener)
        told = load.run("connect", target=where, blackhole=where, expect="1s")
    assert told.code == 2 and told.out == ""
    assert told.err.startswith(f"weirload: --blackhole {where}: Address already in use; ")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("mode, scenario, options, timers", (
    ("read", "idle", {}, {"idle": "300ms"}),
    ("hold", "halfclose", {}, {"half_close": "300ms"}),
    ("echo", "mixed", {"busy": 25, "every": "20ms"}, {"idle": "300ms"}),
    ("stall", "stall", {"side": "server", "connections": 2}, {"write_stall": "1s"}),
))
def test_a_server_alone_serves_every_scenario(mode, scenario, options, timers, behind):
    """The server is a process of its own, as on another host: it knows nothing of the run."""
    timers = {"idle": "none", "half_close": "none", "write_stall": "none", **timers}
    expect = next(value for value in timers.values() if value != "none")
    with begin("serve", connections=None, serve=behind, mode=mode) as server:
        wait.until(lambda: is_reached(behind), "the server")
        with relay(servers=[str(behind)], timeouts=timers) as rig:
            told = load.run(scenario, target=rig.weir.address, expect=expect, **options)
        server.send_signal(signal.SIGINT)
        served = finish(server)
    count = options.get("connections", N)
    assert told.verdicts == {"on_time": count - (2 if mode == "echo" else 0)} and told.code == 0, told.out
    saw = served.json["server"]
    assert served.code == 0 and saw["count"] == count + 1  # is_reached() made one more
    assert saw["fin"] + saw["rst"] + saw["weirload"] + saw["error"] == saw["count"]
    assert served.json["bytes"]["sent"] > 0 if mode == "echo" else served.json["bytes"]["sent"] == 0


def test_a_server_alone_that_nobody_reached_says_so_and_ends_by_itself(behind):
    done = subprocess.run(load.arguments("serve", {"serve": behind, "for": "100ms"}),
                          capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0 and f"nobody reached --serve {behind}\n" in done.stdout
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = load.run("serve", connections=None, serve=address.of_socket(listener))
    assert taken.code == 2 and taken.err.startswith("weirload: --serve ") and taken.out == ""


@pytest.mark.parametrize("scenario, options", (
    ("trickle", {"every": "50ms", "for_": "150ms"}), ("idle", {"spread": "100ms"}), ("oneside", {"every": "50ms"})))
def test_what_weirload_closes_itself_is_no_close_of_the_proxy(scenario, options, behind, folder):
    """If weirload gives one end up, the proxy passes that close on to the other end."""
    with ScriptedPeer(Script(), behind) as peer:
        told = load.run(scenario, target=peer, serve=behind, expect="200ms", wait="200ms", max_late="100ms",
                        folder=folder, **options)
    assert told.verdicts == {"never": 8} and told.broken == {"max_never"}, told.out
    assert told.ends() == told.ends("server") == {"weirload": 8}
    assert told.json["client"]["late_us"] is told.json["server"]["late_us"] is None
    assert {end["late_us"] for one in told.json["worst"] for end in (one["client"], one["server"])} == {None}
    assert {row["late_us"] for row in told.rows} == {row["server_late_us"] for row in told.rows} == {""}
