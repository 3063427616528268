# SPDX-License-Identifier: ISC
"""
weirload --remote: the server's ends are in another process, which obeys a caller that has the secret. Where the
kernel allows it, the clock of that process is eleven days ahead: the two clocks do not agree.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from weirtest import address, load, wait
from weirtest.load import Script, ScriptedPeer
from weirtest.rig import relay
from weirtest.settings import DEADLINE, scaled

N = 8
SHIFT = ("unshare", "--time", "--monotonic", "1000000")  # the kernel shifts the clock at exec
SECRET = "correct horse battery staple"


def shifts():
    with contextlib.suppress(OSError):
        return subprocess.run([*SHIFT, "true"], capture_output=True, check=False).returncode == 0
    return False


class Server:
    """A weirload serve with --control; a context manager."""

    def __init__(self, folder, prefix=(), serve=None):
        self.address = serve or address.free("tcp4", None)
        self.control = address.free("tcp4", None)
        self.secret_file = os.path.join(folder, "secret")
        with open(self.secret_file, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(SECRET + "\n")
        self._words = [*prefix, *load.arguments("serve", {"serve": self.address, "control": self.control,
                                                          "secret_file": self.secret_file})]

    def __enter__(self):
        self.process = subprocess.Popen(self._words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.reads(f"takes runs at {self.control}")
        return self

    def __exit__(self, *problem):
        self.process.terminate()
        out, err = self.process.communicate(timeout=DEADLINE)
        assert (self.process.returncode in (0, -signal.SIGTERM) and err == "") or problem[0], (out, err)

    def reads(self, what):
        line = self.process.stdout.readline()
        assert line.startswith("weirload serve: ") and what in line, line + self.process.stderr.read()

    def run(self, scenario, target, **options):
        return load.run(scenario, target=target, remote=self.control, secret_file=self.secret_file, **options)

    @contextlib.contextmanager
    def caller(self, rcvbuf=None):
        """A connection to its control address: (file of lines, its first line)."""
        with self.control.socket() as sock:
            if rcvbuf:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            sock.settimeout(DEADLINE)
            sock.connect(self.control.sockaddr)
            with sock.makefile("rw", encoding="ascii", newline="\n") as lines:
                yield lines, json.loads(lines.readline())


@pytest.fixture
def server(folder):
    with Server(folder, SHIFT if shifts() else ()) as one:
        yield one


def ask(lines, **words):
    lines.write(json.dumps(words) + "\n")
    lines.flush()
    answer = lines.readline()
    return json.loads(answer) if answer else None


# Every scenario that has server ends

RIGHT = (
    ("idle", Script(0.6), {}),
    ("idle", Script(0.6), {"silent": True}),
    ("idle", Script(0.6), {"spread": "100ms", "threads": 2}),
    ("trickle", Script(0.6), {"every": "50ms", "for_": "200ms"}),
    ("trickle", Script(0.6), {"every": "50ms", "for_": "200ms", "direction": "down"}),
    ("trickle", Script(0.6), {"every": "50ms", "for_": "200ms", "direction": "both"}),
    ("halfclose", Script(0.6), {}),
    ("halfclose", Script(0.6), {"side": "server"}),
    ("halfclose", Script(cap=0.6), {"every": "20ms"}),
    ("halfclose", Script(cap=0.6), {"every": "20ms", "side": "server"}),
    ("oneside", Script(0.6, counts="client"), {"every": "20ms"}),
    ("oneside", Script(0.6, counts="client"), {"every": "20ms", "mute": True}),
    ("oneside", Script(0.6, counts="server"), {"every": "20ms", "side": "server"}),
    ("oneside", Script(0.6, counts="server"), {"every": "20ms", "side": "server", "mute": True}),
    ("stall", Script(1.2), {"connections": 2}),
    ("stall", Script(1.2), {"connections": 2, "side": "server"}),
    ("mixed", Script(0.6), {"busy": 25, "every": "20ms"}),
    ("lifetime", Script(life=0.6, by="rst"), {"every": "20ms"}),
    ("firstbyte", Script(first=1.3), {"busy": 25}),
    ("firstbyte", Script(first=1.3), {"busy": 25, "every": "20ms"}),
    ("queue", Script(places=2, queue=0.6), {"places": 2}),
)


def judged(scenario, options):
    """How many connections are judged."""
    n = options.get("connections", N)
    return n - (2 if scenario in ("mixed", "firstbyte", "queue") else 0)


@pytest.mark.parametrize("scenario, script, options", RIGHT, ids=lambda one: one if isinstance(one, str) else None)
def test_a_proxy_that_is_right_is_found_so(scenario, script, options, server):
    with ScriptedPeer(script, server.address) as peer:
        told = server.run(scenario, peer, expect="500ms", **options)
        early = server.run(scenario, peer, expect="60s", max_late="1s", **{"wait": "1s", **options}) \
            if scenario not in ("mixed", "firstbyte", "queue") and script.places is None else None
    assert told.verdicts == {"on_time": judged(scenario, options)} and told.code == 0, told.out
    assert told.json["connections"]["unserved"] == 0 and told.json["tool"]["strangers"] == 0
    matched = {"silent": 0, "places": 2}
    assert told.json["connections"]["matched"] == next(
        (matched[key] for key in options if key in matched), options.get("connections", N))
    assert told.json["bytes"]["up"]["lost"] == told.json["bytes"]["down"]["lost"] == 0
    # The same proxy fails when more was expected.
    assert early is None or (early.verdicts == {"early": options.get("connections", N)} and early.code == 1), early.out


@pytest.mark.parametrize("scenario, script, options", RIGHT[:15:3], ids=lambda one: one if isinstance(one, str) else None)
def test_a_proxy_that_is_late_or_never_comes(scenario, script, options, server):
    with ScriptedPeer(script, server.address) as peer:
        late = server.run(scenario, peer, expect="100ms", max_late="200ms", **options)
    with ScriptedPeer(Script(), server.address) as peer:
        never = server.run(scenario, peer, expect="300ms", wait="200ms", **options)
    assert late.verdicts == {"late": N} and late.code == 1, late.out
    assert never.verdicts == {"never": N} and never.code == 1, never.out


def test_a_server_end_alone_that_is_cut_early_is_enough(server):
    """Only the server's process sees the close. It is early by more time than a byte may need on its way."""
    with ScriptedPeer(Script(0.25, only="server"), server.address) as peer:
        told = server.run("idle", peer, expect="2s", max_late="1s", wait="200ms")
    assert told.verdicts == {"early": N} and told.ends("server") == {"fin": N}, told.out


