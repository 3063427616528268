# SPDX-License-Identifier: ISC
"""TLS clients and servers with Python's ssl, over sockets of a test, and ClientHellos that the test sends itself."""

import os
import ssl
import subprocess
import warnings

from . import peers
from .settings import DEADLINE

VERSIONS = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Certificate:
    """A key and a certificate that it has signed itself, for these names."""

    def __init__(self, folder, *names):
        self.names = names
        self.key, self.file = (os.path.join(folder, f"{names[0]}.{kind}") for kind in ("key", "pem"))
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-days", "2", "-subj", f"/CN={names[0]}", "-keyout", self.key, "-out", self.file,
                        "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)],
                       check=True, capture_output=True, timeout=DEADLINE)
        with open(self.file, encoding="ascii") as file:
            self.der = ssl.PEM_cert_to_DER_cert(file.read())


def _context(side, protocols, least=VERSIONS[0], most=VERSIONS[-1]):
    made = ssl.SSLContext(side)
    made.check_hostname = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1 are tested on purpose
        made.maximum_version, made.minimum_version = most, least
    made.set_ciphers("ALL:@SECLEVEL=0")  # TLS 1.0 and 1.1 sign with SHA-1
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made


def serve(certificate, *protocols):
    """A Server's work: it makes a handshake with this certificate, then echoes."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, protocols)
    context.load_cert_chain(certificate.file, certificate.key)

    def work(sock):
        with context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True) as tls:
            peers.echo(tls)
    return work


def client_context(version=ssl.TLSVersion.TLSv1_3, protocols=()):
    """A context that accepts any certificate; the test looks at it."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, protocols, version, version)
    context.verify_mode = ssl.CERT_NONE
    return context


def handshake(sock, name=None, **options):
    """The TLS socket of a client that has asked for this name."""
    return client_context(**options).wrap_socket(sock, server_hostname=name)


class ByHand:
    """A client whose ClientHello the test sends itself: `hello`."""

    def __init__(self, name=None, **options):
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = client_context(**options).wrap_bio(self._in, self._out, server_hostname=name)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        self.hello = self._out.read()

    def finish(self, sock):
        """Does the rest of the handshake after the hello was sent; returns the server's certificate."""
        done = False
        while not done:
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            if out := self._out.read():
                sock.sendall(out)
            elif not done:
                data = sock.recv(65536)
                assert data, "the end amid the handshake"
                self._in.write(data)
        return self._tls.getpeercert(binary_form=True)


def padded(hello, size):
    """The same hello, padded to a record of `size` bytes with its header (RFC 7685)."""
    session = 43 + 1 + hello[43]
    ciphers = session + 2 + int.from_bytes(hello[session:session + 2], "big")
    at = ciphers + 1 + hello[ciphers]  # where the length of the extensions is
    more = size - len(hello)
    padding = b"\0\x15" + (more - 4).to_bytes(2, "big") + bytes(more - 4)
    lengths = [(3, 2), (6, 3), (at, 2)]
    made = bytearray(hello + padding)
    for place, width in lengths:
        old = int.from_bytes(made[place:place + width], "big")
        made[place:place + width] = (old + more).to_bytes(width, "big")
    return bytes(made)


def in_records(hello, size):
    """The same message in records that carry `size` bytes each."""
    message = hello[5:]
    parts = [message[i:i + size] for i in range(0, len(message), size)]
    return b"".join(hello[:3] + len(part).to_bytes(2, "big") + part for part in parts)
