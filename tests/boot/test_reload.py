# SPDX-License-Identifier: ISC
"""`systemctl reload weir` succeeds or fails as the reload does, and costs no connection and no byte."""

import contextlib
import os

import pytest
from weirtest import config, peers, wait

from boottest import load, traffic
from boottest.settings import ROOT

CONF = "/etc/weir/weir.conf"
MESSAGE_RELOAD_FAILED = "31109f2579a74aeb90c5a9d220bb1f9b"
LISTEN, OTHER = "127.0.0.1:8080", "127.0.0.1:8081"
SERVERS = {"one": "127.0.0.1:9001", "two": "127.0.0.1:9002"}


def settings(name, *listens, **more):
    """A config whose pairs go to the server `name`."""
    return {**more, **config.relay(list(listens) or LISTEN, SERVERS[name], name="web")}


@contextlib.contextmanager
def servers(machine, greet=True):
    """For `with`: the thread is in the machine's network, with both servers. Each sends its name, then echoes."""
    def serve(name):
        def work(sock):
            if greet:
                sock.sendall(name.encode())
            peers.echo(sock)
        return work

    with machine.network(), contextlib.ExitStack() as stack:
        for name, where in SERVERS.items():
            stack.enter_context(contextlib.closing(
                peers.Server("tcp4", None, serve(name), at=traffic.address(where))))
        yield stack


def name_of(client):
    return peers.read_exactly(client, 3).decode()


def answered_by(to=LISTEN):
    with traffic.client(to) as client:
        return name_of(client)


def reload(machine, check=True):
    return machine.systemctl("reload", "weir", check=check)


def events(machine, event):
    machine.run("journalctl", "--sync")
    return machine.journal(f"WEIR_EVENT={event}")


def test_good_reload_is_in_force_when_it_returns(machine):
    machine.configure(settings("one"))
    machine.systemctl("restart", "weir")
    pid = machine.pid()
    with servers(machine) as stack:
        before = stack.enter_context(traffic.client())
        assert name_of(before) == "one"
        machine.configure(settings("two", LISTEN, OTHER))
        reload(machine)
        assert answered_by() == answered_by(OTHER) == "two"
        before.sendall(b"still here")
        assert peers.read_exactly(before, 10) == b"still here"
        machine.configure(settings("one", OTHER))
        reload(machine)
        assert answered_by(OTHER) == "one"
        with pytest.raises(ConnectionRefusedError):
            traffic.client()
    assert machine.pid() == pid and machine.show("weir", "ActiveState") == "active"


def wrong_key(machine):
    machine.write(CONF, machine.read(CONF) + "worker = 2;\nmax_pair = 3;\n")
    return f"{CONF}:3: worker: ", f"{CONF}:4: max_pair: "


def no_config(machine):
    machine.write(CONF, "this is none")
    return (f"{CONF}:1: ",)


def include_of_a_folder(machine):
    machine.write(CONF, '@include "/etc"\n' + machine.read(CONF))
    return (f"{CONF}:1: ",)


def vanished(machine):
    os.unlink(machine.path(CONF))
    return (f"{CONF}: ",)


def secret(machine):
    os.chmod(machine.path(CONF), 0o600)
    return (f"{CONF}: ",)


def port_in_use(machine):
    machine.configure(settings("two", LISTEN, SERVERS["two"]))
    return (SERVERS["two"],)


def other_workers(machine):
    machine.configure(settings("two", workers=7))
    return ("workers", "restart")


def explains_where_to_look(machine, said, told):
    """
    systemctl names two commands instead of the error, because the output of ExecReload= goes to the journal. These
    commands, and the one in the documents, show the error. docs/OPERATING.md has the text of systemctl.
    """
    lines = said.splitlines()
    assert lines == ['Job for weir.service failed.',
                     'See "systemctl status weir.service" and "journalctl -xeu weir.service" for details.']
    assert "\n".join(lines) in (ROOT / "docs" / "OPERATING.md").read_text(encoding="utf-8")
    machine.run("journalctl", "--sync")
    for command in (("systemctl", "status", "--full", "weir"), ("journalctl", "-xeu", "weir"),
                    ("journalctl", "-u", "weir", "-p", "err", "-n", "20")):
        shown = machine.run(*command, check=False).stdout
        for text in told:
            assert text in shown, command


