# SPDX-License-Identifier: ISC
"""weirload against scripted peers: every scenario, every verdict, by FIN and by RST."""

import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest

from weirtest import address, load, wait
from weirtest.load import Script, ScriptedPeer
from weirtest.settings import DEADLINE

N = 8
BY = pytest.mark.parametrize("by", ("fin", "rst"))

# "Early" is a close at once, long before its time, "late" one long after it: a busy machine changes no verdict.
EARLY = {"expect": "20s"}
ON_TIME = {"expect": "100ms"}
LATE = {"expect": "50ms", "max_late": "100ms"}
NEVER = {"expect": "50ms", "wait": "200ms"}
VERDICTS = pytest.mark.parametrize("verdict, code, options, close_after", (
    ("early", 1, EARLY, 0.25),
    ("on_time", 0, ON_TIME, 0.15),
    ("late", 1, LATE, 0.6),
    ("never", 1, NEVER, None),
))


@pytest.fixture
def behind():
    """An address for --serve."""
    return address.free("tcp4", None)


# Idle

@BY
@VERDICTS
def test_idle_without_its_own_server(verdict, code, options, close_after, by, folder):
    with ScriptedPeer(Script(close_after, by)) as peer:
        told = load.run("idle", target=peer, folder=folder, **options)
    assert told.verdicts == {verdict: N} and told.code == code, told.out
    assert told.ends() == {"weirload" if verdict == "never" else by: N}
    assert told.json["server"] is None and told.json["bytes"] is None
    assert [row["verdict"] for row in told.rows] == [verdict] * N
    assert {row["sent_bytes"] for row in told.rows} == {"1"}


@BY
@VERDICTS
def test_idle_of_both_ends(verdict, code, options, close_after, by, behind, folder):
    with ScriptedPeer(Script(close_after, by), behind) as peer:
        told = load.run("idle", target=peer, serve=behind, folder=folder, **options)
    assert told.verdicts == {verdict: N} and told.code == code, told.out
    ended = {"weirload" if verdict == "never" else by: N}
    assert told.ends() == ended and told.ends("server") == ended
    assert told.json["connections"]["matched"] == N
    assert told.json["bytes"]["up"] == {"sent": 8 * N, "received": 8 * N, "lost": 0, "in_flight": 0,
                                        "added": 0}
    assert all(row["by"] == row["server_by"] for row in told.rows)


@BY
@VERDICTS
def test_idle_in_silence(verdict, code, options, close_after, by, behind):
    with ScriptedPeer(Script(close_after, by), behind) as peer:
        told = load.run("idle", target=peer, serve=behind, silent=True, **options)
    assert told.verdicts == {verdict: N} and told.code == code, told.out
    assert told.json["connections"]["matched"] == 0 and told.json["server"]["late_us"] is None
    if verdict != "never":
        assert told.ends() == {by: N} and told.ends("server") == {by: N}


@pytest.mark.parametrize("spread", ("0s", "300ms"))
def test_idle_counts_from_the_last_bytes_once_all_are_open(spread, behind, folder):
    with ScriptedPeer(Script(1.1), behind) as peer:
        told = load.run("idle", target=peer, serve=behind, spread=spread, expect="1s", ramp=40,
                        folder=folder)
    assert told.verdicts == {"on_time": N} and told.code == 0, told.out
    last_open = max(float(row["opened_us"]) for row in told.rows)
    last_bytes = [float(row["sent_us"]) for row in told.rows]
    assert min(last_bytes) > last_open
    held_up = told.json["tool"]["loop_delay_us"]["max"]  # the loop may have held up the first one for so long
    assert max(last_bytes) - min(last_bytes) >= (0.8 * 300e3 - held_up if spread == "300ms" else 0)


