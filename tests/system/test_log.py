# SPDX-License-Identifier: ISC
"""weir's log, also when nobody reads it, and its notifications to systemd."""

import contextlib
import os
import re
import subprocess
import sys
import time

import pytest

from weirtest import address, peers, wait
from weirtest.house import house
from weirtest.rig import relay
from weirtest.settings import DEADLINE, LATE

PIPE = 4096


def exchange(rig, rounds):
    """Makes `rounds` pairs, one after the other; each has a line in the log."""
    for number in range(rounds):
        with peers.connect(rig.weir.address) as sock:
            sock.sendall(b"%d" % number)
            peers.fin(sock)
            assert peers.read_end(sock) == (b"%d" % number, "fin")


def echoing(**options):
    return relay(servers=[lambda *where: peers.Server(*where, peers.echo)], **options)


def test_closing_line_tells_everything():
    with relay("tcp4", "tcp6", log={"level": "debug"}) as rig:
        client, server = rig.pair()
        client.sendall(b"question")
        assert peers.read_exactly(server, 8) == b"question"
        server.sendall(b"answer")
        assert peers.read_exactly(client, 6) == b"answer"
        peers.fin(client)
        peers.fin(server)
        opened = rig.weir.record("open")
        closed = rig.weir.close_line(reason="eof")
        for record in (opened, closed):
            assert record["pair"] == opened["pair"] and record["listener"] == "relay"
            assert record["client"] == peers.name(client)
            assert record["server"] == rig.upstream.address.text
            assert record["upstream"] and "server_name" not in record
        assert opened["level"] == "debug" and closed["level"] == "info"
        assert (closed["bytes_up"], closed["bytes_down"]) == ("8", "6")
        for key in ("connect_ms", "duration_ms", "quiet_up_ms", "quiet_down_ms"):
            assert closed.number(key) >= 0
        assert closed.number("duration_ms") >= closed.number("quiet_up_ms")
        assert not {"timer", "late_us", "errno", "tried"} & set(closed)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", closed["time"])


def test_each_line_names_the_node_that_is_written():
    with house(node="weir-1") as here:
        here.weir.record("ready", node="weir-1")
        here.reload(node="weir-2")
        here.weir.record("reloaded", node="weir-2")
        here.reload(node=None)
    assert "node" not in here.weir.record("stopped")


TCP_KEYS = {f"{side}_{what}" for side in ("client", "server") for what in ("rtt_us", "retransmits")}


@pytest.mark.parametrize("end", (peers.fin, peers.reset))
def test_closing_line_tells_what_tcp_knew_of_both_sides(end):
    with relay(log={"tcp_info": "on"}) as rig:
        client, server = rig.pair()
        client.sendall(b"hello")
        assert peers.read_exactly(server, 5) == b"hello"
        end(client)
        server.close()
        closed = rig.weir.close_line()
        assert TCP_KEYS <= set(closed)
        assert all(0 < closed.number(f"{side}_rtt_us") < DEADLINE * 1e6 for side in ("client", "server"))
        assert closed["client_retransmits"] == closed["server_retransmits"] == "0"


def test_of_unix_sockets_and_unless_it_is_asked_for_nothing_is_told_of_tcp():
    for upstream, log in (("unix", {"tcp_info": "on"}), ("tcp4", {})):
        with relay("unix", upstream, log=log) as rig:
            client, server = rig.pair()
            client.close()
            server.close()
            assert not TCP_KEYS & set(rig.weir.close_line())


def test_unix_server_is_logged_as_it_was_written():
    with relay("unix", "unix") as rig:
        for sock in rig.pair():
            sock.close()
        closed = rig.weir.close_line(reason="eof")
        assert closed["server"] == rig.upstream.address.text and closed["client"].startswith("unix:")


@pytest.mark.root
def test_unix_client_is_known_by_its_process_and_user():
    """The log names both clients, which have different users where the test is root, even after they have gone."""
    script = ("import socket, sys\nsock = socket.socket(socket.AF_UNIX)\nsock.connect('\\0' + sys.argv[1])\n"
              "sock.shutdown(socket.SHUT_WR)\nsock.recv(1)\n")
    with relay("abstract", servers=[lambda *where: peers.Server(*where, peers.echo)]) as rig:
        name = rig.weir.address.text.removeprefix("unix:@")
        for uid in (0, 65534) if os.geteuid() == 0 else (os.geteuid(),):
            with subprocess.Popen([sys.executable, "-I", "-c", script, name], user=uid if os.geteuid() == 0 else None) as client:
                assert client.wait(DEADLINE) == 0
            closed = rig.weir.close_line(client_pid=client.pid)
            assert closed["client"] == "unix:" and closed["client_uid"] == str(uid)
            assert closed["reason"] == "eof"


def test_tcp_client_has_no_process_in_the_log():
    with echoing() as rig:
        exchange(rig, 1)
        assert not {"client_pid", "client_uid"} & set(rig.weir.close_line())


@pytest.mark.parametrize("level, events", (("debug", {"open", "close"}), ("info", {"close"}),
                                           ("warn", set()), ("error", set())))
def test_level_decides_what_is_logged(level, events):
    with echoing(log={"level": level}) as rig:
        exchange(rig, 1)
        rig.weir.stop()
        rig.weir.join()
        assert {event for event in ("open", "close") if rig.weir.records(event)} == events


def test_without_systemd_lines_have_time_and_level():
    with echoing() as rig:
        exchange(rig, 1)
        assert rig.weir.close_line().line.startswith("time=")


