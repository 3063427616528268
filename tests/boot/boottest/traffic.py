# SPDX-License-Identifier: ISC
"""Clients and upstreams in the machine's network. A test makes them inside Machine.network()."""

import contextlib

from weirtest import address as addresses
from weirtest import peers

# The listener and the server of the default config.
DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_SERVER = "127.0.0.1:9000"


def address(text):
    """The Address of a numeric HOST:PORT."""
    host, _, port = text.rpartition(":")
    return addresses.tcp(host.strip("[]"), int(port))


def client(to=DEFAULT_LISTEN, **options):
    return peers.connect(address(to) if isinstance(to, str) else to, **options)


def default_upstream(serve=peers.echo):
    """For `with`: a server at the address to which the default config relays. It echoes, or calls `serve`."""
    return contextlib.closing(peers.Server("tcp4", None, serve, at=address(DEFAULT_SERVER)))