def test_bytes_that_keep_alive_keep_their_pace(folder):
    """
    Each connection sends a byte every half second from its own opening on, whatever is opened meanwhile: so there
    is such a byte between its first and its last one if these are more than half a second apart. If the half
    seconds began anew for all connections when the last one is open, these bytes would all be due at the same time,
    and the last bytes that follow them would be late.
    """
    for _ in range(5):
        with ScriptedPeer(Script(1.6)) as peer:
            told = load.run("idle", target=peer, expect="1.5s", ramp=18, spread="950ms", folder=folder)
        if told.json["tool"]["loop_delay_us"]["max"] < 50e3:
            break  # otherwise this machine held up the loop, and the run proves nothing
    assert told.verdicts == {"on_time": N} and told.code == 0, told.out
    # These two open at 0.17 and 0.22 s, all are open at about 0.45 s; the last bytes are due at 0.8 and 0.92 s.
    assert [row["sent_bytes"] for row in told.rows[3:5]] == ["3", "3"]


def test_what_was_closed_is_answered_while_the_rest_is_open():
    """weirload closes its own end once the times are noted, and does not wait for the end of the run."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = load.arguments("idle", {"target": f"127.0.0.1:{listener.getsockname()[1]}",
                                        "connections": 40, "expect": "60s"})
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
            listener.settimeout(DEADLINE)
            socks = [listener.accept()[0] for _ in range(40)]
            for sock in socks[1:]:
                sock.settimeout(DEADLINE)
                sock.shutdown(socket.SHUT_WR)
            for sock in socks[1:]:
                assert b"".join(iter(lambda sock=sock: sock.recv(10), b"")) == b"."
                sock.close()
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            socks[0].close()


def test_limits_that_are_given_are_those_that_hold():
    with ScriptedPeer(Script(0.05)) as peer:
        assert load.run("idle", target=peer, max_early=N - 1, **EARLY).code == 1
        told = load.run("idle", target=peer, max_early=N, **EARLY)
        assert told.code == 0 and told.verdicts == {"early": N}
        assert told.json["limits"]["max_early"] == {"limit": N, "value": N, "holds": True, "words": None}
    with ScriptedPeer(Script()) as peer:
        assert load.run("idle", target=peer, max_never=N, **NEVER).code == 0


def test_lateness_is_the_peers(folder):
    """The lateness is at least what the peer added, and less than the time of the whole run."""
    begin = time.monotonic()
    with ScriptedPeer(Script(0.6)) as peer:
        told = load.run("idle", target=peer, expect="100ms", folder=folder)
    passed = (time.monotonic() - begin) * 1e6
    late = told.json["client"]["late_us"]
    assert 500e3 <= late["min"] <= late["p50"] <= late["p99"] <= late["max"] < passed
    for row in told.rows:
        exact = float(row["closed_us"]) - float(row["sent_us"]) - 100e3
        assert float(row["late_us"]) == pytest.approx(exact, abs=0.01)


def test_one_end_that_closes_early_is_enough(behind):
    """The server's end is closed early; the client's end is never closed."""
    with ScriptedPeer(Script(0.25, only="server"), behind) as peer:
        told = load.run("idle", target=peer, serve=behind, expect="1s", wait="200ms")
    assert told.verdicts == {"early": N} and told.code == 1
    assert told.ends("server") == {"fin": N} and told.ends() == {"weirload": N}


@pytest.mark.parametrize("scenario, options", (
    ("trickle", {"every": "20ms", "for_": "60ms"}),
    ("trickle", {"every": "20ms", "for_": "60ms", "direction": "down"}),
    ("oneside", {"every": "20ms"}),
    ("oneside", {"every": "20ms", "mute": True}),
))
def test_a_server_end_that_is_left_open_is_never_closed_whoever_sends_first(scenario, options, behind):
    """The client's end is closed in time; the run waits for the server's end, as long as --wait says."""
    with ScriptedPeer(Script(life=0.6, only="client"), behind) as peer:
        told = load.run(scenario, target=peer, serve=behind, expect="200ms", wait="2s", threads=2, **options)
    assert told.verdicts == {"never": N} and told.broken == {"max_never"}, told.out
    assert told.ends() == {"fin": N} and told.ends("server") == {"weirload": N}


def test_bytes_that_are_lost_on_the_way_fail(behind):
    """First the peer loses nothing; then the byte after the token; then a byte of the token itself."""
    with ScriptedPeer(Script(0.3), behind) as peer:
        whole = load.run("idle", target=peer, serve=behind, expect="200ms", spread="0s")
        assert whole.code == 0 and whole.json["bytes"]["up"]["lost"] == 0
        peer.script.swallow_at = 8
        cut = load.run("idle", target=peer, serve=behind, expect="200ms", spread="0s")
        assert cut.code == 1 and cut.broken == {"max_lost"} and cut.verdicts == {"on_time": N}
        lost = cut.json["bytes"]["up"]["lost"]
        assert lost == cut.json["limits"]["max_lost"]["value"] >= N
        assert cut.json["failed"] == [f"{lost} bytes lost, 0 allowed (--max-lost)"]
        assert load.run("idle", target=peer, serve=behind, expect="200ms", spread="0s",
                        max_lost=1000).code == 0
        peer.script.swallow_at = None
        peer.script.swallow = 1
        told = load.run("idle", target=peer, serve=behind, expect="200ms")
    assert told.json["connections"]["matched"] == 0 and told.code == 1
    assert told.broken == {"max_lost", "max_unserved"}
    assert told.json["connections"]["unserved"] == N


def test_bytes_that_nobody_sent_fail(behind):
    with ScriptedPeer(Script(0.2, add=b"!!"), behind) as peer:
        told = load.run("idle", target=peer, serve=behind, expect="100ms")
    assert told.code == 1 and told.broken == {"max_added", "max_garbled"}
    assert told.json["bytes"]["up"]["added"] == 2 * N


@pytest.mark.parametrize("scenario, options, count", (
    ("trickle", {"every": "20ms", "for_": "50ms", "direction": "both"}, N),
    ("mixed", {"every": "20ms", "busy": 25}, 2),
))
def test_bytes_that_are_not_those_that_were_sent_fail(scenario, options, count, behind):
    """Bytes down are garbled. The server's token is not lost: the server is not the first to speak."""
    with ScriptedPeer(Script(0.2, way="down", garble=True), behind) as peer:
        told = load.run(scenario, target=peer, serve=behind, expect="100ms", **options)
    assert told.code == 1 and told.broken == {"max_garbled"}, told.out
    assert told.json["limits"]["max_garbled"]["value"] == count


