# SPDX-License-Identifier: ISC
"""The package: built, installed on a clean machine, upgraded, removed, purged."""

import os
import re
import subprocess

import pytest
from weirtest import peers

from boottest import traffic
from boottest.deb import before_the_split, upgrade_of
from boottest.settings import DEADLINE, DEB, LAB_DEB, LOAD_DEB

CONF = "/etc/weir/weir.conf"


def test_package_has_no_errors():
    done = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", DEB, LOAD_DEB],
                          capture_output=True, text=True, timeout=2 * DEADLINE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def dpkg_deb(option, deb, *words):
    return subprocess.run(["dpkg-deb", option, deb, *words], capture_output=True, text=True, timeout=DEADLINE,
                          check=True).stdout


def test_the_packages_say_that_weirload_has_left_weir():
    """A machine with weir gets weirload as before. weir-load cannot be installed beside an older weir."""
    assert "weir-load" in re.split(r"[,|\s]+", dpkg_deb("--field", DEB, "Recommends"))
    for field in ("Breaks", "Replaces"):
        assert dpkg_deb("--field", LOAD_DEB, field).strip() == "weir (<< 0.1.0-2~)"


def test_no_file_is_in_two_packages():
    files = [line.split()[5] for deb in (DEB, LOAD_DEB, LAB_DEB)
             for line in dpkg_deb("--contents", deb).splitlines() if not line.startswith("d")]
    assert len(files) == len(set(files)) > 50


def test_installed_on_a_clean_machine_it_runs_is_enabled_and_relays(bare):
    bare.install(DEB)
    assert bare.show("weir", "ActiveState") == "active"
    assert bare.systemctl("is-enabled", "weir").stdout.strip() == "enabled"
    with bare.network(), traffic.default_upstream():
        with traffic.client("127.0.0.1:8080") as client:
            client.sendall(b"through the default config")
            assert peers.read_exactly(client, 26) == b"through the default config"


def test_the_programs_and_their_manual_pages_are_there(machine):
    assert machine.sh("weir --version") == machine.sh("weirctl --version").replace("weirctl", "weir")
    for page in ("man8/weir.8", "man5/weir.conf.5", "man1/weirctl.1"):
        assert os.path.exists(machine.path(f"/usr/share/man/{page}.gz"))
    for completion in ("bash-completion/completions/weirctl", "zsh/vendor-completions/_weirctl"):
        assert os.path.exists(machine.path(f"/usr/share/{completion}"))
    machine.run("weir", "--check")


def test_the_examples_are_installed_and_right(machine):
    examples = machine.sh("ls /usr/share/doc/weir/examples/*.conf").split()
    assert {"postgresql.conf", "ssh.conf", "redis.conf", "smtp.conf", "vnc.conf", "homelab.conf"} <= {
        os.path.basename(one) for one in examples}
    for one in examples:
        if os.path.basename(one) not in ("low-ports.conf", "socket-group.conf"):  # drop-ins of systemd
            machine.run("weir", "--check", "-c", one)
    for script in ("up", "down", "bird/weir-announce", "bird/nexthops", "server"):
        assert os.access(machine.path(f"/usr/share/doc/weir/examples/cluster/{script}"), os.X_OK)


def test_no_document_has_a_link_that_leads_nowhere(machine):
    text = " ".join(machine.sh("zcat -f /usr/share/doc/weir/*.md*").split())
    assert "weirload(1)" in text and "# More than one machine" in text
    assert "PERFORMANCE.md has how it was measured, and the spread)" in text  # of a link, only the target was removed
    assert not [link for link in re.findall(r"\]\(([^)]*)\)", text) if "://" not in link and link[0] != "#"]


def test_a_machine_for_tests_gets_no_relay(bare):
    bare.install(LOAD_DEB)
    assert bare.sh("weirload --version").startswith("weirload ")
    for file in ("man/man1/weirload.1.gz", "man/man5/weirload-suite.5.gz", "bash-completion/completions/weirload",
                 "zsh/vendor-completions/_weirload"):
        assert os.path.exists(bare.path(f"/usr/share/{file}"))
    assert not bare.sh("command -v weir weirctl || true")
    assert not bare.sh("systemctl list-unit-files --no-legend 'weir*' || true")