def test_log_that_nobody_reads_stops_nothing_and_drops_are_counted(report):
    """The log is a pipe of 4 KiB. It gets far more lines than weir queues before it is read."""
    rounds = 1500
    with echoing(log={"level": "debug"}, node="weir-1", daemon={"read_log": False, "log_pipe": PIPE}) as rig:
        exchange(rig, rounds)
        rig.weir.read_log()

        def balance():
            """How many lines have come, and how many the log says were lost."""
            dropped = sum(int(one["lines"]) for one in rig.weir.records("log_dropped"))
            return len(rig.weir.records("open")) + len(rig.weir.records("close")), dropped

        rig.weir.record("log_dropped", node="weir-1")
        wait.until(lambda: sum(balance()) == 2 * rounds, "every line, read or counted")
        came, dropped = balance()
        assert dropped > 0
        exchange(rig, 1)
        wait.until(lambda: sum(balance()) == 2 * rounds + 2, "the lines of one more pair")
        report(f"{2 * rounds} lines: {came} came, {dropped} counted as dropped")


@pytest.mark.workers
def test_log_that_nobody_reads_does_not_hold_up_the_exit(report):
    with echoing(workers=4, daemon={"read_log": False, "log_pipe": PIPE, "log_is_cut": True}) as rig:
        exchange(rig, 200)
        seconds = rig.weir.stop()
        report(f"gone {seconds:.2f} s after SIGTERM")
        assert seconds < LATE


def test_flags_of_the_inherited_stderr_are_not_changed():
    with echoing(daemon={"read_log": False, "log_pipe": PIPE, "log_is_cut": True}) as rig:
        exchange(rig, 50)
        with open(f"/proc/{rig.weir.pid}/fdinfo/2", encoding="ascii") as file:
            flags = int(re.search(r"flags:\s+([0-7]+)", file.read())[1], 8)
        assert not flags & os.O_NONBLOCK


def test_stderr_that_is_gone_stops_nothing():
    """The reader has closed the pipe: each write fails, and no SIGPIPE kills weir."""
    with echoing(daemon={"read_log": False}) as rig:
        rig.weir.close_log()
        exchange(rig, 20)
        rig.weir.stop()


def fail(rig, times):
    for _ in range(times):
        with contextlib.suppress(ConnectionResetError), peers.connect(rig.weir.address) as sock:
            assert peers.end_of(sock) == "rst"


@pytest.mark.workers
@pytest.mark.parametrize("level", ("info", "warn"))
def test_dead_server_is_a_few_warnings_a_second_and_a_count_of_the_others(level):
    """That holds for any number of clients. Each pair also has its line if the level is info."""
    clients = 200

    def told():
        closes = rig.weir.records("close")
        warned = [one for one in closes if one["level"] == "warn"]
        more = [int(one["pairs"]) for one in rig.weir.records("failed_more", level="warn", upstream="relay")]
        return warned, len(closes), more

    with relay(servers=["unix:@weir nobody"], workers=4, log={"level": level}) as rig:
        fail(rig, clients)
        wait.until(lambda: len((now := told())[0]) + sum(now[2]) == clients, "every failure, told or counted")
        warned, n_closes, more = told()
        seconds = int(warned[-1].moment() - warned[0].moment())
        assert more and len(warned) <= 5 * (seconds + 2) < clients
        assert n_closes == (clients if level == "info" else len(warned))
        assert {one["reason"] for one in warned} == {"connect_failed"}

        def warned_again():
            fail(rig, 1)  # in the second of the others it is only counted
            return len(told()[0]) > len(warned)

        wait.until(warned_again, "a warning again", every=0.2)


def test_what_came_from_outside_never_reaches_the_log_raw(folder):
    """For the harness, a line that is not printable ASCII, or not logfmt, is a failure."""
    server = "unix:@weir é = \" \\x41 \\"
    bind = address.unix(os.path.join(folder, "\x1b[31m\n\x7f\xff reason=eof"))
    with relay("unix", servers=[server]) as rig:
        assert peers.end_of(rig.client(bind=bind)) in ("rst", "fin")
        closed = rig.weir.close_line(reason="connect_failed")
        assert server in closed["tried"].encode("latin-1").decode()


def test_quotes_and_backslashes_are_escaped_by_a_backslash():
    server = r'unix:@"C:\x22"'
    with relay("unix", servers=[server]) as rig:
        assert peers.end_of(rig.client()) in ("rst", "fin")
        closed = rig.weir.close_line(reason="connect_failed")
        assert closed["tried"].startswith(server)
        assert r'tried="unix:@\"C:\\x22\" (' in closed.line


def test_notifications(report):
    with echoing() as rig:
        status = rig.weir.notice("STATUS=")
        exchange(rig, 3)
        changed = wait.until(lambda: [one for one in rig.weir.notices
                                      if one.startswith("STATUS=") and one != status],
                             "a status that tells of the pairs")
        assert "3" in changed[-1]
        assert "STOPPING=1" not in rig.weir.notices
        start = time.monotonic()
        rig.weir.stop()
        assert rig.weir.notice("STOPPING=1")
        report(f"{status!r}, then {changed[-1]!r}; gone after {time.monotonic() - start:.2f} s")


def test_ready_is_said_when_every_listener_is_bound():
    with relay(listener={"name": "first"}) as rig:
        ready = rig.weir.record("ready")
        listening = rig.weir.record("listening", listener="first")
        assert listening["address"] == rig.weir.address.text
        assert ready["level"] == listening["level"] == "info"


def test_runs_the_same_without_systemd():
    with echoing(daemon={"notify": False}) as rig:
        exchange(rig, 3)
        assert not rig.weir.notices