def test_a_server_end_that_is_left_open_fails_although_nobody_speaks(behind):
    """The client's end is closed in time. Nobody speaks, so weirload cannot match the server's ends with clients."""
    with ScriptedPeer(Script(0.15, only="client"), behind) as peer:
        told = load.run("idle", target=peer, serve=behind, expect="100ms", silent=True, wait="300ms")
    assert told.verdicts == {"on_time": N} and told.code == 1
    assert told.broken == {"max_never_server"} and told.ends("server") == {"weirload": N}


def test_what_is_under_way_when_a_cap_strikes_is_in_flight_and_not_lost(behind):
    with ScriptedPeer(Script(0.3, cap=0.1), behind) as peer:
        cut = load.run("halfclose", target=peer, serve=behind, expect="100ms", every="5ms")
        assert cut.code == 0, cut.out
    after = cut.json["after_fin"]
    assert after["sent"] >= after["received"] > 0 and after["lost"] == 0
    assert after["sent"] == after["received"] + after["in_flight"]
    with ScriptedPeer(Script(cap=2.2, swallow_at=0, way="down"), behind) as peer:
        lost = load.run("halfclose", target=peer, serve=behind, expect="2s", every="100ms",
                        connections=2)
    assert lost.code == 1 and lost.broken == {"max_lost"}, lost.out
    assert lost.json["after_fin"]["received"] == 0 < lost.json["after_fin"]["lost"]


# Trickle