@pytest.mark.parametrize("side, other", (("client", "server"), ("server", "client")))
def test_the_other_end_of_a_half_close_that_is_reset_too_soon_is_early(side, other, server):
    with ScriptedPeer(Script(0.25, "rst", only=other), server.address) as peer:
        told = server.run("halfclose", peer, side=side, expect="2s", max_late="1s", wait="200ms")
    assert told.verdicts == {"early": N} and told.ends(other) == {"rst": N}, told.out


@pytest.mark.parametrize("scenario, options", (
    ("trickle", {"every": "50ms", "for_": "150ms"}), ("trickle", {"every": "50ms", "for_": "150ms", "direction": "down"}),
    ("oneside", {"every": "50ms"})))
def test_what_weirload_closes_itself_is_no_close_of_the_proxy(scenario, options, server):
    """Each process gives its own end up, and the proxy passes that on to the other one."""
    with ScriptedPeer(Script(), server.address) as peer:
        told = server.run(scenario, peer, expect="200ms", wait="200ms", max_late="100ms", **options)
    assert told.verdicts == {"never": N} and told.broken == {"max_never"}, told.out
    assert told.ends() == told.ends("server") == {"weirload": N}
    assert told.json["client"]["late_us"] is told.json["server"]["late_us"] is None


@pytest.mark.parametrize("scenario, options", (
    ("trickle", {"every": "20ms", "for_": "60ms", "direction": "down"}), ("oneside", {"every": "20ms", "mute": True})))
