# SPDX-License-Identifier: ISC
"""The scenarios preface, firstbyte, lifetime, queue and drain of weirload, on proxies that are right and wrong."""

import contextlib
import os
import pathlib
import socket
import subprocess
import time

import pytest

from weirtest import address, load
from weirtest.clock import Late
from weirtest.load import Script, ScriptedPeer
from weirtest.settings import DEADLINE

N = 8
BEGINNINGS = pytest.mark.parametrize("begin, every", (
    (None, None), ("proxy", None), ("tls", None), ("proxy", "20ms"), ("tls", "20ms")), ids=str)


@pytest.fixture
def behind():
    """An address for --serve."""
    return address.free("tcp4", None)


# Preface

@BEGINNINGS
def test_preface_counts_from_the_connect_whatever_comes(begin, every):
    options = {"begin": begin, "every": every, "rate": 500}
    with ScriptedPeer(Script(life=0.6, by="rst")) as peer:
        told = load.run("preface", target=peer, expect="500ms", **options)
        early = load.run("preface", target=peer, expect="20s", **options)
        late = load.run("preface", target=peer, expect="100ms", max_late="200ms", **options)
    assert told.verdicts == {"on_time": N} and told.code == 0, told.out
    assert told.ends() == {"rst": N} and told.json["server"] is None
    assert early.verdicts == {"early": N} and early.code == 1
    assert late.verdicts == {"late": N} and late.code == 1


@pytest.mark.parametrize("begin", ("proxy", "tls"))
def test_a_preface_timer_that_bytes_put_off_never_strikes(begin):
    with ScriptedPeer(Script(0.5)) as peer:
        told = load.run("preface", target=peer, expect="300ms", wait="700ms", begin=begin, every="20ms")
    assert told.verdicts == {"never": N} and told.code == 1


@pytest.mark.parametrize("begin, first, length", (("proxy", 0x0d, (14, 16)), ("tls", 22, (3, 5))))
def test_what_is_begun_lacks_its_last_byte(begin, first, length, folder):
    """The length field says that one byte is missing; the bytes are the same when they are sent one at a time."""
    heard = []
    for every in (None, "1ms"):
        with ScriptedPeer(Script(life=1), hears=heard) as peer:
            load.run("preface", target=peer, begin=begin, every=every, connections=1)
    whole, slow = heard
    assert whole[0] == first and whole.startswith(slow) and len(slow) > 20
    at, end = length
    assert len(whole) == end + int.from_bytes(whole[at:end], "big") - 1


# First byte

@pytest.mark.parametrize("every", (None, "30ms"))
def test_firstbyte_counts_whatever_the_server_says(every, behind):
    options = {"serve": behind, "every": every, "busy": 25}
    with ScriptedPeer(Script(first=1.3), behind) as peer:
        told = load.run("firstbyte", target=peer, expect="1s", **options)
        early = load.run("firstbyte", target=peer, expect="20s", **options)
        measured = load.run("firstbyte", target=peer, **options)
    assert told.verdicts == {"on_time": N - 2} and told.code == 0, told.out
    assert told.json["connections"]["matched"] == N and told.ends()["weirload"] == 2
    # Busy connections have not spoken yet, so a close is early for them, too; but when the last of the others is
    # closed, weirload lets them go.
    assert set(early.verdicts) == {"early"} and N - 2 <= early.verdicts["early"] <= N and early.code == 1
    assert set(measured.verdicts) == {"measured"} and N - 2 <= measured.verdicts["measured"] <= N
    assert measured.json["client"]["after_us"]["min"] >= 400e3


def test_a_timer_that_cuts_those_that_spoke_is_no_timer_of_the_first_byte(behind):
    with ScriptedPeer(Script(life=0.9), behind) as peer:
        told = load.run("firstbyte", target=peer, serve=behind, expect="800ms", busy=25, ramp=8,
                        wait="3s")
    assert told.verdicts == {"on_time": N - 2, "early": 2} and told.code == 1, told.out


def test_a_first_byte_timer_that_the_server_puts_off_never_strikes(behind):
    with ScriptedPeer(Script(0.5), behind) as peer:
        told = load.run("firstbyte", target=peer, serve=behind, every="20ms", expect="300ms", wait="500ms")
    assert told.verdicts == {"never": N - 1} and told.code == 1


# Lifetime