@pytest.mark.parametrize("direction", ("up", "down", "both"))
@pytest.mark.parametrize("verdict, code, options, close_after", (
    ("early", 1, {"expect": "30s", "every": "10s", "for_": "20s"}, 0.25),
    ("on_time", 0, {"expect": "1s", "every": "50ms", "for_": "200ms"}, 1.05),
    ("late", 1, {"expect": "500ms", "every": "50ms", "for_": "200ms", "max_late": "100ms"}, 1.0),
    ("never", 1, {"expect": "500ms", "wait": "100ms", "every": "50ms", "for_": "200ms"}, None),
))
@BY
def test_trickle(verdict, code, options, close_after, by, direction, behind):
    with ScriptedPeer(Script(close_after, by), behind) as peer:
        told = load.run("trickle", target=peer, serve=behind, direction=direction, **options)
    assert told.verdicts == {verdict: N} and told.code == code, told.out
    sent = {way: told.json["bytes"][way]["sent"] for way in ("up", "down")}
    assert (sent["up"] > 0) == (direction != "down")
    assert (sent["down"] > 0) == (direction != "up")


def test_a_byte_that_weirload_itself_sends_too_late_makes_void(behind):
    with ScriptedPeer(Script(), behind) as peer:
        options = {"target": peer, "serve": behind, "every": "50ms", "for_": "1s", "expect": "200ms",
                   "wait": "100ms", "json": True, "connections": N}
        with subprocess.Popen(load.arguments("trickle", options), stdout=subprocess.PIPE,
                              text=True) as process:
            wait.until(lambda: len(peer.peers) == N, "the connections")
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.4)  # longer than --expect: this is what we test
            process.send_signal(signal.SIGCONT)
            out, _ = process.communicate(timeout=DEADLINE)
    told = load.Told(process.returncode, out, "")
    assert told.verdicts.get("void", 0) > 0 and "early" not in told.verdicts, out
    assert told.code == 1 and not told.json["limits"]["max_void"]["holds"]


# Half-close

@pytest.mark.parametrize("side", ("client", "server"))
@VERDICTS
@BY
def test_halfclose_in_silence(verdict, code, options, close_after, by, side, behind):
    with ScriptedPeer(Script(close_after, by), behind) as peer:
        told = load.run("halfclose", target=peer, serve=behind, side=side, **options)
    assert told.verdicts == {verdict: N} and told.code == code, told.out
    assert told.ends(side) == {"weirload" if verdict == "never" else by: N}


@pytest.mark.parametrize("side", ("client", "server"))
def test_halfclose_while_the_other_keeps_sending(side, behind):
    """The cap ends the connections although bytes come; the bytes sent after the FIN arrive."""
    with ScriptedPeer(Script(cap=0.5), behind) as peer:
        told = load.run("halfclose", target=peer, serve=behind, side=side, expect="400ms",
                        every="20ms")
        assert told.verdicts == {"on_time": N} and told.code == 0, told.out
        early = load.run("halfclose", target=peer, serve=behind, side=side, expect="20s",
                         every="20ms")
    after = told.json["after_fin"]
    assert after["received"] >= N and after["sent"] >= after["received"]
    assert early.verdicts == {"early": N} and early.code == 1


@pytest.mark.parametrize("scenario, side", (("halfclose", "server"), ("stall", "client")))
def test_a_client_that_is_reset_before_its_server_has_it_is_early(scenario, side, behind):
    """It is the other end whose close is judged, and there is none."""
    with ScriptedPeer(Script(0.5, places=N - 2, queue=0.05), behind) as peer:
        told = load.run(scenario, target=peer, serve=behind, side=side, expect="400ms", ramp=20)
    # The peer counts before it connects, so clients that come close together may all find no place.
    assert told.verdicts["early"] >= 2 and sum(told.verdicts.values()) == N, told.out
    assert set(told.verdicts) <= {"early", "on_time"} and told.code == 1 and told.broken == {"max_early"}


def test_halfclose_without_its_own_server():
    with ScriptedPeer(Script(0.2)) as peer:
        told = load.run("halfclose", target=peer, expect="100ms")
    assert told.verdicts == {"on_time": N} and told.code == 0


# One side alone

