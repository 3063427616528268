# SPDX-License-Identifier: ISC
"""The units as they are shipped: the sandbox, low ports both ways, /run/weir, instances, errors."""

import contextlib
import socket
import subprocess

import pytest
from weirtest import address, config, peers, wait

from boottest import traffic
from boottest.readme import steps, steps_of
from boottest.settings import DEADLINE

CONF = "/etc/weir/weir.conf"
EXAMPLES = "/usr/share/doc/weir/examples"
SERVER = traffic.DEFAULT_SERVER
CAP_NET_BIND_SERVICE = 10


def settings(listen, server=SERVER, **more):
    return {**more, **config.relay([listen], server, name="web")}


def restart_with(machine, *args, **more):
    machine.configure(settings(*args, **more))
    machine.systemctl("restart", "weir")


def relays(to, size=14):
    """Whether `size` bytes go through `to` to a server and come back."""
    sent = b"x" * size
    with traffic.default_upstream(), traffic.client(to) as client:
        client.sendall(sent)
        return peers.read_exactly(client, size) == sent


def status(machine):
    """/proc/PID/status of the service, as a dict."""
    rows = machine.read(f"/proc/{machine.pid()}/status").splitlines()
    return {key: value.strip() for key, _, value in (row.partition(":") for row in rows)}


def errors(machine, *matches):
    machine.run("journalctl", "--sync")
    return machine.journal("--unit=weir", "--priority=warning", "SYSLOG_IDENTIFIER=weir", *matches)


def test_service_has_a_user_of_its_own_and_no_rights(machine):
    now = status(machine)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(now[kind], 16) == 0, kind
    assert now["NoNewPrivs"] == "1" and now["Seccomp"] == "2"
    assert all(61184 <= int(one) <= 65519 for one in now["Uid"].split() + now["Gid"].split())


def test_service_can_write_nothing_and_sees_no_homes(machine):
    machine.sh("mkdir -p /home/me; for file in /root/mine /home/me/mine /tmp/mine /dev/mine; do echo x >$file; done")
    machine.systemctl("restart", "weir")

    def inside(script):
        """Runs a script in the service's mount namespace, as root: what root cannot do there, the service cannot."""
        return machine.run("nsenter", "--target", machine.pid(), "--mount", "sh", "-c", script,
                           check=False).returncode == 0

    for folder in ("/etc/weir", "/usr", "/var", "/root", "/home", "/sys"):
        assert not inside(f"echo x >{folder}/x"), folder
    for path in ("/root/mine", "/home/me/mine", "/tmp/mine", "/dev/mine", "/proc/sys/kernel"):
        assert not inside(f"test -e {path}"), path
    assert inside("echo x >/run/weir/x") and inside(f"cat {CONF}")


@pytest.mark.parametrize("listen, to, server", (
    ("127.0.0.1:8080", "127.0.0.1:8080", "app.test:9000"),
    ("[::1]:8080", "[::1]:8080", "localhost:9000"),
    ("*:8080", "[::1]:8080", SERVER)))
def test_sandbox_costs_no_feature(machine, listen, to, server):
    """weir relays with names, IPv6, workers and splicing, and logs no error and no warning."""
    machine.write("/etc/hosts", "127.0.0.1 localhost app.test\n::1 localhost\n")
    restart_with(machine, listen, server, workers=2)
    with machine.network():
        assert relays(to, 8 << 20)
    assert not errors(machine)


def test_unix_listener_in_run_weir_is_for_everybody(machine):
    restart_with(machine, "unix:/run/weir/web.sock")
    with machine.network():
        assert relays(address.unix(machine.path("/run/weir/web.sock")))
    # Neither the socket nor a folder above it is closed to others.
    machine.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "test", "-w",
                "/run/weir/web.sock")
    machine.systemctl("stop", "weir")
    assert machine.run("test", "-e", "/run/weir", check=False).returncode != 0


def install_drop_in(machine, name):
    """Installs a drop-in by the commands in its comment, in its folder."""
    machine.sh(f"cd {EXAMPLES}\n{steps_of(machine.read(f'{EXAMPLES}/{name}'))}")


def test_drop_in_serves_port_80(machine):
    machine.configure(settings("*:80"))
    assert machine.systemctl("restart", "weir", check=False).returncode != 0
    install_drop_in(machine, "low-ports.conf")
    with machine.network():
        assert relays("127.0.0.1:80") and relays("[::1]:80")
    now = status(machine)
    assert int(now["CapEff"], 16) == int(now["CapBnd"], 16) == 1 << CAP_NET_BIND_SERVICE


