# SPDX-License-Identifier: ISC
"""Clients and upstreams in the machine's network: to be made inside Machine.network()."""

import contextlib

from weirtest import address as addresses
from weirtest import peers

# What the default config relays, and to where.
DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_SERVER = "127.0.0.1:9000"


def address(text):
    """A numeric HOST:PORT as an Address."""
    host, _, port = text.rpartition(":")
    return addresses.tcp(host.strip("[]"), int(port))


def client(to=DEFAULT_LISTEN, **options):
    return peers.connect(address(to) if isinstance(to, str) else to, **options)


def default_upstream(serve=peers.echo):
    """For `with`: a server where the default config looks for one; it echoes unless told otherwise."""
    return contextlib.closing(peers.Server("tcp4", None, serve, at=address(DEFAULT_SERVER)))