@pytest.mark.parametrize("spoil", (wrong_key, no_config, include_of_a_folder, vanished, secret, port_in_use,
                                   other_workers), ids=lambda spoil: spoil.__name__)
def test_bad_reload_fails_says_why_and_changes_nothing(machine, spoil):
    machine.configure(settings("one"))
    machine.systemctl("restart", "weir")
    good, pid = machine.read(CONF), machine.pid()
    with servers(machine) as stack:
        before = stack.enter_context(traffic.client())
        assert name_of(before) == "one"
        told = spoil(machine)
        refused = reload(machine, check=False)
        assert refused.returncode != 0
        explains_where_to_look(machine, refused.stderr, told)
        by_hand = machine.run("env", "RUNTIME_DIRECTORY=/run/weir", "weir", "--reload", check=False)
        assert by_hand.returncode == 1
        for text in told:
            assert text in by_hand.stdout + by_hand.stderr
            assert any(text in one["MESSAGE"] for one in events(machine, "reload_failed"))
        assert machine.pid() == pid and machine.show("weir", "ActiveState") == "active"
        assert answered_by() == "one"
        before.sendall(b"still here")
        assert peers.read_exactly(before, 10) == b"still here"
        if os.path.exists(machine.path(CONF)):
            os.unlink(machine.path(CONF))
        machine.write(CONF, good.replace(SERVERS["one"], SERVERS["two"]))
        reload(machine)
        assert answered_by() == "two"
    failed = events(machine, "reload_failed")
    assert failed and all(one["PRIORITY"] == "3" for one in failed)
    assert {one["MESSAGE_ID"] for one in failed} == {MESSAGE_RELOAD_FAILED}


def test_instance_reloads_by_itself(machine):
    one = "/etc/weir/one.conf"
    machine.configure(settings("one", OTHER), one)
    machine.systemctl("start", "weir@one")
    with servers(machine):
        assert answered_by(OTHER) == "one"
        machine.configure(settings("two", OTHER), one)
        machine.systemctl("reload", "weir@one")
        assert answered_by(OTHER) == "two"
    assert not machine.journal("--unit=weir.service", "WEIR_EVENT=reloaded")


def test_hangup_reloads_too(machine):
    machine.configure(settings("one"))
    machine.systemctl("restart", "weir")
    with servers(machine):
        machine.configure(settings("two"))
        machine.systemctl("kill", "--signal=HUP", "weir")
        wait.until(lambda: answered_by() == "two", "the new config to be in force", every=0.05)


def test_no_client_is_lost_and_no_byte_broken_while_it_reloads_under_load(machine):
    """Every third config is bad. Of the others, one adds a listener, which gets clients too, the next removes it."""
    machine.configure(settings("one"))
    machine.systemctl("restart", "weir")
    pid = machine.pid()
    with servers(machine, greet=False):
        staying, transferring = load.Connecting(LISTEN), load.Transferring(LISTEN)
        going = load.Connecting(OTHER, may_be_refused=True)
        with load.going(staying, transferring, going):
            for number in range(12):
                if number % 3 == 2:
                    machine.write(CONF, "listeners = 1;\n")
                else:
                    machine.configure(settings(("one", "two")[number % 2], LISTEN, *[OTHER][number % 3:]))
                assert (reload(machine, check=False).returncode == 0) == (number % 3 != 2)
                staying.done_more(20)
                transferring.done_more(1 << 18)
                if number % 3 == 0:
                    going.done_more(20)
    assert machine.pid() == pid and len(events(machine, "reloaded")) == 8
    closed = machine.journal("WEIR_EVENT=close")
    assert closed and {one["WEIR_REASON"] for one in closed} == {"eof"}