WEB_SOCKET = "/run/weir/web.sock"
CONTROL_SOCKET = "/run/weir/control"


def may_connect(machine, path, group):
    """Whether a user who is only in that group may write to the socket, as connect(2) demands."""
    gid = machine.sh(f"getent group {group} | cut -d: -f3")
    return machine.run("setpriv", "--reuid=65534", f"--regid={gid}", "--clear-groups", "test", "-w", path,
                       check=False).returncode == 0


def only_www_data_may(machine, path):
    return may_connect(machine, path, "www-data") and not may_connect(machine, path, "nogroup")


def for_group(path=WEB_SOCKET, **more):
    made = settings(f"unix:{path}")
    made["listeners"][0].update({"group": "www-data", "mode": "0660", **more})
    return made


def test_unix_socket_for_a_group_by_the_steps_of_the_readme(machine):
    machine.configure(for_group())
    machine.sh(steps("UNIX sockets for a group"))
    assert only_www_data_may(machine, WEB_SOCKET)
    with machine.network():
        assert relays(address.unix(machine.path(WEB_SOCKET)))
    assert not errors(machine)
    now = status(machine)
    assert int(now["CapEff"], 16) == int(now["CapBnd"], 16) == 0 and now["Seccomp"] == "2"


def test_unix_socket_for_a_group_by_the_steps_of_the_drop_in(machine):
    machine.configure(for_group())
    install_drop_in(machine, "socket-group.conf")
    assert only_www_data_may(machine, WEB_SOCKET)
    assert not may_connect(machine, CONTROL_SOCKET, "www-data")
    # A reload does the same.
    control = {"listen": f"unix:{CONTROL_SOCKET}", "group": "www-data", "mode": "0660"}
    machine.configure({**for_group("/run/weir/other.sock"), "control": control})
    machine.systemctl("reload", "weir")
    assert only_www_data_may(machine, "/run/weir/other.sock")
    assert only_www_data_may(machine, CONTROL_SOCKET)
    assert machine.run("weirctl", "ready").returncode == 0


def test_unix_socket_for_a_group_in_an_instance(machine):
    machine.configure(for_group("/run/weir-one/web.sock"), "/etc/weir/one.conf")
    machine.drop_in(machine.read(f"{EXAMPLES}/socket-group.conf"), "weir@.service")
    machine.systemctl("start", "weir@one")
    assert only_www_data_may(machine, "/run/weir-one/web.sock")


def test_unix_socket_for_a_group_by_a_socket_unit(machine):
    machine.systemctl("stop", "weir")
    machine.drop_in("[Socket]\nListenStream=\nListenStream=/run/web.sock\nSocketGroup=www-data\nSocketMode=0660\n",
                    "weir.socket")
    machine.configure(settings("systemd:web"))
    machine.systemctl("enable", "--now", "weir.socket")
    assert only_www_data_may(machine, "/run/web.sock")
    with machine.network():
        assert relays(address.unix(machine.path("/run/web.sock")))


@pytest.mark.parametrize("more", ({}, {"owner": "nobody"}), ids=("group", "owner"))
def test_group_without_the_drop_in_is_an_error_that_names_it(machine, more):
    machine.configure(for_group(**more))
    assert machine.systemctl("restart", "weir", check=False).returncode != 0
    machine.systemctl("stop", "weir")
    said = "\n".join(one["MESSAGE"] for one in errors(machine, "PRIORITY=3"))
    assert "socket-group.conf" in said and "SocketGroup=" in said


@pytest.mark.parametrize("first", ("started", "by the first client"), ids=str)
def test_socket_unit_serves_port_80_by_the_steps_of_the_readme(machine, first):
    """The exact steps work right after the installation, and weir gets no capability. Before, no socket listens."""
    assert machine.show("weir.socket", "ActiveState") == "inactive"
    script = steps("Ports below 1024, and a start by the first client")
    if first != "started":
        script, last = script.rsplit("\n", 2)[:2]
        assert last == "systemctl start weir"
    machine.sh(script)
    assert machine.show("weir", "ActiveState") == ("active" if first == "started" else "inactive")
    with machine.network():
        assert relays("127.0.0.1:80") and relays("[::1]:80") and relays("127.0.0.1:8080")
    assert int(status(machine)["CapEff"], 16) == 0


