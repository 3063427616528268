# SPDX-License-Identifier: ISC
"""weirlab -record and -replay: the timing of a connection is recorded, and replayed as either side."""

import re
import signal
import subprocess
import threading
import time

import pytest

from weirtest import peers, wait
from weirtest.address import tcp, unix
from weirtest.lab import WEIRLAB
from weirtest.peers import read_end, read_exactly
from weirtest.settings import DEADLINE, LATE

FIRST = "weirlab recording 1\n"
# A question, an answer in two pieces, and a FIN each way.
TALK = FIRST + """20ms upstream 64
50ms downstream 1000
40ms downstream 5000
30ms upstream fin
30ms downstream fin
"""


class Run:
    """A weirlab that records or replays; a context manager. It ends by itself, or is ended."""

    def __init__(self, *options):
        api = () if "-replay" in options else ("-port", "0")
        self.process = subprocess.Popen([WEIRLAB, *api, *map(str, options)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        if self.process.poll() is None:
            self.process.terminate()
        self.done()
        self.process.stderr.close()

    def said(self, pattern):
        return next((found for line in list(self.lines) if (found := re.search(pattern, line))), None)

    def address(self):
        """The Address at which it listens."""
        found = wait.until(lambda: self.said(r"listens on (?:127\.0\.0\.1:(\d+)|unix:([^\s,]+))"), "it listens")
        return tcp("127.0.0.1", int(found[1])) if found[1] else unix(found[2])

    def done(self):
        """Its exit status, once it has ended."""
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code


def events(path):
    """The events of a recording: (seconds since the event before, direction, what)."""
    first, *lines = path.read_text().splitlines()
    assert first + "\n" == FIRST
    units = {"us": 1e-6, "ms": 1e-3, "s": 1}
    told = []
    for line in lines:
        gap, direction, what = line.split()
        number, unit = re.fullmatch(r"(\d+)(us|ms|s)", gap).groups()
        told.append((int(number) * units[unit], direction, what))
    return told


def sums(told):
    """The bytes of each direction, and its ends. It does not matter in which pieces the bytes came."""
    return {way: (sum(int(what) for _, one, what in told if one == way and what.isdigit()),
                  [what for _, one, what in told if one == way and not what.isdigit()])
            for way in ("upstream", "downstream")}


def moments(told):
    """(seconds, direction, bytes of it so far or its end) of each event."""
    now, so_far, found = 0.0, {"upstream": 0, "downstream": 0}, []
    for gap, direction, what in told:
        now += gap
        if what.isdigit():
            so_far[direction] += int(what)
        found.append((now, direction, so_far[direction] if what.isdigit() else what))
    return found


def assert_same_times(first, second):
    """
    Asserts that the second recording has the bytes and ends of each event of the first at about the same time, in
    whatever pieces. In each recording the times count from its first event, since each event waits for those
    before it, and a busy machine may record the first one late.
    """
    second = moments(second)
    begun = second[0][0]
    for now, direction, what in moments(first):
        again = next(time for time, one, so_far in second if one == direction and (
            so_far == what or isinstance(what, int) and isinstance(so_far, int) and so_far >= what))
        assert -0.02 < (again - begun) - (now - first[0][0]) < LATE, (direction, what)


def write(tmp_path, text):
    path = tmp_path / "talk.rec"
    path.write_text(text)
    return path


def test_a_connection_is_recorded_and_weirlab_ends(tmp_path):
    upstream = peers.Upstream("tcp4", None)
    path = tmp_path / "r"
    with Run("-record", path, "-listen", "localhost:0", "-upstream", upstream.address) as lab:
        with peers.connect(lab.address()) as client:
            server = peers.prepare(upstream.sock.accept()[0])
            client.sendall(b"q" * 64)
            assert read_exactly(server, 64) == b"q" * 64
            time.sleep(0.1)  # the answer comes at least 0.1 s after the beginning; each event may be recorded late
            server.sendall(b"a" * 200_000)
            assert read_exactly(client, 200_000) == b"a" * 200_000
            peers.fin(client)
            assert read_end(server) == (b"", "fin")
            time.sleep(0.05)
            peers.reset(server)
            assert read_end(client)[1] == "rst"
        assert lab.done() == 0
    told = events(path)
    assert sums(told) == {"upstream": (64, ["fin"]), "downstream": (200_000, ["reset"])}
    assert told[0][1:] == ("upstream", "64")
    assert moments(told)[1][0] >= 0.1 and moments(told)[-1][0] >= 0.15
    upstream.close()


def test_an_order_to_stop_keeps_what_was_recorded(tmp_path):
    server = peers.Server("tcp4", None, peers.echo)
    path = tmp_path / "r"
    with Run("-record", path, "-listen", "localhost:0", "-upstream", server.address) as lab:
        with peers.connect(lab.address()) as client, peers.connect(lab.address()) as another:
            client.sendall(b"12345")
            assert read_exactly(client, 5) == b"12345"
            another.sendall(b"x")  # the second connection is relayed, but not recorded
            assert read_exactly(another, 1) == b"x"
            lab.process.send_signal(signal.SIGTERM)
            assert lab.done() == 0
    assert sums(events(path)) == {"upstream": (5, []), "downstream": (5, [])}
    server.close()


def test_what_cannot_be_recorded_is_told(tmp_path):
    with Run("-record", tmp_path, "-listen", "localhost:0", "-upstream", "localhost:1") as lab:
        assert lab.done() == 1 and lab.said(f"error: {tmp_path}: Is a directory")
    with Run("-record", tmp_path / "r", "-listen", "localhost:0", "-upstream", "localhost:1") as lab:
        lab.address()
        lab.process.terminate()
        assert lab.done() == 1 and lab.said("there was no connection to record")


def test_a_recording_stays_until_there_is_another(tmp_path):
    path = write(tmp_path, TALK)
    server = peers.Server("tcp4", None, peers.echo)
    with Run("-record", path, "-listen", str(server.address), "-upstream", "localhost:1") as lab:
        assert lab.done() == 1 and lab.said("address already in use") and path.read_text() == TALK
    with Run("-record", path, "-listen", "localhost:0", "-upstream", server.address) as lab:
        lab.address()
        lab.process.terminate()
        assert lab.done() == 1 and path.read_text() == TALK
    with Run("-record", path, "-listen", "localhost:0", "-upstream", server.address) as lab:
        with peers.connect(lab.address()) as client:
            client.sendall(b"1")
            assert read_exactly(client, 1) == b"1" and path.read_text() == TALK
        assert lab.done() == 0
    assert sums(events(path))["upstream"] == (1, ["fin"])
    assert list(tmp_path.iterdir()) == [path]
    server.close()


def test_a_full_disk_is_told():
    server = peers.Server("tcp4", None, peers.echo)
    with Run("-record", "/dev/full", "-listen", "localhost:0", "-upstream", server.address) as lab:
        with peers.connect(lab.address()) as client:
            client.sendall(b"1")
            read_exactly(client, 1)
        assert lab.done() == 1 and lab.said("/dev/full: No space left on device")
    server.close()


def test_the_server_of_a_recording_answers_at_its_times(tmp_path):
    with Run("-replay", write(tmp_path, TALK), "-listen", "localhost:0") as lab:
        for number in (1, 2):
            with peers.connect(lab.address()) as client:
                time.sleep(0.1)  # the question is late
                since = time.monotonic()
                client.sendall(bytes(64))
                answer = read_exactly(client, 1000)
                assert 0.05 <= time.monotonic() - since < LATE
                answer += read_exactly(client, 5000)
                assert 0.09 <= time.monotonic() - since < LATE
                assert answer == bytes(i % 251 for i in range(6000))
                since = time.monotonic()
                peers.fin(client)
                assert read_end(client) == (b"", "fin")
                assert 0.03 <= time.monotonic() - since < LATE
            wait.until(lambda n=number: lab.said(f"server {n}: all was as recorded"), "it is told")
        lab.process.terminate()
        assert lab.done() == 0


def test_the_client_of_a_recording_asks_at_its_times_and_ends(tmp_path):
    upstream = peers.Upstream("tcp4", None)
    since = time.monotonic()
    with Run("-replay", write(tmp_path, TALK), "-upstream", upstream.address) as lab:
        server = peers.prepare(upstream.sock.accept()[0])
        assert read_exactly(server, 64) == bytes(range(64))
        assert time.monotonic() - since >= 0.02
        sent = time.monotonic()
        server.sendall(bytes(6000))
        assert read_end(server) == (b"", "fin")
        assert 0.03 <= time.monotonic() - sent < LATE
        server.close()
        assert lab.done() == 0 and lab.said("client 1: all was as recorded")
    upstream.close()


@pytest.mark.parametrize("transport, end", (
    ("tcp", "30ms upstream fin\n30ms downstream fin\n"), ("unix", "30ms downstream fin\n30ms upstream fin\n"),
    ("tcp", "30ms upstream reset\n"), ("tcp", "30ms upstream fin\n30ms downstream reset\n")),
                         ids=("tcp-fin", "unix-fin", "tcp-reset", "tcp-fin-reset"))
def test_what_is_played_from_both_sides_is_recorded_as_it_was(tmp_path, transport, end):
    talk = FIRST + "20ms upstream 64\n50ms downstream 1000\n60ms downstream 100000\n" + end
    path, again = write(tmp_path, talk), tmp_path / "again"
    listens = [f"unix:{tmp_path}/{i}" if transport == "unix" else "localhost:0" for i in range(2)]
    with Run("-replay", path, "-listen", listens[0]) as server, \
         Run("-record", again, "-listen", listens[1], "-upstream", server.address()) as lab, \
         Run("-replay", path, "-upstream", lab.address()) as client:
        assert (client.done(), lab.done()) == (0, 0), (client.lines, lab.lines)
        wait.until(lambda: server.said("server 1: all was as recorded"), "the server, too")
    assert sums(events(path)) == sums(events(again))
    assert_same_times(events(path), events(again))


def test_one_process_plays_both_sides(tmp_path):
    where = f"unix:{tmp_path}/s"
    with Run("-replay", write(tmp_path, TALK), "-listen", where, "-upstream", where) as lab:
        assert lab.done() == 0, lab.lines
        assert lab.said("server 2: all|server 1: all") and lab.said("client 1: all|client 2: all")


@pytest.mark.parametrize("does, says", (
    (lambda server: server.close(), "the peer finished after 0 bytes, and the recording has 6000"),
    (peers.reset, "the peer was reset after 0 bytes, and the recording has 6000")), ids=("fin", "reset"))
def test_a_peer_that_differs_is_told_and_reset(tmp_path, does, says):
    upstream = peers.Upstream("tcp4", None)
    with Run("-replay", write(tmp_path, TALK), "-upstream", upstream.address) as lab:
        server = peers.prepare(upstream.sock.accept()[0])
        read_exactly(server, 64)
        does(server)
        assert lab.done() == 1
        assert lab.said(f"client 1 is not as recorded: at event 1 of 5, {says}"), lab.lines
    upstream.close()


def test_a_client_without_a_server_says_so(tmp_path):
    refusing = peers.RefusingUpstream("tcp4", None)
    with Run("-replay", write(tmp_path, TALK), "-upstream", refusing.address) as lab:
        assert lab.done() == 1 and lab.said("error: replay: no connection: ")
    refusing.close()


@pytest.mark.parametrize("options, says", (
    (("-record", "f"), "-record needs -listen ADDRESS and -upstream ADDRESS"),
    (("-record", "f", "-listen", ":0"), "-record needs -listen"),
    (("-replay", "f"), "-replay needs -listen ADDRESS, to be the server, or -upstream"),
    (("-replay", "f", "-record", "f"), "-record and -replay: write one of them"),
    (("-replay", "f", "-listen", ":0", "-run", "f"), "-replay has no proxies"),
    (("-listen", ":0"), "-listen and -upstream belong to -record or -replay"),
    (("-replay", "{tmp}/none", "-listen", ":0"), "{tmp}/none: No such file or directory"),
    (("-replay", "{tmp}/wrong", "-listen", ":0"), "{tmp}/wrong:3: sideways: write upstream or downstream")))
def test_what_is_wrong_is_told_by_option_or_line(tmp_path, options, says):
    (tmp_path / "wrong").write_text(FIRST + "0s upstream 5\n0s sideways 5\n")
    options = [one.format(tmp=tmp_path) for one in options]
    done = subprocess.run([WEIRLAB, *options], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 2 and done.stderr.startswith(f"weirlab: {says.format(tmp=tmp_path)}"), done.stderr


def test_an_address_that_is_wrong_is_told(tmp_path):
    for options, says in ((("-listen", "nowhere"), "-replay: address nowhere: missing port in address"),
                          (("-upstream", "x:0"), "-replay: address x:0: port 0 cannot be connected to")):
        with Run("-replay", write(tmp_path, TALK), *options) as lab:
            assert lab.done() == 1 and lab.said(says)
