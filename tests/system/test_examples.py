# SPDX-License-Identifier: ISC
"""
The six uses of conf/examples, each with the real server and client where Debian has them. Only the addresses
are changed. No example is longer than the config of nginx's stream for the same use (nginx/). The backup of
failover.conf is used, too.
"""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import smtplib
import subprocess

import pytest

from weirtest import address, asking, peers, wait
from weirtest.daemon import Weir
from weirtest.house import exchange, say
from weirtest.settings import DEADLINE, ROOT

USES = ("postgresql", "ssh", "redis", "smtp", "vnc", "homelab")
NGINX = pathlib.Path(__file__).parent / "nginx"
MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
PG = pathlib.Path("/usr/lib/postgresql/15/bin")


def needs(*programs):
    missing = [str(one) for one in programs if shutil.which(str(one)) is None]
    return pytest.mark.skipif(bool(missing), reason=f"there is no {', '.join(missing)}: scripts/setup test")


def example(name):
    return (ROOT / "conf" / "examples" / f"{name}.conf").read_text(encoding="utf-8")


@contextlib.contextmanager
def weir_of(name, **addresses):
    """A weir that runs the example, with each address replaced."""
    text = example(name)
    for written, used in addresses.pop("also", {}).items():
        assert f'"{written}"' in text
        text = text.replace(f'"{written}"', f'"{used}"')
    for key, used in addresses.items():
        text, found = re.subn(rf'\b{key} = "[^"]*"', f'{key} = "{used}"', text)
        assert found == 1
    with Weir(text, control=True) as weir:
        yield weir


@contextlib.contextmanager
def process(*command, **popen):
    """A server that is terminated at the end of the block; its output is printed."""
    with subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **popen) as server:
        try:
            yield server
        finally:
            server.terminate()
            print(server.communicate(timeout=DEADLINE)[0][-4000:])


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=4 * DEADLINE, check=False,
                          **{"stdin": subprocess.DEVNULL, **options})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def works(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, timeout=DEADLINE, check=False)
    return done.returncode == 0


def timers_of(weir):
    """The timers of the only pair."""
    wait.until(lambda: len(asking.get(weir, "/v1/pairs")["pairs"]) == 1, "one pair")
    (pair,) = asking.get(weir, "/v1/pairs")["pairs"]
    return pair["timers"]