def test_lifetime_counts_whatever_moves(behind):
    options = {"serve": behind, "every": "20ms"}
    with ScriptedPeer(Script(life=0.6, by="rst"), behind) as peer:
        told = load.run("lifetime", target=peer, expect="500ms", **options)
        early = load.run("lifetime", target=peer, expect="20s", **options)
        late = load.run("lifetime", target=peer, expect="100ms", max_late="200ms", **options)
        alone = load.run("lifetime", target=peer, expect="500ms", every="20ms")
    assert told.verdicts == {"on_time": N} and told.code == 0, told.out
    assert told.ends() == {"rst": N} and told.ends("server") == {"rst": N}
    assert told.json["bytes"]["up"]["received"] > 5 * N < told.json["bytes"]["down"]["received"]
    assert early.verdicts == {"early": N} and late.verdicts == {"late": N}
    assert alone.json["server"] is None


def test_a_lifetime_that_bytes_put_off_never_ends(behind):
    with ScriptedPeer(Script(0.4), behind) as peer:
        told = load.run("lifetime", target=peer, serve=behind, every="20ms", expect="300ms", wait="500ms")
    assert told.verdicts == {"never": N} and told.code == 1


# Queue

def test_queue_counts_for_those_that_find_no_place(behind):
    options = {"serve": behind, "places": 2}

    def tried(script, **more):
        with ScriptedPeer(script, behind) as peer:
            return load.run("queue", target=peer, **options, **more)

    told = tried(Script(places=2, queue=0.6), expect="500ms")
    assert told.verdicts == {"on_time": N - 2} and told.code == 0, told.out
    assert told.ends() == {"rst": N - 2, "weirload": 2} and told.json["connections"]["matched"] == 2
    early = tried(Script(places=2, queue=0.1), expect="20s")
    assert early.verdicts == {"early": N - 2} and early.code == 1
    late = tried(Script(places=2, queue=0.6), expect="100ms", max_late="200ms")
    assert late.verdicts == {"late": N - 2} and late.code == 1


def test_whoever_loses_its_place_is_early_and_a_server_without_a_limit_ends_nobody(behind):
    with ScriptedPeer(Script(life=0.4, places=2, queue=1.5), behind) as peer:
        told = load.run("queue", target=peer, serve=behind, places=2, expect="1s")
    assert told.verdicts == {"early": 2, "on_time": N - 2} and told.code == 1, told.out
    with ScriptedPeer(Script(), behind) as peer:
        told = load.run("queue", target=peer, serve=behind, places=2, expect="200ms", wait="200ms")
    assert told.verdicts == {"never": N - 2} and told.code == 1


# Drain

@pytest.fixture
def begins(folder):
    """The file that the drain's command makes."""
    return os.path.join(folder, "drain")


def drained(drain, begins, behind, command="true", **options):
    """Runs a drain, whose command makes the file and then runs `command`."""
    pathlib.Path(begins).unlink(missing_ok=True)  # an earlier try, which was Late, may have left the file
    with ScriptedPeer(Script(drain=drain, drain_file=begins), behind) as peer:
        return load.run("drain", **{"target": peer, "serve": behind, "after": "400ms", "every": "20ms",
                                    "drain_command": f"touch '{begins}'; {command}", **options})