@pytest.mark.parametrize("mute", (False, True), ids=("", "mute"))
@pytest.mark.parametrize("side", ("client", "server"))
def test_oneside_while_the_other_keeps_sending(side, mute, behind):
    """The close counts from the silent end alone, and all bytes of the other end arrive."""
    other = "down" if side == "client" else "up"
    options = {"serve": behind, "side": side, "mute": mute, "every": "20ms"}
    with ScriptedPeer(Script(0.6, counts=side), behind) as peer:
        told = load.run("oneside", target=peer, expect="500ms", **options)
        assert told.verdicts == {"on_time": N} and told.code == 0, told.out
        early = load.run("oneside", target=peer, expect="20s", **options)
        never = load.run("oneside", target=peer, expect="100ms", wait="100ms", **options)
    assert told.json["bytes"][other]["received"] > 5 * N and told.json["bytes"][other]["lost"] == 0
    assert early.verdicts == {"early": N} and early.code == 1
    assert never.verdicts == {"never": N} and never.code == 1


# Stall

@pytest.mark.parametrize("side", ("client", "server"))
@pytest.mark.parametrize("verdict, code, options, close_after", (
    ("early", 1, {"expect": "20s"}, 0.5),
    ("on_time", 0, {"expect": "500ms"}, 1.5),
    ("late", 1, {"expect": "50ms", "max_late": "100ms"}, 1.5),
    ("never", 1, {"expect": "100ms", "wait": "1s"}, None),
))
@BY
def test_stall(verdict, code, options, close_after, by, side, behind):
    with ScriptedPeer(Script(close_after, by), behind) as peer:
        told = load.run("stall", target=peer, serve=behind, side=side, connections=2, **options)
    assert told.verdicts == {verdict: 2} and told.code == code, told.out
    stall = told.json["stall"]
    assert stall["accepted_bytes"]["min"] > 64 * 1024
    for what in ("p50", "max"):
        assert 0 < stall["proxy_bytes"][what] < stall["accepted_bytes"]["max"]


