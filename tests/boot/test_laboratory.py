# SPDX-License-Identifier: ISC
"""The package weir-lab from its installation to its purge, with the sandbox of its service."""

import contextlib
import http.client
import json
import os
import subprocess

from weirtest import address, peers, wait

from boottest.deb import upgrade_of
from boottest.settings import DEADLINE, LAB_DEB


def ask(machine, method, path, body=None):
    """Sends a request to the API in the machine. Returns the parsed answer."""
    with machine.network():
        connection = http.client.HTTPConnection("127.0.0.1", 8474, timeout=DEADLINE)
        connection.request(method, path, None if body is None else json.dumps(body), {"User-Agent": "test"})
        answer = connection.getresponse()
        text = answer.read()
    assert answer.status < 300, text
    return json.loads(text) if text else None


def listening(machine):
    """The TCP addresses on which a process of the machine listens, as /proc writes them."""
    lines = machine.sh("cat /proc/net/tcp /proc/net/tcp6").splitlines()
    return {line.split()[1] for line in lines if line.split()[3] == "0A"}


def test_the_package_has_no_errors():
    done = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", LAB_DEB], capture_output=True,
                          text=True, timeout=2 * DEADLINE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_upgrade_restarts_what_runs_and_starts_nothing_else(bare, tmp_path):
    bare.install(LAB_DEB)
    bare.write("/etc/weirlab.json", json.dumps([{"name": "kept", "listen": "127.0.0.1:0", "upstream": "localhost:1"}]))
    bare.sh("echo 'WEIRLAB_OPTIONS=\"-config /etc/weirlab.json\"' >/etc/default/weirlab")
    bare.systemctl("start", "weirlab")
    wait.until(lambda: "0100007F:211A" in listening(bare), "the API listens")
    ask(bare, "POST", "/proxies", {"name": "made", "listen": "127.0.0.1:0", "upstream": "localhost:1"})
    before = bare.pid("weirlab")
    bare.install(upgrade_of(LAB_DEB, tmp_path))
    assert bare.show("weirlab", "ActiveState") == "active" and bare.pid("weirlab") not in (0, before)
    wait.until(lambda: "0100007F:211A" in listening(bare), "the API listens")
    assert list(ask(bare, "GET", "/proxies")) == ["kept"]

    bare.systemctl("stop", "weirlab")
    bare.install(LAB_DEB)  # a downgrade runs the same scripts
    assert bare.show("weirlab", "ActiveState") == "inactive"
    assert bare.systemctl("is-enabled", "weirlab", check=False).stdout.strip() == "disabled"


def test_installed_it_waits_started_it_is_closed_in_and_purged_it_is_gone(bare):
    files = bare.files()
    bare.install(LAB_DEB)
    for file in ("bin/weirlab", "share/man/man1/weirlab.1.gz", "share/bash-completion/completions/weirlab",
                 "share/zsh/vendor-completions/_weirlab", "share/doc/weir-lab/LABORATORY.md.gz",
                 "share/doc/weir-lab/examples/laboratory/jobs.py"):
        assert os.path.exists(bare.path(f"/usr/{file}"))
    assert os.access(bare.path("/usr/share/doc/weir-lab/examples/laboratory/jobs.py"), os.X_OK)
    # weirlab is neither enabled nor started, and weir is not installed.
    assert bare.systemctl("is-enabled", "weirlab", check=False).stdout.strip() == "disabled"
    assert bare.show("weirlab", "ActiveState") == "inactive"
    assert not bare.sh("command -v weir weirctl weirload || true")

    bare.sh("echo 'WEIRLAB_OPTIONS=\"-seed 7 -proxy-metrics\"' >/etc/default/weirlab")
    bare.systemctl("start", "weirlab")
    wait.until(lambda: "0100007F:211A" in listening(bare), "the API listens")
    assert listening(bare) == {"0100007F:211A"}  # 127.0.0.1:8474, and nothing else
    assert ask(bare, "GET", "/version")["version"].startswith("2.")
    with bare.network(), contextlib.closing(peers.Server("tcp4", None, peers.echo)) as server:
        upstream = str(server.address)
        where = ask(bare, "POST", "/proxies", {"name": "p", "listen": "127.0.0.1:0", "upstream": upstream,
                                               "toxics": [{"type": "latency", "attributes": {"latency": 20}}]})
        with peers.connect(address.tcp("127.0.0.1", int(where["listen"].rsplit(":", 1)[1]))) as client:
            client.sendall(b"through the toxic")
            assert peers.read_exactly(client, 17) == b"through the toxic"
    ask(bare, "POST", "/proxies", {"name": "u", "listen": "unix:/run/weirlab/u", "upstream": "localhost:1"})
    assert "srw-rw-rw-" in bare.sh("ls -l /run/weirlab/u")

    pid = bare.show("weirlab", "MainPID")
    assert bare.sh(f"tr '\\0' ' ' </proc/{pid}/cmdline").strip() == "/usr/bin/weirlab -seed 7 -proxy-metrics"
    status = bare.sh(f"cat /proc/{pid}/status")
    assert "\nUid:\t0\t" not in status and "\nNoNewPrivs:\t1" in status and "\nSeccomp:\t2" in status
    assert "\nCapEff:\t0000000000000000" in status and "\nCapBnd:\t0000000000000000" in status
    rated = bare.run("systemd-analyze", "security", "--threshold=15", "--no-pager", "weirlab", check=False)
    assert rated.returncode == 0, rated.stdout[-300:]

    bare.sh("rm /etc/default/weirlab")
    bare.run("dpkg", "--purge", "weir-lab")
    assert "weirlab" not in bare.sh("cat /proc/[0-9]*/comm").split()
    assert bare.files() - files <= {"/var/lib/dpkg/status-old", "/var/lib/dpkg/diversions-old"}
    assert not bare.sh("ls -d /run/weirlab /run/systemd/units/*weirlab* 2>/dev/null || true")
    assert "weirlab" not in bare.sh("systemctl list-units --all --no-legend; systemctl list-unit-files")