def test_a_drain_that_waits_for_live_streams_cuts_none(begins, behind):
    told = drained("idle", begins, behind, for_="600ms", expect="10s")
    assert told.code == 0 and told.verdicts == {"on_time": N}, told.out
    drain = told.json["drain"]
    assert (drain["live"], drain["finished"], drain["cut"]) == (N // 2, N // 2, 0)
    assert drain["accepted"] > 0 == drain["refused"]  # this proxy goes on listening
    busy = told.json["busy"]
    assert busy["connections"] == N // 2 and busy["sent"] == busy["received"] > 0
    assert told.ends() == {"fin": N}


@pytest.mark.parametrize("expect", (None, "20s"))
def test_a_drain_that_cuts_live_streams_is_told(expect, begins, behind):
    told = drained("cut", begins, behind, for_="5s", expect=expect)
    assert told.code == 1 and told.broken >= {"max_early"}, told.out
    assert told.verdicts == {"early": N // 2, "measured" if expect is None else "on_time": N // 2}
    drain = told.json["drain"]
    assert (drain["live"], drain["finished"], drain["cut"]) == (N // 2, 0, N // 2)


def test_a_drain_may_be_expected_to_take_longer_than_the_machine_has_run(begins, behind):
    """The clock of weirload begins a few seconds ago, as if the machine had just booted."""
    up = int(time.clock_gettime(time.CLOCK_MONOTONIC))
    young = ("unshare", "--time", "--monotonic", str(5 - up))
    if subprocess.run([*young, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("the kernel shifts no clock here")
    told = drained("idle", begins, behind, for_="600ms", expect="1h", prefix=young)
    assert told.code == 0 and told.verdicts == {"on_time": N}, told.out


def test_without_an_expectation_no_live_stream_is_ever_to_be_cut(begins, behind):
    told = drained("idle", begins, behind, for_="600ms", wait="5s")
    assert told.code == 0 and told.verdicts == {"measured": N // 2, "on_time": N // 2}, told.out
    assert told.json["drain"]["finished"] == N // 2


def test_what_may_be_cut_when_its_time_is_over_is_not_early(begins, behind):
    told = drained("cut", begins, behind, for_="5s", expect="0s")
    assert told.verdicts == {"on_time": N} and told.json["drain"]["cut"] == 0, told.out


def test_the_rest_is_late_when_a_drain_forgets_it(begins, behind):
    told = drained(None, begins, behind, for_="200ms", expect="200ms", wait="300ms")
    if told.verdicts == {"never": N}:
        raise Late(told.out)  # the live streams had no time to finish
    assert told.verdicts == {"on_time": N // 2, "never": N // 2} and told.code == 1, told.out


def test_what_is_closed_before_the_drain_begins_is_early(begins, behind):
    with ScriptedPeer(Script(life=0.2), behind) as peer:
        told = load.run("drain", target=peer, serve=behind, drain_command="true", after="2s", expect="1s")
    assert told.verdicts == {"early": N} and told.code == 1, told.out


@pytest.mark.parametrize("command, status, says", (
    ("exit 3", 3, "--drain-command ended with status 3"),
    ("kill -TERM $$", 143, "--drain-command ended with status 143"),
    # weirload itself ignores SIGXFSZ.
    ("kill -XFSZ $$", 153, "--drain-command ended with status 153")))
def test_a_command_that_fails_is_told(command, status, says, begins, behind):
    told = drained("idle", begins, behind, command, after="100ms", for_="100ms", expect="10s")
    assert told.broken == {"max_command_status"} and told.code == 1, told.out
    assert told.json["limits"]["max_command_status"]["value"] == status and says in told.json["failed"]


def test_what_the_command_says_is_no_part_of_the_report(begins, behind):
    told = drained("idle", begins, behind, "echo hello", after="100ms", for_="100ms", expect="10s")
    assert told.code == 0 and told.err == "hello\n" and told.json["holds"]


def test_a_newcomer_for_whom_a_unix_socket_has_no_room_is_not_answered(folder):
    full = []
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(f"{folder}/full")
        listener.listen(0)
        options = {"target": f"unix:{folder}/full", "after": "1s", "for": "600ms", "wait": "100ms", "busy": 100,
                   "connections": 1, "json": True, "drain_command": "echo now"}
        with subprocess.Popen(load.arguments("drain", options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process, listener.accept()[0]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    full.append(socket.socket(socket.AF_UNIX))
                    full[-1].setblocking(False)
                    full[-1].connect(listener.getsockname())
            out, _ = process.communicate(timeout=DEADLINE)
    for sock in full:
        sock.close()
    drain = load.Told(process.returncode, out, "").json["drain"]
    assert drain["unanswered"] > 0 == drain["accepted"] == drain["refused"], out


def test_a_newcomer_that_is_refused_is_counted(behind):
    """Only the listener goes: live streams stay until they have finished, and the proxy forgets the rest."""
    with ScriptedPeer(Script(), behind) as peer:
        options = {"target": peer, "serve": behind, "after": "200ms", "for": "900ms", "expect": "100ms",
                   "wait": "1s", "every": "20ms", "connections": N, "json": True, "drain_command": "echo now"}
        with subprocess.Popen(load.arguments("drain", options), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr.readline() == "now\n"
            peer.refuse()
            out, _ = process.communicate(timeout=DEADLINE)
    drain = load.Told(process.returncode, out, "").json["drain"]
    assert drain["refused"] > 0 and drain["refused_after_us"] >= 0
    assert drain["finished"] == drain["live"] == N // 2 and drain["cut"] == 0
