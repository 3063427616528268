# SPDX-License-Identifier: ISC
"""weirload against weir: every timer of docs/TIMEOUTS.md keeps its contract, seen from both ends."""

import signal
import subprocess

import pytest

from weirtest import address, load, peers, wait
from weirtest.rig import relay
from weirtest.settings import DEADLINE, LATE, scaled

N = scaled(40, 8)
SIDES = pytest.mark.parametrize("side", ("client", "server"))
pytestmark = [pytest.mark.workers, pytest.mark.invariant("no timer strikes early", "docs/TIMEOUTS.md", "The timers")]

# With these timeouts only the timer under test can be due.
NONE = {"connect": "30s", "idle": "none", "half_close": "none", "write_stall": "none"}


@pytest.fixture
def behind():
    return address.free("tcp4", None)


def timeouts(**some):
    return {**NONE, **some}


def judge(told, report, ends, side="client", count=N):
    """Asserts that no close is early by weirload's clock, or later than LATE; prints it. `ends`: those allowed."""
    assert told.verdicts == {"on_time": count} and told.code == 0, told.out
    ended = told.ends(side)
    assert sum(ended.values()) == count and set(ended) <= set(ends.split()), (
        f"what the peers see of each reason: docs/ARCHITECTURE.md, The way of a pair\n{ended}")
    late = told.json[side]["late_us"]
    assert late["max"] < LATE * 1e6
    report(f"{count} pairs, p50 {late['p50']} µs late, p99 {late['p99']} µs, "
           f"weirload's own delay {(told.json['tool']['loop_delay_us'] or {'max': 0})['max']} µs")


@pytest.mark.parametrize("options", (
    {}, {"silent": True}, {"spread": "0s"}, {"spread": "300ms"}), ids=lambda one: str(one))
@pytest.mark.parametrize("workers", (1, 3))
def test_idle(options, workers, behind, report):
    with relay(servers=[str(behind)], workers=workers, timeouts=timeouts(idle="1s")) as rig:
        told = load.run("idle", target=rig.weir.address, serve=behind, connections=N, expect="1s",
                        **options)
        judge(told, report, "fin")
        assert told.ends("server") == {"fin": N} and told.json["bytes"]["up"]["lost"] == 0
        for number in range(N):
            closed = rig.weir.record("close", nth=number, reason="idle", by="weir")
            assert closed.number("late_us") >= 0


@pytest.mark.parametrize("direction", ("up", "down", "both"))
def test_idle_after_a_trickle(direction, behind, report):
    with relay(servers=[str(behind)], timeouts=timeouts(idle="1s")) as rig:
        told = load.run("trickle", target=rig.weir.address, serve=behind, connections=N,
                        expect="1s", every="100ms", for_="1300ms", direction=direction)
        judge(told, report, "fin")


@pytest.mark.parametrize("timer, side, mute", (
    ("first_byte", "client", True),
    ("idle_client", "client", False),
    ("idle_upstream", "server", False),
    ("idle_upstream", "server", True)), ids=str)
def test_what_one_side_does_not_send(timer, side, mute, behind, report):
    """The other side keeps sending, so that `idle` is not due; some of its bytes may be in flight at the end."""
    with relay(servers=[str(behind)], timeouts=timeouts(idle="700ms", **{timer: "1s"})) as rig:
        told = load.run("oneside", target=rig.weir.address, serve=behind, connections=N, side=side,
                        mute=mute, every="50ms", expect="1s")
        judge(told, report, "fin rst", side)
        assert told.json["bytes"]["down" if side == "client" else "up"]["received"] > 5 * N
        closed = rig.weir.record("close", reason=timer, by="weir")
        assert closed["timer"] == timer and closed.number("late_us") >= 0


@SIDES
def test_half_close(side, behind, report):
    with relay(servers=[str(behind)], timeouts=timeouts(half_close="500ms")) as rig:
        told = load.run("halfclose", target=rig.weir.address, serve=behind, connections=N,
                        side=side, expect="500ms")
        judge(told, report, "rst", side)


@SIDES
def test_half_close_max(side, behind, report):
    """The timer is due although bytes come after the FIN. They arrive, but for those that the end cuts off."""
    with relay(servers=[str(behind)],
               timeouts=timeouts(half_close="500ms", half_close_max="1s")) as rig:
        told = load.run("halfclose", target=rig.weir.address, serve=behind, connections=N,
                        side=side, expect="1s", every="50ms")
        judge(told, report, "rst", side)
        after = told.json["after_fin"]
        assert after["received"] > 5 * N and after["lost"] <= 3 * N