def test_stall_before_a_server_that_does_not_read():
    """The listener accepts nobody: the kernel holds what it can, and no connection is closed."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        told = load.run("stall", target=address.of_socket(listener), side="server", connections=2,
                        expect="100ms", wait="500ms")
    assert told.verdicts == {"never": 2} and told.code == 1
    assert told.json["stall"]["proxy_bytes"]["min"] > 0


def test_stall_before_a_server_that_reads_on_never_comes():
    with ScriptedPeer(Script()) as peer:
        told = load.run("stall", target=peer, side="server", connections=2, expect="100ms",
                        wait="300ms")
    assert told.verdicts == {"never": 2} and told.code == 1


# Connect

@VERDICTS
@BY
def test_connect(verdict, code, options, close_after, by):
    with ScriptedPeer(Script(close_after, by)) as peer:
        told = load.run("connect", target=peer, rate=500, **options)
    assert told.verdicts == {verdict: N} and told.code == code, told.out
    assert told.ends() == {"weirload" if verdict == "never" else by: N}


def test_connect_keeps_its_rate(folder):
    with ScriptedPeer(Script(0.05)) as peer:
        told = load.run("connect", target=peer, rate=20, expect="0s", folder=folder)
    for number, row in enumerate(told.rows):
        assert float(row["open_us"]) >= number * 50e3


def test_a_target_that_refuses_is_told_by_its_error(behind):
    told = load.run("connect", target=behind, expect="1s")
    assert told.verdicts == {"failed": N} and told.code == 1
    assert told.json["connections"]["failed_by"] == {"ECONNREFUSED": N}
    assert told.json["failed_us"]["count"] == N
    told = load.run("connect", target=behind, expect="1s", max_failed=N)
    assert told.code == 1 and told.broken == {"min_judged"}  # no connection was judged


def test_a_target_that_is_black_holed_times_out():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        where = address.of_socket(listener)
        queue = [where.socket() for _ in range(3)]
        for sock in queue:
            sock.setblocking(False)
            sock.connect_ex(where.sockaddr)
        told = load.run("connect", target=where, expect="100ms", wait="200ms")
        for sock in queue:
            sock.close()
    assert told.json["connections"]["failed_by"] == {"ETIMEDOUT": N}
    assert told.json["failed_us"]["min"] >= 300e3


# Mixed

def test_mixed_measures_the_busy_while_the_rest_idles_out(behind):
    with ScriptedPeer(Script(0.4), behind) as peer:
        told = load.run("mixed", target=peer, serve=behind, expect="300ms", busy=25, every="20ms",
                        size=1000)
    assert told.verdicts == {"on_time": N - 2} and told.code == 0, told.out
    busy = told.json["busy"]
    assert busy["connections"] == 2 and busy["sent"] >= busy["received"] > 10
    assert busy["latency_us"]["count"] == busy["received"]
    assert told.ends() == {"fin": N - 2, "weirload": 2}


def test_a_busy_one_that_is_closed_is_early(behind):
    """A busy connection pauses for longer than the proxy waits."""
    with ScriptedPeer(Script(0.2), behind) as peer:
        told = load.run("mixed", target=peer, serve=behind, expect="100ms", busy=25, every="20s",
                        spread=None, wait="5s", ramp=8)
    assert told.verdicts == {"early": 2, "on_time": N - 2} and told.code == 1, told.out


# Other options

@pytest.mark.parametrize("scenario, options", (
    ("idle", {}),
    ("idle", {"spread": "100ms"}),
    ("trickle", {"every": "20ms", "for_": "100ms", "direction": "both"}),
    ("trickle", {"every": "20ms", "for_": "100ms", "direction": "down"}),
    ("halfclose", {"side": "server"}),
    ("oneside", {"every": "20ms", "mute": True}),
    ("mixed", {"busy": 10, "every": "10ms"}),
))
@pytest.mark.workers
def test_several_threads_see_what_one_sees(scenario, options, behind):
    with ScriptedPeer(Script(1.1, counts="client" if scenario == "oneside" else None), behind) as peer:
        told = load.run(scenario, target=peer, serve=behind, threads=3, connections=40,
                        expect="1s", **options)
    busy = 4 if scenario == "mixed" else 0
    assert told.verdicts == {"on_time": 40 - busy} and told.code == 0, told.out
    assert told.json["connections"]["matched"] == 40


def test_sources_are_taken_in_turn():
    with ScriptedPeer(Script(0.05)) as peer:
        told = load.run("idle", target=peer, expect="0s", source="127.0.0.2,127.0.0.3")
    assert told.code == 0
    assert sorted(peer.peers) == ["127.0.0.2"] * (N // 2) + ["127.0.0.3"] * (N // 2)


def test_a_name_is_looked_up_once_and_its_address_is_used(behind):
    """The source decides the family, whichever address localhost has first on this machine."""
    with ScriptedPeer(Script(0.3), behind) as peer:
        port = peer.address.sockaddr[1]
        told = load.run("idle", target=f"localhost:{port}", source="127.0.0.1", serve=behind, expect="200ms", connections=3)
    assert told.code == 0 and told.verdicts == {"on_time": 3}, told.out
    assert told.json["options"]["target"] == f"127.0.0.1:{port}"


def test_unix_sockets_on_both_sides(folder):
    """weirload has its own server and no proxy between: no connection is closed."""
    behind = address.unix(os.path.join(folder, "s"))
    told = load.run("idle", target=behind, serve=behind, folder=folder, **NEVER)
    assert told.verdicts == {"never": N} and told.json["connections"]["matched"] == N
    assert not os.path.exists(behind.sockaddr)


def test_strangers_are_counted_and_not_taken_for_its_own(behind):
    with ScriptedPeer(Script(1.0), behind) as peer:
        options = {"target": peer, "serve": behind, "expect": "900ms", "max_late": "20s", "json": True}
        with subprocess.Popen(load.arguments("idle", options), stdout=subprocess.PIPE,
                              text=True) as process:
            wait.until(lambda: peer.peers, "a connection")
            with behind.socket() as stranger:
                stranger.connect(behind.sockaddr)
                stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
                out, _ = process.communicate(timeout=DEADLINE)
    told = load.Told(process.returncode, out, "")
    assert told.code == 0 and told.json["tool"]["strangers"] == 1
    assert told.verdicts == {"on_time": 100}


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_an_interrupt_reports_what_was_measured(number, behind):
    with ScriptedPeer(Script(), behind) as peer:
        options = {"target": peer, "serve": behind, "expect": "1h", "json": True, "ramp": 200,
                   "connections": 5000}
        with subprocess.Popen(load.arguments("idle", options), stdout=subprocess.PIPE,
                              text=True) as process:
            wait.until(lambda: len(peer.peers) >= N, "connections")
            process.send_signal(number)
            out, _ = process.communicate(timeout=DEADLINE)
    told = load.Told(process.returncode, out, "")
    assert told.json["interrupted"] and told.code == 128 + number
    assert N <= told.verdicts["unfinished"] < 5000 and len(told.verdicts) == 1
    assert told.verdicts["unfinished"] + told.json["connections"]["unopened"] == 5000
    assert not told.broken and told.json["failed"] == [] and told.json["holds"] is False


def run_on_terminal(*words, columns=0):
    """Runs a command with a terminal as its standard error: (exit status, standard output, what the terminal shows)."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=terminal) as process:
        os.close(terminal)
        out, _ = process.communicate(timeout=DEADLINE)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # the other end of the terminal is closed
    os.close(ours)
    return process.returncode, out.decode(), shown.decode()