def test_upgrade_from_the_package_that_had_weirload_in_it(bare, tmp_path):
    bare.install(before_the_split(DEB, LOAD_DEB, str(tmp_path)))
    assert bare.sh("dpkg -S /usr/bin/weirload").startswith("weir:")
    before = bare.pid()
    alone = bare.install(LOAD_DEB, check=False)
    assert alone.returncode != 0 and "break weir" in alone.stderr
    assert bare.pid() == before
    bare.install(DEB, LOAD_DEB)
    assert bare.sh("dpkg -S /usr/bin/weirload").startswith("weir-load:")
    assert bare.sh("weirload --version").startswith("weirload ")
    assert bare.show("weir", "ActiveState") == "active" and bare.pid() not in (0, before)
    assert "weir-load" in bare.sh("zcat /usr/share/doc/weir/NEWS.Debian.gz")
    bare.run("dpkg", "--purge", "weir-load")
    assert bare.show("weir", "ActiveState") == "active"


def test_failed_start_at_installation_names_the_file_to_edit(bare):
    with bare.network(), peers.Upstream("tcp4", None, at=traffic.address("127.0.0.1:8080")).sock:
        done = bare.install(DEB)
    assert CONF in done.stderr
    assert f"conf={CONF}" in bare.log() and "127.0.0.1:8080" in bare.log()


@pytest.mark.parametrize("wrong", ("listeners = 1;\n", "this is no config", None), ids=("key", "syntax", "none"))
def test_failed_start_names_the_file_to_edit(machine, wrong):
    if wrong is None:
        os.unlink(machine.path(CONF))
    else:
        machine.write(CONF, wrong)
    machine.systemctl("reset-failed")
    assert machine.systemctl("restart", "weir", check=False).returncode != 0
    assert CONF in machine.systemctl("status", "weir", check=False).stdout


def test_upgrade_replaces_a_config_that_nobody_edited_and_restarts(machine, tmp_path):
    before = machine.pid()
    machine.install(upgrade_of(DEB, tmp_path, config="# the next default\n"))
    assert machine.read(CONF).endswith("# the next default\n")
    assert machine.pid() not in (0, before)


@pytest.mark.parametrize("answer", ("--force-confold", "--force-confdef", ""), ids=str)
def test_upgrade_never_replaces_an_edited_config(machine, tmp_path, answer):
    edited = machine.read(CONF) + "# edited\n"
    machine.write(CONF, edited)
    deb = upgrade_of(DEB, tmp_path, config="# the next default\n")
    machine.copy(deb, "/var/tmp/next.deb")
    # Without an option dpkg asks. An empty line as the answer keeps the installed file.
    machine.run("dpkg", *filter(None, [answer]), "--install", "/var/tmp/next.deb", input="\n")
    assert machine.read(CONF) == edited
    assert machine.read(f"{CONF}.dpkg-dist").endswith("# the next default\n")
    assert machine.show("weir", "ActiveState") == "active"


def test_removal_stops_the_service_and_keeps_the_edited_config(machine):
    machine.write(CONF, machine.read(CONF) + "# edited\n")
    pid = machine.pid()
    machine.run("dpkg", "--remove", "weir")
    assert machine.run("kill", "-0", pid, check=False).returncode != 0
    assert machine.read(CONF).endswith("# edited\n")
    machine.install(DEB)
    assert machine.show("weir", "ActiveState") == "active"
    assert machine.read(CONF).endswith("# edited\n")


def test_purge_leaves_nothing_behind(bare):
    before = bare.files()
    bare.install(DEB)
    bare.write(CONF, bare.read(CONF) + "# edited\n")
    bare.systemctl("restart", "weir")
    bare.write("/etc/weir/one.conf", bare.read(CONF).replace(":8080", ":8081"))
    bare.systemctl("enable", "--now", "weir@one")
    bare.systemctl("enable", "weir.socket")
    bare.run("dpkg", "--remove", "weir")
    assert "weir" not in bare.sh("cat /proc/[0-9]*/comm").split()
    os.unlink(bare.path("/etc/weir/one.conf"))
    bare.run("dpkg", "--purge", "weir")
    assert bare.files() - before <= {"/var/lib/dpkg/status-old", "/var/lib/dpkg/diversions-old"}
    assert not bare.sh("ls -d /run/weir* /run/systemd/units/*weir* /run/systemd/generator*/*weir* || true")
    units = bare.sh("systemctl list-units --all --no-legend; systemctl list-unit-files")
    assert not [line for line in units.splitlines() if "weir" in line]