@needs(PG / "postgres", PG / "initdb", "psql")
@pytest.mark.slow
def test_postgresql(folder):
    as_user = []
    data = f"{folder}/data"
    if os.geteuid() == 0:  # postgres refuses to run as root
        user = pwd.getpwnam("postgres")
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        os.chown(folder, user.pw_uid, user.pw_gid)
    run(*as_user, PG / "initdb", "--no-sync", "--auth=trust", "--username=weir", "--locale=C", "-D", data)
    server, front = (address.free("tcp4", folder) for _ in range(2))
    host, port = server.sockaddr
    psql = ("psql", "-X", "-At", "-h", "127.0.0.1", "-U", "weir", "-d", "postgres", "-p")
    with process(*as_user, PG / "postgres", "-D", data, "-h", host, "-p", port, "-k", folder, "-F"), \
            weir_of("postgresql", listen=front, server=server) as weir:
        wait.until(lambda: works(*psql, port, "-c", "select 1"), "postgres to be ready")
        assert run(*psql, front.sockaddr[1], "-c", "select repeat('x', 3000000)") == "x" * 3000000 + "\n"
        with subprocess.Popen([*psql, str(front.sockaddr[1])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as session:
            session.stdin.write("select 6 * 7;\n")
            session.stdin.flush()
            assert session.stdout.readline() == "42\n"
            assert 7.9 * 3600000 < timers_of(weir)["idle"]["left_ms"] <= 8 * 3600000
            session.stdin.write("\\q\n")
            session.stdin.close()
            assert session.wait(DEADLINE) == 0


@needs("/usr/sbin/sshd", "ssh", "ssh-keygen")
@pytest.mark.slow
def test_ssh(folder):
    for key in ("host", "own"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{key}")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    server, front = (address.free("tcp4", folder) for _ in range(2))
    with open(f"{folder}/sshd", "w", encoding="utf-8") as file:
        file.write(f"ListenAddress {server}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/own.pub\n"
                   "StrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nPasswordAuthentication no\n")
    ssh = ("ssh", "-F", "/dev/null", "-i", f"{folder}/own", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
           "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder}/known",
           "-p", front.sockaddr[1], "127.0.0.1")
    with process("/usr/sbin/sshd", "-D", "-e", "-f", f"{folder}/sshd"), \
            weir_of("ssh", listen=front, server=server) as weir:
        wait.until(lambda: works(*ssh, "true"), "sshd to be ready")
        assert len(run(*ssh, "head -c 3000000 /dev/zero")) == 3000000
        assert run(*ssh, "wc -c", input="x" * 300000, stdin=None) == "300000\n"
        with subprocess.Popen(list(map(str, (*ssh, "cat"))), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as session:
            session.stdin.write("a word\n")
            session.stdin.flush()
            assert session.stdout.readline() == "a word\n"
            assert timers_of(weir)["idle"]["left_ms"] > 23 * 3600000
            session.stdin.close()
            assert session.wait(DEADLINE) == 0


@needs("redis-server", "redis-cli")
def test_redis(folder):
    front = address.free("tcp4", folder)
    server = address.unix(f"{folder}/redis.sock")
    cli = ("redis-cli", "-h", "127.0.0.1", "-p", front.sockaddr[1])
    with process("redis-server", "--port", "0", "--unixsocket", server.sockaddr, "--save", "", "--dir", folder), \
            weir_of("redis", listen=front, server=server):
        wait.until(lambda: works(*cli, "ping"), "redis to be ready")
        assert run(*cli, "-x", "set", "key", input="y" * 200000, stdin=None) == "OK\n"
        assert run(*cli, "get", "key") == "y" * 200000 + "\n"


def serve_mail(mails):
    """What a mail server does: as much of SMTP as a client needs to send a mail."""
    def serve(sock):
        with sock.makefile("rwb", buffering=0) as lines:
            lines.write(b"220 mail.example\r\n")
            for line in lines:
                word = line.split()[0].upper()
                if word == b"DATA":
                    lines.write(b"354 go on\r\n")
                    mails.append(b"".join(iter(lines.readline, b".\r\n")))
                lines.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
    return serve


def test_smtp_on_two_addresses(folder):
    mails = []
    fronts = [address.free(transport, folder) for transport in ("tcp4", "tcp6")]
    written = ("192.0.2.25:25", "[2001:db8::25]:25")
    with contextlib.closing(peers.Server("tcp4", folder, serve_mail(mails))) as server, \
            weir_of("smtp", server=server, also=dict(zip(written, fronts))):
        for number, front in enumerate(fronts):
            with smtplib.SMTP(*front.sockaddr[:2], timeout=DEADLINE) as client:
                client.sendmail("a@example", ["b@example"], f"Subject: {number}\r\n\r\nhello\r\n")
    assert mails == [b"Subject: 0\r\n\r\nhello\r\n", b"Subject: 1\r\n\r\nhello\r\n"]


def test_vnc_in_which_the_server_speaks_first(folder):
    front = address.free("tcp4", folder)
    with contextlib.closing(peers.Server("tcp4", folder, say(b"RFB 003.008\n"))) as server, \
            weir_of("vnc", listen=front, server=server) as weir, peers.connect(front) as client:
        assert peers.read_exactly(client, 12) == b"RFB 003.008\n"
        exchange(client, b"RFB 003.008\n")
        assert "idle" not in timers_of(weir)


def test_ten_ports_of_a_homelab():
    host, first, _ours = address.block(10)
    far, far_first, _theirs = address.block(10)
    with contextlib.ExitStack() as stack:
        for port in range(far_first, far_first + 10):
            stack.enter_context(contextlib.closing(
                peers.Server("tcp4", None, say(b"%5d" % port), at=address.tcp(far, port))))
        stack.enter_context(weir_of(
            "homelab", listen=f"{host}:{first}-{first + 9}", server=f"{far}:{far_first}-{far_first + 9}"))
        for i in range(10):
            with peers.connect(address.tcp(host, first + i)) as client:
                assert peers.read_exactly(client, 5) == b"%5d" % (far_first + i)


def test_the_backup_of_failover_gets_the_clients_when_both_servers_are_down(folder):
    front = address.free("tcp4", folder)
    with contextlib.ExitStack() as stack:
        dead = [stack.enter_context(contextlib.closing(peers.RefusingUpstream("tcp4", folder))) for _ in range(2)]
        sorry = stack.enter_context(contextlib.closing(peers.Server("unix", folder, say(b"sorry"))))
        weir = stack.enter_context(weir_of("failover", listen=front, also={
            "app-1.example:9000": dead[0], "app-2.example:9000": dead[1], "unix:/run/sorry.sock": sorry.address}))
        for one in dead:
            weir.record("server_down", server=str(one))
        with peers.connect(front) as client:
            assert peers.read_exactly(client, 5) == b"sorry"


def lines_of(text):
    """The lines that are neither empty nor a comment."""
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


@pytest.mark.parametrize("use", USES)
def test_no_example_is_longer_than_that_of_nginx(use):
    ours, theirs = lines_of(example(use)), lines_of((NGINX / f"{use}.conf").read_text(encoding="utf-8"))
    assert len(ours) <= len(theirs)
    assert all(len(line) <= 100 for line in ours)


@pytest.mark.parametrize("use", USES)
def test_the_manual_page_has_the_use(use):
    page = (ROOT / "man" / "weir.conf.5").read_text(encoding="utf-8")
    assert " ".join(" ".join(lines_of(example(use))).split()) in " ".join(page.split())


@pytest.mark.root
@pytest.mark.skipif(not os.path.exists(MODULE), reason="nginx's stream is not installed")
@pytest.mark.parametrize("use", USES)
def test_nginx_takes_what_we_compare_with(use, tmp_path):
    """nginx -t binds the addresses of its config, so it runs in its own network, which has them."""
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"load_module {MODULE};\nevents {{}}\npid {tmp_path}/pid;\nerror_log {tmp_path}/log;\n"
                    + (NGINX / f"{use}.conf").read_text(encoding="utf-8"), encoding="utf-8")
    setup = ("ip link set lo up; ip address add 192.0.2.25/32 dev lo; "
             "ip -6 address add 2001:db8::25/128 dev lo nodad; nginx -t -c ")
    run("unshare", "--net", "sh", "-ec", setup + str(conf))


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "examples").glob("*.conf")), ids=lambda path: path.stem)
def test_a_long_idle_stands_beside_a_write_stall(path):
    """A client that stops reading is not idle: write_stall ends its pair, by default after five minutes."""
    for group in re.findall(r"timeouts = \{([^}]*)\}", path.read_text(encoding="utf-8")):
        if re.search(r'\bidle = "(none|\d+[hd])"', group):
            assert "write_stall" in group, path
