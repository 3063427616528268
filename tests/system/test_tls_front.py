# SPDX-License-Identifier: ISC
"""
TLS in front of weir, by the shipped example: hitch has the keys, weir the log and the choice of the server, and
both the server and the log have the client's address and the name that it asked for.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess

import pytest

from weirtest import address, announced, peers, wait
from weirtest.daemon import Weir
from weirtest.settings import DEADLINE, ROOT

PATH = os.environ.get("PATH", "") + ":/usr/sbin"
EXAMPLES = ROOT / "conf/examples"
SSL = 0x20  # hitch's own TLV

pytestmark = [pytest.mark.skipif(not shutil.which(name, path=PATH), reason=f"{name} is not installed: scripts/setup test")
              for name in ("hitch", "openssl", "curl")]


class Example(Weir):
    """A daemon with a shipped config, of which some texts are replaced."""

    def __init__(self, name, **options):
        super().__init__({"listeners": ()}, **options)
        self.written = (EXAMPLES / name).read_text(encoding="utf-8")

    def replace(self, text, by):
        assert text in self.written
        self.written = self.written.replace(text, by)

    def configure(self, _):
        super().configure(self.written)


def run(*argv, **options):
    return subprocess.run(argv, text=True, capture_output=True, timeout=DEADLINE, check=True, **options)


def make_certificate(folder):
    """A certificate for a.test and b.test: its file, and a file with the key and the certificate."""
    key, certificate, both = (os.path.join(folder, name) for name in ("key.pem", "certificate.pem", "both.pem"))
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-keyout", key, "-out", certificate, "-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:a.test,DNS:b.test")
    with open(both, "w", encoding="ascii") as file:
        for name in (key, certificate):
            with open(name, encoding="ascii") as part:
                file.write(part.read())
    return certificate, both


@contextlib.contextmanager
def hitch(folder, backend, pem):
    """The Address of a hitch with the shipped config."""
    made = address.free("tcp4", folder)
    host, port = made.sockaddr
    text = (EXAMPLES / "tls.hitch").read_text(encoding="utf-8")
    user = 'user = "nobody"\ngroup = "nogroup"' if os.geteuid() == 0 else ""
    for old, new in (('host = "*"; port = "443"', f'host = "{host}"; port = "{port}"'),
                     ("/etc/hitch/site.pem", pem), ("/run/weir/tls.sock", backend.sockaddr),
                     ('user = "_hitch"\ngroup = "_hitch"', user)):
        assert old in text
        text = text.replace(old, new)
    config = os.path.join(folder, "hitch.conf")
    said = os.path.join(folder, "hitch.said")
    with open(config, "w", encoding="utf-8") as file:
        file.write(text)
    with open(said, "w+", encoding="utf-8") as out:
        process = subprocess.Popen([shutil.which("hitch", path=PATH), f"--config={config}"], stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out)

        def ready():
            assert process.poll() is None, "hitch has ended"
            with open(said, encoding="utf-8") as file:
                return "initialization complete" in file.read()

        try:
            wait.until(ready, "hitch is ready")
            yield made
        except BaseException:
            with open(said, encoding="utf-8") as file:
                print(file.read())
            raise
        finally:
            process.terminate()
            process.wait(DEADLINE)


def tell(sock):
    """What a server does: it answers once over HTTP/1.1, with what its PROXY header says."""
    header = announced.read(sock)
    request = b""
    while b"\r\n\r\n" not in request:
        request += sock.recv(4096)
    told = json.dumps({"source": header.source, "destination": header.destination,
                       "tlvs": {str(kind): value.decode("latin-1") for kind, value in header.tlvs.items()}}).encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))


@contextlib.contextmanager
def house():
    """The daemon, the Address of hitch, and the certificate's file."""
    with contextlib.ExitStack() as stack:
        weir = Example("tls.conf")
        os.chmod(weir.folder, 0o755)
        socket_path = address.unix(os.path.join(weir.folder, "tls.sock"))
        server = stack.enter_context(contextlib.closing(peers.Server("tcp4", weir.folder, tell)))
        weir.replace("unix:/run/weir/tls.sock", str(socket_path))
        weir.replace('mode = "0660"', 'mode = "0666"')
        weir.replace("127.0.0.1:8080", str(server))
        stack.enter_context(weir)
        certificate, both = make_certificate(weir.folder)
        yield weir, stack.enter_context(hitch(weir.folder, socket_path, both)), certificate


def assert_told(told, client, front, name, protocol):
    assert (told["source"], told["destination"]) == (client, str(front))
    tlvs = told["tlvs"]
    assert (tlvs[str(announced.AUTHORITY)], tlvs[str(announced.ALPN)]) == (name, protocol)
    assert "TLSv1." in tlvs[str(SSL)]


def test_curl_is_served_and_known_by_its_address_and_name():
    with house() as (weir, front, certificate):
        port = front.sockaddr[1]
        done = run("curl", "--silent", "--show-error", "--fail", "--http1.1", "--noproxy", "*", "--cacert", certificate,
                   "--resolve", f"a.test:{port}:127.0.0.1", "--write-out", "\n%{local_ip}:%{local_port}",
                   f"https://a.test:{port}/")
        body, client = done.stdout.split("\n")
        assert_told(json.loads(body), client, front, "a.test", "http/1.1")
        line = weir.close_line(client=client, reason="eof")
        assert (line["listener"], line["peer"]) == ("tls", "unix:")


def test_openssl_is_served_and_known_by_its_address_and_name():
    with house() as (weir, front, certificate), socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client = address.of_socket(probe).text
        done = run("openssl", "s_client", "-connect", str(front), "-bind", client, "-servername", "b.test", "-alpn", "h2",
                   "-CAfile", certificate, "-verify_return_error", "-verify_hostname", "b.test", "-quiet", "-ign_eof",
                   input="GET / HTTP/1.1\r\nHost: b.test\r\n\r\n")
        assert_told(json.loads(done.stdout.partition("\n\n")[2]), client, front, "b.test", "h2")
        assert weir.close_line(client=client)["peer"] == "unix:"