@SIDES
def test_write_stall(side, behind, report):
    """
    It is never early. When it is due, weir tries its kernel once more, and the bytes that the kernel takes
    count: so the pair may stay for twice the time (docs/TIMEOUTS.md).
    """
    count = scaled(10, 4)
    with relay(servers=[str(behind)], timeouts=timeouts(write_stall="2s")) as rig:
        told = load.run("stall", target=rig.weir.address, serve=behind, connections=count,
                        side=side, expect="2s", ramp=50)
    assert told.verdicts == {"on_time": count} and told.code == 0, told.out
    assert told.ends("client") == {"rst": count} and told.ends("server") == {"rst": count}
    assert told.json["stall"]["proxy_bytes"]["min"] > 0
    report(f"{count} pairs, {told.json['stall']['proxy_bytes']['p50']} bytes held")


def test_connect(report):
    with relay(servers=[peers.BlackHole], timeouts=timeouts(connect="500ms")) as rig:
        told = load.run("connect", target=rig.weir.address, connections=N, rate=500,
                        expect="500ms")
        judge(told, report, "rst")


def test_connect_of_three_dead_servers_takes_three_times_as_long(report):
    with relay(servers=[peers.BlackHole] * 3, timeouts=timeouts(connect="300ms")) as rig:
        told = load.run("connect", target=rig.weir.address, connections=N, rate=500,
                        expect="900ms")
        judge(told, report, "rst")


def test_a_refusing_server_ends_at_once(report):
    with relay(servers=[peers.RefusingUpstream], timeouts=timeouts()) as rig:
        told = load.run("connect", target=rig.weir.address, connections=N, expect="0s")
        judge(told, report, "rst")


def test_preface(report):
    """The clients must send a PROXY header, and send nothing. No server listens: weir must not connect to it."""
    with relay(servers=["127.0.0.1:1"], timeouts=timeouts(preface="500ms"), listener={"accept_proxy": ["any"]}) as rig:
        told = load.run("connect", target=rig.weir.address, connections=N, rate=500, expect="500ms")
        judge(told, report, "rst")
        assert rig.weir.record("close", by="weir", reason="preface", timer="preface").number("late_us") >= 0


@pytest.mark.parametrize("begin, every", (("nothing", None), ("proxy", None), ("proxy", "20ms")), ids=str)
def test_preface_of_a_header_that_is_never_whole(begin, every, report):
    with relay(servers=["127.0.0.1:1"], timeouts=timeouts(preface="500ms"),
               listener={"accept_proxy": ["any"]}) as rig:
        told = load.run("preface", target=rig.weir.address, connections=N, rate=500, expect="500ms",
                        begin=begin, every=every)
        judge(told, report, "rst")
        assert rig.weir.record("close", by="weir", reason="preface", timer="preface").number("late_us") >= 0


@pytest.mark.parametrize("every", (None, "20ms"))
def test_preface_of_a_hello_that_is_never_whole(every, report):
    with relay(servers=["127.0.0.1:1"], timeouts=timeouts(preface="500ms"),
               listener={"routes": [{"sni": ["a.test"], "upstream": "relay"}]}) as rig:
        told = load.run("preface", target=rig.weir.address, connections=N, rate=500, expect="500ms",
                        begin="tls", every=every)
        judge(told, report, "rst")
        assert rig.weir.record("close", by="weir", reason="preface", timer="preface").number("late_us") >= 0