def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere():
    with ScriptedPeer(Script(0.6)) as peer:
        options = {"target": peer, "expect": "500ms", "max_late": "20s", "connections": N}
        code, out, shown = run_on_terminal(*load.arguments("idle", options))
        assert code == 0
        assert re.search(r"opened 8 of 8, established 8, failed 0; closed early 0, in time 0, late 0; \d+ s, about \d+ s left", shown)
        assert "\n" not in shown and "opened" in out
        assert load.run("idle", target=peer, expect="500ms").err == ""
        # A narrow terminal still shows the counts that matter.
        _, _, shown = run_on_terminal(*load.arguments("idle", options), columns=80)
        lines = [line for line in shown.split("\r\x1b[K") if line]
        assert lines and all(re.fullmatch(r"opened \d of 8, failed 0; early 0, in time \d, late 0; \d+ s left", line) for line in lines)
        # A line is cut to the width: if it wrapped, it could not be redrawn.
        _, _, shown = run_on_terminal(*load.arguments("idle", options), columns=30)
        lines = [line for line in shown.split("\r\x1b[K") if line]
        assert lines and {len(line) for line in lines} == {29}


def test_progress_is_a_line_now_and_then_where_it_is_asked_for():
    with ScriptedPeer(Script(2.5)) as peer:
        told = load.run("idle", target=peer, expect="2500ms", progress="1s")
    assert told.code == 0
    lines = told.err.splitlines()
    assert 2 <= len(lines) <= 1 + (told.json["lasted_us"] / 1e6)
    assert all(re.fullmatch(r"weirload: opened 8 of 8, established 8, failed 0; closed early 0, in time \d, late 0.*; \d+ s, about \d+ s left",
                            line) for line in lines), lines
    # The line also counts what failed, and what was closed early.
    with ScriptedPeer(Script(0.05)) as peer:
        told = load.run("trickle", target=peer, expect="1s", every="100ms", for_="2s", connections=4, ramp=2, progress="1s")
    lines = told.err.splitlines()
    assert "closed early " in lines[-1] and "early 0" not in lines[-1]
    told = load.run("idle", target=address.free("tcp4", None), expect="1s", connections=4, ramp=2, progress="1s")
    assert re.search(r"established 0, failed [234]; ", told.err)


def test_the_text_report_says_it_all(behind):
    with ScriptedPeer(Script(0.2), behind) as peer:
        told = load.run("idle", target=peer, serve=behind, expect="100ms", json=False)
    assert told.code == 0
    for pattern in (rf"opened +{N} .*/s", r"early +0", rf"on time +{N}", r"p99\.9 +max", "late, client",
                    "late, server", r"\|#+ +\d", rf"client +{N} +0 +0 +0", r"up +64 sent, 64 arrived",
                    r"worst loop delay [\d.]+ ms, \d+ bytes", "every limit holds"):
        assert re.search(pattern, told.out), f"{pattern} in\n{told.out}"