def test_a_server_end_that_is_left_open_is_never_closed_although_it_sends_first(scenario, options, server):
    with ScriptedPeer(Script(life=0.6, only="client"), server.address) as peer:
        told = server.run(scenario, peer, expect="200ms", wait="2s", **options)
    assert told.verdicts == {"never": N} and told.broken == {"max_never"}, told.out
    assert told.ends() == {"fin": N} and told.ends("server") == {"weirload": N}


def test_without_an_expectation_it_measures(server):
    with ScriptedPeer(Script(0.3), server.address) as peer:
        told = server.run("trickle", peer, every="20ms", for_="100ms", direction="both")
    assert told.verdicts == {"measured": N} and told.code == 0, told.out
    assert told.json["server"]["after_us"]["count"] == N


def test_bytes_that_are_lost_and_garbled_are_told(server):
    with ScriptedPeer(Script(0.3, swallow_at=8), server.address) as peer:
        lost = server.run("idle", peer, expect="200ms", spread="0s")
    with ScriptedPeer(Script(0.2, add=b"!!"), server.address) as peer:
        added = server.run("idle", peer, expect="100ms")
    assert lost.broken == {"max_lost"} and added.broken == {"max_added", "max_garbled"}


def test_a_drain_and_its_live_streams(server, folder):
    begins = os.path.join(folder, "drain")
    with ScriptedPeer(Script(drain="idle", drain_file=begins), server.address) as peer:
        told = server.run("drain", peer, after="300ms", for_="400ms", every="20ms", expect="20s",
                          drain_command=f"touch '{begins}'")
    assert told.code == 0 and told.json["drain"]["finished"] == N // 2, told.out


@pytest.mark.parametrize("scenario, timers, options", (
    ("idle", {"idle": "1s"}, {}),
    ("halfclose", {"half_close": "500ms"}, {"side": "server"}),
    ("oneside", {"first_byte": "700ms"}, {"every": "50ms", "mute": True}),
    ("stall", {"write_stall": "2s"}, {"connections": 4, "ramp": 50}),
))
def test_weir_keeps_its_word_to_two_processes(scenario, timers, options, server, report):
    none = {"connect": "30s", "idle": "none", "half_close": "none", "write_stall": "none"}
    expect = next(iter(timers.values()))
    with relay(servers=[str(server.address)], timeouts={**none, **timers}) as rig:
        told = server.run(scenario, rig.weir.address, expect=expect, **{"connections": scaled(40, 8), **options})
    assert set(told.verdicts) == {"on_time"} and told.code == 0, told.out
    late = [told.json[side]["late_us"] for side in ("client", "server")]
    report(f"p50 {[one['p50'] for one in late if one]} µs late")


def test_many_ends_are_fetched_in_parts(server):
    count = scaled(1200, 600)
    with relay(servers=[str(server.address)], timeouts={"idle": "2s"}) as rig:
        told = server.run("idle", rig.weir.address, expect="2s", connections=count)
    assert told.verdicts == {"on_time": count} and told.json["connections"]["matched"] == count, told.out


def test_a_name_and_a_path_are_remotes_too(folder):
    with ScriptedPeer(Script(0.2)) as peer:
        told = load.run("idle", target=peer, expect="1s", remote="no-such-host.invalid:1", secret_file="/dev/null")
    assert told.code == 2 and "--remote no-such-host.invalid:1: " in told.err
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    told = load.run("idle", target="127.0.0.1:1", expect="1s", remote=f"localhost:{port}", secret_file="/dev/null")
    assert told.code == 2 and f":{port}: Connection refused; " in told.err and "%" not in told.err
    one = Server(folder)
    one.control = address.unix(os.path.join(folder, "control"))
    one._words = load.arguments("serve", {"serve": one.address, "control": one.control,
                                          "secret_file": one.secret_file})
    with one, ScriptedPeer(Script(0.3), one.address) as peer:
        assert os.stat(one.control.sockaddr).st_mode & 0o777 == 0o600
        assert one.run("idle", peer, expect="200ms").code == 0


# Which callers it obeys