@pytest.mark.parametrize("every", (None, "50ms"))
def test_first_byte(every, behind, report):
    """Clients that have spoken stay."""
    with relay(servers=[str(behind)], timeouts=timeouts(first_byte="1s")) as rig:
        told = load.run("firstbyte", target=rig.weir.address, serve=behind, connections=N, every=every,
                        expect="1s", busy=25)
        assert told.verdicts == {"on_time": N - N // 4} and told.code == 0, told.out
        assert told.ends()["weirload"] == N // 4
        assert rig.weir.record("close", by="weir", reason="first_byte", timer="first_byte")


def test_queue(behind, report):
    settings = {"servers": [{"address": str(behind), "max_pairs": 2}]}
    with relay(servers=[str(behind)], timeouts=timeouts(queue="500ms"), upstream_settings=settings) as rig:
        told = load.run("queue", target=rig.weir.address, serve=behind, connections=N, places=2, expect="500ms")
        assert told.verdicts == {"on_time": N - 2} and told.code == 0, told.out
        assert told.ends() == {"rst": N - 2, "weirload": 2}
        report(f"p99 {told.json['client']['late_us']['p99']} µs late")
        assert rig.weir.record("close", by="weir", reason="queue", timer="queue").number("late_us") >= 0


def test_lifetime_of_busy_pairs(behind, report):
    with relay(servers=[str(behind)], timeouts=timeouts(lifetime="1s")) as rig:
        told = load.run("lifetime", target=rig.weir.address, serve=behind, connections=N, every="50ms",
                        expect="1s")
        judge(told, report, "rst")
        assert rig.weir.record("close", by="weir", reason="lifetime", timer="lifetime").number("late_us") >= 0


def test_lifetime_of_quiet_pairs(behind, report):
    """A pair is quiet when it has moved no byte for a second."""
    with relay(servers=[str(behind)], timeouts=timeouts(lifetime="1500ms")) as rig:
        told = load.run("idle", target=rig.weir.address, serve=behind, connections=N, silent=True,
                        expect="1500ms")
        judge(told, report, "fin")


def test_a_lifetime_with_a_grace_ends_at_a_quiet_second(behind, report):
    """The pair ends after a trickle that is longer than its lifetime, and no byte is lost."""
    with relay(servers=[str(behind)],
               timeouts=timeouts(lifetime="500ms", lifetime_grace="1m")) as rig:
        told = load.run("trickle", target=rig.weir.address, serve=behind, connections=N,
                        expect="1s", every="100ms", for_="1300ms", direction="both")
        judge(told, report, "fin")
        assert rig.weir.record("close", reason="lifetime")["timer"] == "lifetime"


def test_lifetime_cuts_a_trickle(behind):
    """weirload expects a close for silence, so this one is early for it; and it is a reset."""
    with relay(servers=[str(behind)], timeouts=timeouts(lifetime="1s")) as rig:
        told = load.run("trickle", target=rig.weir.address, serve=behind, connections=N,
                        expect="20s", every="100ms", for_="10s")
    assert told.verdicts == {"early": N} and told.code == 1, told.out
    assert told.ends() == {"rst": N} and told.ends("server") == {"rst": N}


def test_drain(behind):
    """
    weirload counts from each connect, and weir from the signal, which comes after the last connect. A pair that
    was not quiet for the last second of the drain is reset, so its bytes have half a second to pass.
    """
    with relay(servers=[str(behind)], log={"level": "debug"},
               timeouts=timeouts(drain="1500ms"),
               drain={"idle_first": "none", "spread": "0s"}) as rig:
        options = {"target": rig.weir.address, "serve": behind, "connections": N, "expect": "1500ms",
                   "max_late": "20s", "json": True}
        with subprocess.Popen(load.arguments("idle", options), stdout=subprocess.PIPE,
                              text=True) as process:
            wait.until(lambda: rig.weir.text().count("event=open") == N, "the pairs")
            rig.weir.signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=DEADLINE)
        told = load.Told(process.returncode, out, "")
        assert told.verdicts == {"on_time": N} and told.code == 0, told.out
        assert told.ends() == {"fin": N} and told.ends("server") == {"fin": N}


@pytest.mark.parametrize("cut", (False, True))
def test_a_drain_lets_live_streams_finish_if_it_has_the_time(cut, behind, report):
    """Idle streams are ended first. Live ones are cut only if the drain's time is shorter than what they still need."""
    with relay(servers=[str(behind)], timeouts=timeouts(drain="500ms" if cut else "20s"),
               drain={"idle_first": "1s", "spread": "0s"}) as rig:
        told = load.run("drain", target=rig.weir.address, serve=behind, connections=N, every="20ms",
                        for_="30s" if cut else "1500ms", expect=None if cut else "20s",
                        drain_command=f"kill -TERM {rig.weir.pid}")
    drain = told.json["drain"]
    assert drain["live"] == N // 2 and drain["refused"] > 0 or cut
    if cut:
        assert drain["finished"] == 0 and drain["cut"] == N // 2 and told.code == 1, told.out
    else:
        assert drain["finished"] == N // 2 and told.verdicts == {"on_time": N} and told.code == 0, told.out
        report(f"first refused {drain['refused_after_us']} µs after the beginning")


def test_the_busy_are_served_while_the_rest_expires(behind, report):
    count = scaled(400, 40)
    with relay(servers=[str(behind)], timeouts=timeouts(idle="1s")) as rig:
        told = load.run("mixed", target=rig.weir.address, serve=behind, connections=count,
                        expect="1s", spread="0s", busy=10, every="20ms")
        busy = told.json["busy"]
        assert told.verdicts == {"on_time": count - count // 10} and told.code == 0, told.out
        assert busy["received"] > 0 and busy["latency_us"]["max"] < LATE * 1e6
        report(f"{count} pairs, busy p99 {busy['latency_us']['p99']} µs")


def test_none_never_closes(behind):
    with relay(servers=[str(behind)], timeouts=timeouts()) as rig:
        told = load.run("idle", target=rig.weir.address, serve=behind, connections=N,
                        expect="500ms", wait="500ms")
    assert told.verdicts == {"never": N} and told.code == 1
