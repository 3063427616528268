# SPDX-License-Identifier: ISC
"""weirctl: its requests and its output, its exit codes, and its errors."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from weirtest import address, config, peers, wait
from weirtest.asking import control_path, get
from weirtest.daemon import Weir, run as daemon_run, without_systemd
from weirtest.house import FAILED, NOBODY, exchange, house
from weirtest.settings import DEADLINE, SANITIZER, WEIR

WEIRCTL = os.environ.get("WEIRCTL", os.path.join(os.path.dirname(WEIR), "src", "ctl", "weirctl"))


def run(*words, socket=None, env=None, prefix=()):
    where = ("-s", socket) if socket else ()
    return subprocess.run([*prefix, WEIRCTL, *where, *words], env={**without_systemd(), **(env or {})}, timeout=DEADLINE, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)


def ctl(here, *words, code=0):
    done = run(*words, socket=control_path(here.weir))
    assert done.returncode == code, done
    assert (done.stderr == "") == (code == 0), done
    return done.stderr if code else done.stdout


def is_ready(here):
    return run("ready", socket=control_path(here.weir)).stdout


def test_it_shows_what_weir_answers():
    with house() as here:
        exchange(here.client())
        assert ctl(here, "ready") == "ready: running\n"
        assert "running, generation 1" in ctl(here, "status") and "open 1" in ctl(here, "status")
        assert ctl(here, "listeners").startswith("web  upstream app  open 1")
        assert ctl(here, "upstreams").startswith("app/") and "usable yes" in ctl(here, "upstreams")
        pair, = get(here.weir, "/v1/pairs")["pairs"]
        line, = ctl(here, "pairs", "listener=web", "client=127.0.0.0/8").splitlines()
        assert line.startswith(f"{pair['id']}  listener web") and "idle in " in line
        assert ctl(here, "pairs", "client=unix") == ""
        for command in ("status", "ready", "listeners", "upstreams", "pairs"):
            assert isinstance(json.loads(ctl(here, "--json", command)), dict)


def test_a_pair_says_which_timer_will_end_it():
    with house(timeouts={"idle": "1h", "lifetime": "2h"}) as here:
        exchange(here.client())
        pair, = get(here.weir, "/v1/pairs")["pairs"]
        shown = ctl(here, "pair", str(pair["id"]))
        assert "It ends by idle in " in shown and "no byte moves on either side" in shown
        for way in ("up", "down"):
            assert re.search(rf"^{way}  bytes 5  bytes_per_s \d+  quiet_ms \d+  waiting 0  spliced no$", shown, re.M)
        for side in ("client", "server"):
            assert re.search(rf"^{side}  rtt_us \d+  retransmits \d+$", shown, re.M)
        assert json.loads(ctl(here, "pair", str(pair["id"]), "--json"))["id"] == pair["id"]
        for command in ("pair", "kill"):
            for number in ("999999", "0", "9" * 20):
                told = ctl(here, command, number, code=1)
                assert told == f"weirctl: {number}: there is no such pair any more, or not yet; weirctl pairs lists those that are open\n"


def test_pairs_are_ended():
    with house() as here:
        def open_one():
            sock = here.client()
            exchange(sock)
            return sock, str(get(here.weir, "/v1/pairs")["pairs"][-1]["id"])

        for words in (lambda pair: (pair,), lambda _: ("listener=web",), lambda _: ("--all",)):
            sock, pair = open_one()
            assert ctl(here, "kill", *words(pair)) == "1 told to end\n"
            peers.end_of(sock)
            wait.until(lambda: not get(here.weir, "/v1/pairs")["pairs"], "no pair")
        wait.until(lambda: "\nended  admin 3\n" in ctl(here, "status"), "their reason alone")
        assert ctl(here, "listeners").endswith("  ended by weir admin 3\n")
        sock, _ = open_one()
        for words, code in (((), 2), (("1", "--all"), 2), (("web",), 2), (("limit=1",), 2), (("listener=",), 2),
                            (("colour=red",), 2), (("state=foo",), 2), (("999999",), 1)):
            ctl(here, "kill", *words, code=code)
        exchange(sock)


def test_unknown_names_get_the_nearest_one():
    with house() as here:
        here.reload(listeners=[{**here.weir.settings["listeners"][0], "name": "web"}],
                    upstreams=[{"name": "app", "servers": [{"name": "one", "address": str(here.free())}]}])
        for words, told in ((("server", "app/ome", "drain"), 'no server "app/ome"; the nearest name is "app/one"'),
                            (("server", "ap/one", "up"), 'no server "ap/one"; the nearest name is "app/one"'),
                            (("server", "elsewhere/nothing", "up"), "weirctl upstreams has the names"),
                            (("pairs", "listener=wev"), 'no listener "wev"; the nearest name is "web"'),
                            (("pairs", "upstream=apps"), 'no upstream "apps"; the nearest name is "app"'),
                            (("pairs", "server=app/one"), "server=app/one: a server is meant by its name alone; write upstream=app server=one"),
                            (("kill", "server=onn"), 'no server "onn"; the nearest name is "one"'),
                            (("kill", "listener=\x1b[2J"), 'no listener "\\x1b[2J"; weirctl listeners has')):
            assert told in ctl(here, *words, code=1)
        assert "the nearest is status" in ctl(here, "statsu", code=2)
        assert ctl(here, "pairs", "listener=web", "server=one", "state=relaying") == ""
        assert ctl(here, "kill", "listener=web") == "0 told to end\n"


def test_who_may_not_open_the_socket_is_told_how_he_may():
    with house() as here:
        if os.geteuid() == 0:
            os.chmod(here.weir.folder, 0o755)
            os.chmod(here.weir.runtime, 0o755)
            prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        else:
            os.chmod(control_path(here.weir), 0)
            prefix = ()
        done = run("status", socket=control_path(here.weir), prefix=prefix)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
        assert "Permission denied; you may not open it: be root, or be in the group that control.group" in done.stderr


def test_servers_and_the_log_are_told():
    with house() as here:
        def server():
            upstream, = get(here.weir, "/v1/upstreams")["upstreams"]
            return upstream["servers"][0]

        name = "app/" + server()["name"] if server()["name"] else "app/" + server()["address"]
        for state in ("drain", "down", "up", "auto"):
            ctl(here, "server", name, state)
            assert server()["told"] == state
        ctl(here, "server", name, "weight", "7")
        assert server()["weight_told"] == 7
        ctl(here, "server", name, "weight", "-")
        assert server()["weight_told"] is None
        for words, code in (((name, "weight", "x"), 2), ((name, "weight"), 2), (("app", "up"), 2),
                            ((name, "asleep"), 2), ((name, "weight", "257"), 2), (("app/none", "up"), 1)):
            ctl(here, "server", *words, code=code)
        ctl(here, "log", "debug")
        assert get(here.weir, "/v1/status")["log_level"] == "debug"
        assert ctl(here, "log", "bogus", code=2) == "weirctl: bogus: a level is error, warn, info or debug\n"
        assert ctl(here, "server", name, "dwn", code=2) == \
            "weirctl: dwn: a server is told drain, down, up, auto, weight N or weight -\n"
        assert "known are preface, choosing" in ctl(here, "pairs", "state=foo", code=2)


def test_a_server_has_its_name_and_what_has_no_limit_shows_none():
    with house() as here:
        exchange(here.client())
        server, = get(here.weir, "/v1/pairs")["pairs"]
        for shown in (ctl(here, "pairs"), ctl(here, "pair", str(server["id"])).splitlines()[0]):
            assert f"  server {server['server']}  state relaying" in shown
        assert "  open 1  max -  accepted 1" in ctl(here, "listeners") and "  max_pairs -  " in ctl(here, "upstreams")
        here.reload(listeners=[{**here.weir.settings["listeners"][0], "max_pairs": 9}],
                    upstreams=[{"name": "app", "servers": [{"name": "one", "address": str(here.server()), "max_pairs": 7}]}])
        exchange(here.client())
        pair = get(here.weir, "/v1/pairs")["pairs"][-1]
        for shown in (ctl(here, "pairs"), ctl(here, "pair", str(pair["id"])).splitlines()[0]):
            assert f"  server {pair['server']}  server_name one  state relaying" in shown
        assert "  max 9  " in ctl(here, "listeners") and "  max_pairs 7  " in ctl(here, "upstreams")


def test_with_json_refusals_are_text_on_standard_error():
    """Standard output then has JSON, or nothing."""
    with house(errors=FAILED) as here:
        here.weir.configure(here.settings(colour="red"))
        for words, code in ((("pair", "999"), 1), (("kill", "999"), 1), (("pairs", "state=foo"), 2), (("log", "loud"), 2),
                            (("pairs", "listener=wbe"), 1), (("server", "app/none", "up"), 1), (("reload",), 1),
                            (("events", "event=clos"), 2), (("drain", "soon"), 2)):
            done = run("--json", *words, socket=control_path(here.weir))
            assert (done.returncode, done.stdout) == (code, "") and len(done.stderr.splitlines()) == 1, done
        ctl(here, "drain", "50s")
        done = run("--json", "ready", socket=control_path(here.weir))
        assert (done.returncode, json.loads(done.stdout)["state"], done.stderr) == (1, "drain_grace", "")


def test_reload_and_its_errors():
    with house(errors=FAILED) as here:
        assert ctl(here, "reload") == "generation 2 is in force\n"
        here.weir.configure(here.settings(colour="red"))
        assert here.weir.config in ctl(here, "reload", code=1)


def moved(here, name="moved"):
    """Settings with the control socket at another path."""
    return here.settings(control={"listen": "unix:" + os.path.join(here.weir.folder, name)})


def test_the_socket_is_found_by_the_config(folder):
    with house() as here:
        runtime = {"RUNTIME_DIRECTORY": here.weir.runtime}
        assert run("-c", here.weir.config, "ready", env=runtime).stdout == "ready: running\n"
        here.reload(**moved(here))
        for env in ({}, runtime, {"RUNTIME_DIRECTORY": folder}):
            assert run("-c", here.weir.config, "ready", env=env).stdout == "ready: running\n"
        assert run("-c", here.weir.config, "ready", env={"RUNTIME_DIRECTORY": "no/folder"}).returncode == 0
        # Errors elsewhere in the config do not matter: weirctl only needs the socket's path.
        here.weir.configure({**moved(here), "colour": "red"})
        assert run("-c", here.weir.config, "ready").stdout == "ready: running\n"


def test_config_that_does_not_say_where_is_told(folder):
    path = os.path.join(folder, "weir.conf")
    for text, words in ((None, "No such file"), ("listeners = (", "weir.conf:1: "),
                        ('control = { listen = "127.0.0.1:80"; };', "control.listen: ")):
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        done = run("-c", path, "status")
        assert (done.returncode, done.stdout) == (1, "") and words in done.stderr, done
    assert run("-c", path, "status", socket=os.path.join(folder, "control")).returncode == 2


def test_an_instance_has_a_folder_of_its_own():
    default = re.search(r"\(default: (\S+)/weir\.conf\)", daemon_run("--help").stdout)[1]
    for name, where in (("no-such-instance", "/run/weir-no-such-instance/control"), ("no/such", None)):
        conf = f"{default}/{name}.conf"
        done = daemon_run("--reload", "-c", conf)
        assert done.returncode == 1 and (where or "No such file") in done.stderr, done
        done = run("-c", conf, "status")
        assert (done.returncode, done.stdout) == (1, "") and conf in done.stderr and "No such file" in done.stderr, done


@pytest.mark.parametrize("text, words", ((None, "No such file"), ("listeners = (", "weir.conf:1: "),
                                         ('control = { listen = "unix:%s/dead"; };', "weir is not running there")))
def test_a_config_of_another_weir_never_leads_to_the_one_of_the_folder(folder, text, words):
    """Only a reload then asks the weir at RUNTIME_DIRECTORY, and fails: that weir has another config."""
    path = os.path.join(folder, "weir.conf")
    if text is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("%s", folder))
    with house() as here:
        sock = here.client()
        exchange(sock)
        runtime = {"RUNTIME_DIRECTORY": here.weir.runtime}
        for command in (("kill", "--all"), ("drain", "0s"), ("server", "app/one", "down"), ("log", "debug"), ("undrain",),
                        ("status",), ("ready",), ("pairs",), ("events",), ("--json", "top")):
            done = run("-c", path, *command, env=runtime)
            assert (done.returncode, done.stdout) == (1, "") and words in done.stderr, done
        exchange(sock)
        assert is_ready(here) == "ready: running\n"
        if text is None or "control" not in text:
            done = run("-c", path, "reload", env=runtime)
            assert (done.returncode, done.stdout) == (1, "") and words in done.stderr, done
            done = daemon_run("--reload", "-c", path, env=runtime)
            assert done.returncode == 1 and words in done.stderr, done
            assert done.stderr.endswith(f"{control_path(here.weir)}: the weir there has reloaded, but it has another config\n")


def reload_by_file(here):
    return daemon_run("--reload", "-c", here.weir.config, env={"RUNTIME_DIRECTORY": here.weir.runtime})


def test_weir_reload_finds_a_socket_that_moved_or_moves():
    with house(errors=FAILED) as here:
        here.weir.configure(moved(here))
        for generation in (2, 3):  # the socket moves with the first reload
            done = reload_by_file(here)
            assert (done.returncode, done.stderr) == (0, ""), done
            status = run("-c", here.weir.config, "status").stdout
            assert f"generation {generation}," in status
        here.weir.configure({**moved(here), "colour": "red"})
        done = reload_by_file(here)
        assert done.returncode == 1 and done.stderr == daemon_run("--check", "-c", here.weir.config).stderr != ""


def test_a_socket_that_moves_between_two_written_paths_is_asked_where_it_is():
    """No config has its path. The error names what was tried, and two ways to reload, and these work."""
    with house() as here:
        here.reload(**moved(here))
        there = os.path.join(here.weir.folder, "moved")
        for generation, where in ((3, "second"), (4, "third")):
            here.weir.configure(moved(here, where))
            path = os.path.join(here.weir.folder, where)
            for done in (reload_by_file(here), run("-c", here.weir.config, "reload")):
                assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
                assert f"{path}: No such file" in done.stderr and here.weir.config in done.stderr
                assert "weirctl -s PATH reload" in done.stderr and "SIGHUP" in done.stderr
            assert f"nor at {here.weir.runtime}/control" in reload_by_file(here).stderr
            if where == "second":
                assert run("reload", socket=there).returncode == 0
            else:
                here.weir.signal(signal.SIGHUP)
            wait.until(lambda where=path: os.path.exists(where), "the socket")
            wait.until(lambda n=generation: f"generation {n}," in run("-c", here.weir.config, "status").stdout, "the config")
            assert not os.path.exists(there)
            there = path


def test_reload_of_what_is_no_config_prints_the_errors_of_check():
    with house(errors=FAILED) as here:
        here.weir.configure("listeners = (")
        expected = daemon_run("--check", "-c", here.weir.config).stderr
        assert expected and reload_by_file(here).stderr == expected
        assert get(here.weir, "/v1/status")["reload"]["ok"] is False
        # Nobody listens at the default path. The errors in the config may hide a control.listen.
        done = daemon_run("--reload", "-c", here.weir.config, env={"RUNTIME_DIRECTORY": here.weir.folder})
        assert done.returncode == 1 and done.stderr.startswith(expected)


def test_what_is_wrong_is_said_in_words_of_the_command_line():
    """Each error names what is wrong in the command, and uses no word of HTTP."""
    with house() as here:
        exchange(here.client())
        for words, text in ((("kill", "listener="), "listener: it is empty; write a value, or leave it out"),
                            (("pairs", "listener="), "listener: it is empty; write a value, or leave it out"),
                            (("kill", "limit=3"), "kill: write an ID, filters such as listener=web, or --all alone, for all pairs"),
                            (("kill", "all=true"), "all=true: for all pairs write --all alone"),
                            (("STATUS",), "STATUS: there is no such command; the nearest is status"),
                            (("stauts",), "stauts: there is no such command; the nearest is status"),
                            (("drain", "-5s"), "-5: no time and no number is negative; write it without '-'"),
                            (("server", "app/one", "weight", "-5"), "-5: no time and no number is negative; write it without '-'"),
                            (("-c", here.weir.config, "status"), "-s and -c both name the control socket; write only one of them")):
            assert ctl(here, *words, code=2) == f"weirctl: {text}\n"
        assert ctl(here, "pairs", "bad=1", code=2).endswith(", limit, after and tcp_info\n")
        assert len(get(here.weir, "/v1/pairs")["pairs"]) == 1
    for path in ("", "unix:", "@", "unix:@"):
        done = run("-s", path, "status")
        assert (done.returncode, done.stderr) == (2, f'weirctl: "{path}": this is no path; write one, as /run/weir/control\n')


def test_drain_and_undrain():
    with house(timeouts={"drain": "60s"}) as here:
        sock = here.client()
        exchange(sock)
        assert re.match(r"drain_grace, \d+\.\ds left, pairs open 1\n$", ctl(here, "drain", "50s"))
        assert is_ready(here) == "not ready: drain_grace\n"
        assert re.search(r": drain_grace, \d+\.\ds left, generation 1", ctl(here, "status"))
        exchange(here.client())
        ctl(here, "undrain")
        done = run("drain", socket=control_path(here.weir))
        assert done.returncode == 0 and "drain.grace is 0s" in done.stderr and "weirctl drain 10s" in done.stderr
        wait.until(lambda: is_ready(here) == "not ready: drained\n", "closed listeners")
        with pytest.raises(ConnectionRefusedError):
            peers.connect(here.weir.address)
        exchange(sock)
        ctl(here, "undrain")
        ctl(here, "drain", "0s")
        assert ctl(here, "drain").startswith("drained, ")  # with the grace of the config
        ctl(here, "undrain")
        assert is_ready(here) == "ready: running\n"
        exchange(here.client())
        assert "which are ended" in ctl(here, "drain", "0s", "--end-pairs")
        for grace in ("soon", "none", "5"):
            assert ctl(here, "drain", grace, code=2) == f"weirctl: {grace}: write how long clients are still let in, as 10s or 0s\n"
        for words in (("drain", "soon"), ("drain", "1s", "2s"), ("undrain", "1s"), ("undrain", "--end-pairs")):
            ctl(here, *words, code=2)


def test_undrain_names_the_address_that_is_taken():
    with house(errors=("undrain_failed",)) as here:
        ctl(here, "drain", "0s")
        wait.until(lambda: "not ready: drained" in is_ready(here), "closed listeners")
        with here.weir.address.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

            def take():
                with contextlib.suppress(OSError):  # weir still serves its backlog there
                    other.bind(here.weir.address.sockaddr)
                    other.listen()
                    return True
            wait.until(take, "an address that is free again")
            assert str(here.weir.address) in ctl(here, "undrain", code=1)
        ctl(here, "undrain")
        exchange(here.client())


def test_sockets_that_systemd_holds_are_named():
    with socket.create_server(("127.0.0.1", 0)) as sock, contextlib.closing(peers.Server("tcp4", None, peers.echo)) as to:
        weir = Weir({"listeners": [{"name": "web", "listen": "systemd:web", "upstream": "app"}],
                     "upstreams": [config.upstream("app", to)]}, control=True, passed=[("web", sock)])
        with weir:
            done = run("drain", "0s", socket=control_path(weir))
            where = "127.0.0.1:%d" % sock.getsockname()[1]
            assert f"systemd holds web at {where}, which goes on accepting until both its unit and weir are stopped" in done.stdout, done


def hostile(sock):
    """An answer whose names have control codes of terminals."""
    sock.recv(65536)
    body = json.dumps({"listeners": [{"name": "\x1b]0;x\x07\n\u202e", "pairs": {}}]}).encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def old_weir(sock):
    """An answer in the line protocol that weir had before HTTP."""
    sock.makefile("rb").readline()
    sock.sendall(b"not known; ask for reload or status\nfailed\n")


def test_what_comes_from_weir_is_escaped(folder):
    at = address.unix(os.path.join(folder, "control"))
    with peers.Server("unix", folder, hostile, at=at).sock:
        done = run("listeners", socket=os.path.join(folder, "control"))
        assert done.stdout.startswith("\\x1b]0;x\\x07\\x0a\\xe2\\x80\\xae  upstream -"), done
        shown = run("--json", "listeners", socket=os.path.join(folder, "control")).stdout
        assert "\x1b" not in shown and shown.isascii()


def test_an_old_weir_is_told(folder):
    with peers.Server("unix", folder, old_weir, at=address.unix(os.path.join(folder, "control"))).sock:
        done = run("status", socket=os.path.join(folder, "control"))
        assert done.returncode == 1 and done.stderr.endswith("speaks no HTTP; systemctl restart weir\n"), done


def endless(sock):
    """An answer that is longer than any client reads."""
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
    while True:
        sock.sendall(bytes(1 << 20))


@pytest.mark.skipif(SANITIZER != "", reason="64 MiB take a sanitizer half a minute")
def test_an_answer_that_is_too_long_is_told(folder):
    with peers.Server("unix", folder, endless, at=address.unix(os.path.join(folder, "control"))).sock:
        done = run("pairs", socket=os.path.join(folder, "control"))
        assert done.returncode == 1, done
        assert done.stderr.endswith(": the answer is longer than 64 MiB; write a filter, or limit=N\n"), done


def reloading(sock):
    """A PATCH does not find the server, but GET then lists it."""
    is_told = sock.recv(65536).startswith(b"PATCH")
    there = {"upstreams": [{"name": "app", "servers": [{"name": "one"}]}]}
    body = json.dumps({"error": "there is no server one"} if is_told else there).encode()
    status = b"404 Not Found" if is_told else b"200 OK"
    sock.sendall(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))


def test_a_server_that_comes_back_meanwhile_is_no_silence(folder):
    with peers.Server("unix", folder, reloading, at=address.unix(os.path.join(folder, "control"))).sock:
        done = run("server", "app/one", "up", socket=os.path.join(folder, "control"))
        assert (done.returncode, done.stderr) == (1, "weirctl: there is no server one\n"), done


def test_no_weir_is_told(folder):
    done = run("ready", socket=os.path.join(folder, "control"))
    assert (done.returncode, done.stdout) == (1, "") and "weir is not running there" in done.stderr


@pytest.mark.parametrize("words", ((), ("colour",), ("status", "x"), ("pair",), ("pair", "x"), ("status", "--all"),
                                   ("--colour",), ("pairs", "web")))
def test_wrong_command_line(folder, words):
    done = run(*words, socket=os.path.join(folder, "control"))
    assert (done.returncode, done.stdout) == (2, "") and done.stderr, done
