# SPDX-License-Identifier: ISC
"""The usual arrangement: one daemon, one listener, upstreams, and clients that go through it."""

import contextlib

from . import config, peers
from .daemon import Free, Weir
from .settings import SPLICE


class Rig:
    """One relay with its upstreams. Sockets made by it are closed with it."""

    def __init__(self, weir, upstream, stack):
        self.weir = weir
        self.upstream = upstream
        self._stack = stack

    def client(self, **options):
        """A client that is connected to weir."""
        return self._stack.enter_context(peers.connect(self.weir.address, **options))

    def accept(self):
        """The next connection that weir made to the (first) upstream."""
        return self._stack.enter_context(self.upstream.accept())

    def pair(self, **options):
        """A client, and the connection that weir made for it; no other connect may be under way."""
        client = self.client(**options)
        return client, self.accept()


@contextlib.contextmanager
def relay(client="tcp4", upstream="tcp4", *, servers=(peers.Upstream,), listener=None, rcvbuf=None,
          upstream_settings=None, daemon=None, **settings):
    """
    A Rig. Its clients come over the transport `client` (or to a Free of the test); weir reaches its
    upstream over the transport `upstream`.

    servers    the servers of the upstream, in order: each a class of peers.py, or any callable that makes
               one from (transport, folder), or an address as text; the last is the Rig's upstream
    rcvbuf     the receive buffer of the upstream's sockets
    listener   further settings of the listener
    upstream_settings  further settings of the upstream
    daemon     options of Weir
    settings   further top-level settings; workers is 1 unless given
    """
    with contextlib.ExitStack() as stack:
        weir = Weir({}, **(daemon or {}))
        made = [one if isinstance(one, str) else
                stack.enter_context(contextlib.closing(one(upstream, weir.folder)))
                for one in servers]
        if rcvbuf:
            made[-1].set_rcvbuf(rcvbuf)
        weir.settings = {"workers": 1, "relay": {"splice": SPLICE}, **settings,
                         **config.relay(Free(client) if isinstance(client, str) else client, *made,
                                        **(listener or {}))}
        weir.settings["upstreams"][0].update(upstream_settings or {})
        stack.enter_context(weir)
        # The sockets are closed first, so that the daemon ends at once.
        with contextlib.ExitStack() as sockets:
            yield Rig(weir, made[-1], sockets)
