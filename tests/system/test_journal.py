# SPDX-License-Identifier: ISC
"""Under systemd the log is written as entries of the journal, with fields; a real journald takes them."""

import os
import subprocess
import time

import pytest

from weirtest import peers, wait
from weirtest.clock import within
from weirtest.daemon import without_systemd
from weirtest.journal import Journal
from weirtest.rig import relay
from weirtest.settings import WEIR, scaled

MESSAGE_IDLE = "9762649799c640bfa89be60b98936b6c"


@pytest.fixture
def journal():
    with Journal() as one:
        yield one


def relay_into(journal, *transports, **settings):
    return relay(*transports, daemon={"journal": True, "prefix": journal.prefix}, **settings)


def exchange(rig, rounds):
    for number in range(rounds):
        with peers.connect(rig.weir.address) as sock:
            sock.sendall(b"%d" % number)
            peers.fin(sock)
            assert peers.read_end(sock) == (b"%d" % number, "fin")


@pytest.mark.root
def test_pairs_are_found_by_the_fields_of_their_end(journal):
    with relay_into(journal, timeouts={"idle": "300ms"}) as rig:
        with within(time.monotonic(), 0.3):
            client, server = rig.pair()
            client.sendall(b"question")
            assert peers.read_exactly(server, 8) == b"question"
        name = peers.name(client)
        assert peers.end_of(client) == "fin"
        one = journal.entry("WEIR_REASON=idle")
        assert int(one["WEIR_PAIR"]) > 0 and int(one["WEIR_LATE_USEC"]) >= 0
        wanted = {"PRIORITY": "6", "SYSLOG_IDENTIFIER": "weir", "MESSAGE_ID": MESSAGE_IDLE,
                  "WEIR_EVENT": "close", "WEIR_LISTENER": "relay", "WEIR_CLIENT": name,
                  "WEIR_SERVER": rig.upstream.address.text, "WEIR_BY": "weir", "WEIR_TIMER": "idle",
                  "WEIR_BYTES_UP": "8", "WEIR_BYTES_DOWN": "0", "_TRANSPORT": "journal"}
        assert {key: one[key] for key in wanted} == wanted
        assert one["MESSAGE"].startswith(f"event=close pair={one['WEIR_PAIR']} listener=relay client={name} ")
        assert not journal.entries("WEIR_REASON=eof")
        assert journal.entry("WEIR_EVENT=ready")["WEIR_CONF"] == rig.weir.config
        assert not rig.weir.records("ready") and not rig.weir.records("close")


@pytest.mark.root
def test_ends_by_peers_have_no_message_id_for_there_is_nothing_to_explain(journal):
    with relay_into(journal) as rig:
        for sock in rig.pair():
            sock.close()
        assert "MESSAGE_ID" not in journal.entry("WEIR_REASON=eof")
        client, _ = rig.pair()
        peers.reset(client)
        assert "MESSAGE_ID" not in journal.entry("WEIR_REASON=reset")


@pytest.mark.root
def test_odd_bytes_arrive_exactly(journal):
    """They are escaped in the message; a field has the original bytes."""
    server = "unix:@weir é = \" \\x41 \\ WEIR_BY=nobody"
    with relay_into(journal, "unix", servers=[server]) as rig:
        assert peers.end_of(rig.client()) in ("rst", "fin")
        closed = journal.entry("WEIR_REASON=connect_failed")
        assert closed["WEIR_TRIED"].startswith(f"{server} (") and closed["WEIR_BY"] == "upstream"
        assert closed["MESSAGE"].isprintable() and "\\xc3\\xa9" in closed["MESSAGE"]


@pytest.mark.root
def test_journald_that_does_not_read_stops_nothing_and_drops_are_counted(journal, report):
    rounds = scaled(2000, least=1500)
    with relay_into(journal, servers=[lambda *where: peers.Server(*where, peers.echo)],
                    log={"level": "debug"}) as rig:
        journal.pause()
        exchange(rig, rounds)
        journal.go_on()

        def balance():
            dropped = sum(int(one["WEIR_LINES"]) for one in journal.entries("WEIR_EVENT=log_dropped"))
            return len(journal.entries("WEIR_EVENT=open", "WEIR_EVENT=close")), dropped

        journal.entry("WEIR_EVENT=log_dropped")
        wait.until(lambda: sum(balance()) == 2 * rounds, "every line, read or counted", every=0.1)
        came, dropped = balance()
        assert dropped > 0
        report(f"{2 * rounds} lines: {came} came, {dropped} counted as dropped")


@pytest.mark.root
def test_errors_of_the_config_have_priority_err(journal, folder):
    path = os.path.join(folder, "weir.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write("listeners = ();\nupstreams = 1;\n")
    with journal.stream() as stream:
        done = subprocess.run([*journal.prefix, WEIR, "-c", path], stdin=subprocess.DEVNULL, stderr=stream,
                              env={**os.environ, "JOURNAL_STREAM": journal.name_of(stream)}, check=False)
    assert done.returncode == 78
    assert journal.entry("PRIORITY=3", "_TRANSPORT=stdout")["MESSAGE"].startswith(f"{path}:1: listeners: ")


@pytest.mark.root
def test_errors_of_a_reload_are_in_the_journal_once(journal):
    """
    systemd journals what ExecReload= prints, and weir's log has the errors already. So `weir --reload` prints them only
    for other callers, for whom MAINPID is not set.
    """
    options = {"journal": True, "prefix": journal.prefix, "control": True, "errors": ("reload_failed",)}
    with relay(daemon=options) as rig:
        def reload(**env):
            with journal.stream() as stream:
                return subprocess.run(
                    [*journal.prefix, WEIR, "--reload", "-c", rig.weir.config], stdin=subprocess.DEVNULL, stderr=stream,
                    env={**without_systemd(), "RUNTIME_DIRECTORY": rig.weir.runtime,
                         "JOURNAL_STREAM": journal.name_of(stream), **env}, check=False).returncode

        def printed(count):
            lines = wait.until(lambda: journal.entries("_TRANSPORT=stdout")[count - 1:], "what it prints", every=0.05)
            return [one["MESSAGE"] for one in lines]

        rig.weir.configure({**rig.weir.settings, "colour": "red"})
        assert reload(MAINPID=str(rig.weir.pid)) == 1
        assert printed(1) == ["weir: the config was not taken, and all is as before; event=reload_failed says why"]
        assert "colour: is not known here" in journal.entry("WEIR_EVENT=reload_failed")["WEIR_ERROR"]
        assert len(journal.entries("WEIR_EVENT=reload_failed")) == 1
        assert reload() == 1
        error, = printed(2)
        assert error.startswith(rig.weir.config) and "colour: is not known here" in error


@pytest.mark.root
def test_without_journalds_socket_lines_go_to_the_stream(folder):
    """A service with its own root directory may have the stream to journald, but not its socket."""
    hide = ("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--mount",
            "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh")
    with relay(daemon={"journal": True, "prefix": hide}) as rig:
        for sock in rig.pair():
            sock.close()
        line = rig.weir.close_line().line
        assert line.startswith("<6>event=close ") and "time=" not in line and "level=" not in line