def test_a_wrong_secret_is_told_after_a_while_and_the_right_one_is_served(server, folder):
    wrong = os.path.join(folder, "wrong")
    with open(wrong, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write("x" * 32)
    with ScriptedPeer(Script(0.2), server.address) as peer:
        told = load.run("idle", target=peer, expect="100ms", remote=server.control, secret_file=wrong)
        assert told.code == 2 and told.out == "" and told.err.count("\n") == 1
        assert "it says: the secret is not the same" in told.err
        server.reads("refused")
        assert server.run("idle", peer, expect="100ms").code == 0


def test_what_was_heard_once_proves_nothing_a_second_time(server):
    """A man in the middle hears the beginning of a run, and then sends the same."""
    heard = []
    with ScriptedPeer(Script(), server.control, hears=heard) as middle, \
            ScriptedPeer(Script(0.2), server.address) as peer:
        told = load.run("idle", target=peer, expect="100ms", remote=middle, secret_file=server.secret_file)
        assert told.code == 0, told.out
    proof = json.loads(heard[0].split(b"\n")[0])
    assert set(proof) == {"protocol", "nonce", "proof"} and SECRET not in heard[0].decode()
    with server.caller() as (lines, _):
        assert "error" in ask(lines, **proof)


def test_challenges_differ(server):
    said = []
    for _ in range(3):
        with server.caller() as (_, hello):
            said.append(hello["challenge"])
    assert len(set(said)) == 3 and all(re.fullmatch("[0-9a-f]{32}", one) for one in said)


@pytest.mark.parametrize("line, says", (
    (b"GET / HTTP/1.1\r\n", "no JSON object"),
    (b"[]\n", "no JSON object"),
    (b'{"run": {"scenario": "idle"}}\n', "another version"),
    (b'{"protocol": 2, "nonce": "0", "proof": "0"}\n', "another version"),
    (b'{"protocol": 1}\n', "the secret is not the same"),
    (b'{"protocol": 1, "nonce": 7, "proof": []}\n', "the secret is not the same"),
    (b'{"protocol": 1, "nonce": "' + b"0" * 32 + b'", "proof": "$6$"}\n', "the secret is not the same"),
    (b"x" * 600, "too long"),
))
def test_whoever_shows_nothing_is_refused(line, says, server):
    with server.caller() as (lines, _):
        lines.buffer.write(line)
        lines.flush()
        assert says in json.loads(lines.readline())["error"]
        with contextlib.suppress(ConnectionResetError):
            assert lines.readline() == ""
    with ScriptedPeer(Script(0.2), server.address) as peer:
        assert server.run("idle", peer, expect="100ms").code == 0


def test_who_says_nothing_holds_no_place_for_long(server):
    """There are more callers than it takes at once: the last one is served when the silent ones are cut off."""
    with contextlib.ExitStack() as stack:
        for _ in range(9):
            sock = stack.enter_context(server.control.socket())
            sock.connect(server.control.sockaddr)
        with ScriptedPeer(Script(0.2), server.address) as peer:
            assert server.run("idle", peer, expect="100ms").code == 0


RUN = {"scenario": "idle", "nonce": 1, "busy": 1000000, "silent": False, "mute": False, "connections": 1,
       "expect_ns": 10**9, "wait_ns": 10**9, "connect_wait_ns": 10**9, "max_late_ns": 10**8, "direction": 1,
       "side": 0, "size": 64, "places": 0}


@contextlib.contextmanager
def proven(server, **options):
    """A caller that has proved that it has the secret, as weirload does: in Python only crypt computes crypt(3)."""
    crypt = pytest.importorskip("crypt")
    with server.caller(**options) as (lines, hello):
        phrase = f"{SECRET}\n{hello['challenge']}\n{'0' * 32}"
        assert ask(lines, protocol=1, nonce="0" * 32,
                   proof=crypt.crypt(phrase, "$6$rounds=1000$weirload$")) == {"ok": True}
        yield lines


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("change, says", (
    ({"scenario": "serve"}, "run.scenario"), ({"scenario": 5}, "run.scenario"), ({"scenario": "connect"}, "run.scenario"),
    ({"nonce": 256}, "nonce"), ({"nonce": -1}, "nonce"), ({"busy": 0}, "busy"), ({"busy": 10**9}, "busy"),
    ({"silent": 1}, "silent"), ({"connections": 0}, "run.connections"), ({"connections": 10**8}, "run.connections"),
    ({"connections": 10**7}, "file descriptors"), ({"expect_ns": -1}, "run.expect_ns"), ({"wait_ns": None}, "run.wait_ns"),
    ({"wait_ns": 2**62}, "run.wait_ns"), ({"side": 2}, "run.side"), ({"direction": 0}, "run.direction"),
    ({"size": 10**6}, "run.size"), ({"scenario": "trickle"}, "--every is missing"), ({"every_ns": 0}, "run.every_ns"),
))
def test_a_run_that_does_not_fit_is_refused(change, says, server):
    with proven(server) as lines:
        assert says in ask(lines, run={**RUN, **change})["error"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_serves_one_at_a_time_and_what_comes_out_of_turn_is_refused(server):
    with proven(server) as lines:
        assert ask(lines, run=RUN) == {"ok": True}
        with proven(server) as others:
            assert "another caller's run" in ask(others, run=RUN)["error"]
        state = ask(lines, over=[])
        assert state == {"servers": 0, "ended": 0, "awaited": 0, "strangers": 0, "delay_us": 0, "over": []}
        assert ask(lines, over=[0])["over"] == []
        assert "not what comes now" in ask(lines, over=[1])["error"]  # there is only one client, number 0
    with proven(server) as lines:  # the run of the refused caller is over, too
        wait.until(lambda: "ok" in (again := ask(lines, run=RUN)) or pytest.fail(str(again)), "its turn")
        assert ask(lines, stop=True)["servers"] == 0
        assert ask(lines, ends=0) == {"ends": []} == ask(lines, ends=10**15)
        assert "error" in ask(lines, run=RUN)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_who_asks_and_reads_no_answer_is_not_heard_for_ever(server):
    """The queue of answers is bounded: the caller is cut off long before 64 MiB of them."""
    question = b'{"over": []}\n' * 1000
    with proven(server, rcvbuf=4096) as lines:
        assert ask(lines, run=RUN) == {"ok": True}
        with pytest.raises((ConnectionError, TimeoutError)):
            for _ in range(1000):
                lines.buffer.write(question)
                lines.flush()
    server.reads("began a run")
    server.reads("ended the run")
    with ScriptedPeer(Script(0.2), server.address) as peer:
        assert server.run("idle", peer, expect="100ms").code == 0


def test_a_controller_that_vanishes_takes_its_run_with_it(server):
    with ScriptedPeer(Script(), server.address) as peer:
        words = load.arguments("idle", {"target": peer, "remote": server.control, "expect": "1h",
                                        "secret_file": server.secret_file, "connections": N})
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
            server.reads("began a run")
            wait.until(lambda: peer.script.heard == N, "the connections")
            process.kill()
        server.reads("ended the run")
    with ScriptedPeer(Script(0.2), server.address) as peer:
        assert server.run("idle", peer, expect="100ms").code == 0


def test_a_serving_end_that_vanishes_is_told(folder):
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(Server(folder))
        peer = stack.enter_context(ScriptedPeer(Script(), one.address))
        words = load.arguments("idle", {"target": peer, "remote": one.control, "expect": "1h",
                                        "secret_file": one.secret_file, "connections": N})
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait.until(lambda: peer.script.heard == N, "the connections")
            one.process.terminate()
            out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2 and out == ""
    assert err.startswith(f"weirload: --remote {one.control}: lost during the run: ") and err.count("\n") == 1
    assert err.endswith("; see why weirload serve ended there, and run this again\n")


def test_an_interrupt_reports_what_was_measured(server):
    with ScriptedPeer(Script(), server.address) as peer:
        words = load.arguments("idle", {"target": peer, "remote": server.control, "expect": "1h", "json": True,
                                        "secret_file": server.secret_file, "connections": N})
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            wait.until(lambda: peer.script.heard == N, "the connections")
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=DEADLINE)
    told = load.Told(process.returncode, out, "")
    assert told.code == 130 and told.verdicts == {"unfinished": N} and not told.broken


def test_no_serving_end_is_there():
    nobody = address.free("tcp4", None)
    told = load.run("idle", target=nobody, expect="1s", remote=nobody, secret_file="/dev/null")
    assert told.code == 2 and told.err == (
        f"weirload: --remote {nobody}: Connection refused; start weirload serve --secret-file there\n")


def test_one_that_answers_but_is_none_is_told(folder):
    one = Server(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = load.arguments("idle", {"target": "127.0.0.1:1", "expect": "1s", "secret_file": one.secret_file,
                                        "remote": address.of_socket(listener)})
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
            sock, _ = listener.accept()
            sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            _, err = process.communicate(timeout=DEADLINE)
            sock.close()
    assert process.returncode == 2 and "not a weirload serve --secret-file of this version" in err


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_an_interrupt_is_heard_while_nobody_answers(number, folder):
    one = Server(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = load.arguments("idle", {"target": "127.0.0.1:1", "expect": "1s", "secret_file": one.secret_file, "connections": N,
                                        "remote": address.of_socket(listener), "json": True})
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            sock, _ = listener.accept()
            process.send_signal(number)
            out, err = process.communicate(timeout=DEADLINE)
            sock.close()
    told = load.Told(process.returncode, out, err)
    assert told.code == 128 + number and told.err == "" and told.json["interrupted"]
    assert told.json["connections"]["unopened"] == N and not told.broken


# The secret, and the command line

@pytest.mark.parametrize("content, mode, says", (
    (b"short", 0o600, "16 to 256 bytes"), (b"", 0o600, "16 to 256 bytes"), (b"x" * 300, 0o600, "16 to 256 bytes"),
    (b"x" * 16 + b"\ny\n", 0o600, "more than one line"), (b"x" * 16 + b"\0y", 0o600, "more than one line"),
    (b"x" * 32, 0o644, "chmod o="), (None, None, "No such file"),
))
def test_a_secret_that_is_none(content, mode, says, folder):
    path = os.path.join(folder, "bad")
    if content is not None:
        with open(path, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
    told = load.run("serve", connections=None, json=None, serve="127.0.0.1:1", control=address.free("tcp4", None),
                    secret_file=path)
    assert told.code == 2 and told.err.startswith(f"weirload: --secret-file {path}: ") and says in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("scenario, options, says", (
    ("idle", {"target": "127.0.0.1:1", "remote": "127.0.0.1:2"}, "--remote needs --secret-file"),
    ("idle", {"target": "127.0.0.1:1", "secret_file": "/x"}, "--secret-file needs --remote"),
    ("idle", {"target": "127.0.0.1:1", "remote": "127.0.0.1:2", "secret_file": "/x", "serve": "127.0.0.1:3"},
     "leave one of them out"),
    ("connect", {"target": "127.0.0.1:1", "remote": "127.0.0.1:2"}, "not an option of connect"),
    ("serve", {"serve": "127.0.0.1:1", "control": "127.0.0.1:2"}, "--control needs --secret-file"),
    ("serve", {"serve": "127.0.0.1:1", "secret_file": "/x", "mode": "echo"}, "leave out --mode"),
))
def test_words_that_do_not_fit_together(scenario, options, says):
    told = load.run(scenario, connections=None, json=None, **options)
    assert told.code == 2 and says in told.err and told.err.count("\n") == 1


def test_it_is_told_on_loopback_unless_told_otherwise():
    done = subprocess.run([load.WEIRLOAD, "serve", "--help"], capture_output=True, text=True, check=True)
    assert re.search(r"--control ADDR .*\(default 127\.0\.0\.1:8470\)", done.stdout)


def test_it_ends_by_itself_when_its_time_is_over(folder):
    one = Server(folder)
    done = subprocess.run([*one._words, "--for=100ms"], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0 and done.stdout == f"weirload serve: takes runs at {one.control}\n"