def test_socket_that_is_missing_is_had_by_what_the_error_says(machine):
    """The command in the error of a reload helps too, although systemd opens no socket for a service that runs."""
    machine.write(CONF, machine.read(f"{EXAMPLES}/activation.conf"))
    assert machine.systemctl("reload", "weir", check=False).returncode != 0
    (said,) = [one["WEIR_ERROR"] for one in errors(machine, "WEIR_EVENT=reload_failed")]
    machine.sh(said.rpartition(": ")[2])
    with machine.network():
        assert relays("127.0.0.1:80")


def test_instances_live_beside_the_service(machine):
    for name, port in (("one", 8081), ("two", 8082)):
        machine.configure(settings(f"127.0.0.1:{port}"), f"/etc/weir/{name}.conf")
    machine.systemctl("start", "weir@one", "weir@two")
    with machine.network():
        assert all(relays(f"127.0.0.1:{port}") for port in (8080, 8081, 8082))
        assert machine.sh("echo /run/weir*") == "/run/weir /run/weir-one /run/weir-two"
        machine.systemctl("stop", "weir@one")
        with pytest.raises(ConnectionRefusedError):
            traffic.client("127.0.0.1:8081")
        assert relays("127.0.0.1:8080") and relays("127.0.0.1:8082")


def test_each_instance_has_a_user_of_its_own(machine):
    """The user of an instance may read its own control socket, and that of no other instance."""
    for name, port in (("one", 8081), ("two", 8082)):
        machine.configure(settings(f"127.0.0.1:{port}"), f"/etc/weir/{name}.conf")
    machine.systemctl("start", "weir@one", "weir@two")
    units = {"weir": "weir", "weir@one": "weir-one", "weir@two": "weir-two"}
    uids = {name: machine.sh(f"stat -c %u /proc/{machine.pid(unit)}") for unit, name in units.items()}
    assert {unit: machine.show(unit, "User") for unit in units} == units
    assert len(set(uids.values())) == 3
    for name, uid in uids.items():
        may = [other for other in uids
               if machine.run("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "test", "-r",
                              f"/run/{other}/control", check=False).returncode == 0]
        assert may == [name]


def test_wrong_config_is_told_once_and_not_tried_again(machine):
    """However often somebody starts the service, the last error in the log is the error in the config."""
    machine.write(CONF, "listeners = ();\nupstreams = 1;\n")
    for _ in range(7):
        assert machine.systemctl("restart", "weir", check=False).returncode != 0
        machine.wait_state("weir", "failed")
    assert machine.show("weir", "NRestarts", "Result", "ExecMainStatus") == {
        "NRestarts": "0", "Result": "exit-code", "ExecMainStatus": "78"}
    assert len([one for one in errors(machine, "PRIORITY=3")
                if one["MESSAGE"].startswith(f"{CONF}:1: listeners: ")]) == 7
    assert "repeated too quickly" not in machine.log()


def test_address_that_comes_late_is_waited_for(machine):
    """systemd starts weir far more than five times, because another host may have a virtual address for an hour."""
    machine.configure(settings("192.0.2.7:8080"))
    machine.drop_in("[Service]\nRestartSec=50ms\n")
    assert machine.systemctl("restart", "weir", check=False).returncode != 0
    wait.until(lambda: int(machine.show("weir", "NRestarts")) >= 8, "the eighth start", deadline=DEADLINE)
    subprocess.run(["nsenter", "--target", str(machine.leader), "--net", "ip", "address", "add", "192.0.2.7/32",
                    "dev", "lo"], check=True)
    machine.wait_state("weir", "active")
    with machine.network():
        assert relays("192.0.2.7:8080")


def test_errors_of_the_config_are_errors_of_the_unit(machine):
    machine.write(CONF, "listeners = ();\nupstreams = 1;\n")
    assert machine.systemctl("restart", "weir", check=False).returncode != 0
    assert errors(machine, "PRIORITY=3")[0]["MESSAGE"].startswith(f"{CONF}:1: listeners: ")


def test_journal_knows_whose_a_failed_start_was_even_if_it_looks_late(machine):
    """journald cannot look up the unit of a process that has ended."""
    machine.systemctl("stop", "weir")
    with machine.network(), contextlib.closing(socket.create_server(("127.0.0.1", 8080))):
        machine.systemctl("kill", "--signal=STOP", "systemd-journald")
        assert machine.systemctl("start", "weir", check=False).returncode != 0
        machine.systemctl("stop", "weir")
        machine.systemctl("kill", "--signal=CONT", "systemd-journald")
    assert any("event=listen_failed" in one["MESSAGE"] and "errno=EADDRINUSE" in one["MESSAGE"]
               for one in errors(machine, "PRIORITY=3"))
