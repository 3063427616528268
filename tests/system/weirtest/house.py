# SPDX-License-Identifier: ISC
"""A daemon whose config changes while it runs, and clients that check how they are served meanwhile."""

import contextlib
import os
import threading
import time

from . import address, config, peers, wait
from .clock import Late
from .daemon import Free, Weir
from .settings import DEADLINE, WEIR

FAILED = ("reload_failed",)
NOBODY = 65534


def listener(name, listen, upstream="app", **more):
    return {"name": name, "listen": listen, "upstream": upstream, **more}


def upstream(*servers, name="app"):
    return config.upstream(name, *servers)


class House:
    """One daemon with a control socket, whose config changes; its servers and clients."""

    def __init__(self, weir, stack):
        self.weir = weir
        self.stack = stack

    def settings(self, **changes):
        return {**self.weir.settings, **changes}

    def server(self, serve=peers.echo, transport="tcp4"):
        return self.stack.enter_context(contextlib.closing(peers.Server(transport, self.weir.folder, serve)))

    def client(self, to=None):
        return self.stack.enter_context(peers.connect(to or self.weir.address))

    def free(self, transport="tcp4"):
        return address.free(transport, self.weir.folder)

    def reload(self, **changes):
        """A reload that must succeed. The test is Late if this machine was too busy to check the config in time."""
        done = self.weir.reload(self.settings(**changes))
        if "the check took longer than 10 s" in done.stderr:
            raise Late(done.stderr.splitlines()[-1])
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done

    def fail(self, *expected, **changes):
        """A reload that must fail, with these words in the answer, and with the answer in the log."""
        done = self.weir.reload(self.settings(**changes))
        assert (done.returncode, done.stdout) == (1, ""), done
        for text in expected:
            assert text in done.stderr, done.stderr
        lines = done.stderr.splitlines()
        for line in lines:
            self.weir.record("reload_failed", error=line.replace("\\", "\\\\"))
        return lines


@contextlib.contextmanager
def house(transport="tcp4", errors=(), serve=peers.echo, user=None, env=None, control=True, program=WEIR,
          **settings):
    """
    A House with the listener "web" on a free address, and the upstream "app", an echo. `user`: the user
    that runs weir, if we are root. `program`: another build of weir.
    """
    with contextlib.ExitStack() as stack:
        prefix = ()
        if user and os.geteuid() == 0:
            prefix = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
        weir = Weir({}, control=control, errors=errors, prefix=prefix, notify=not prefix, env=env, program=program)
        if prefix:
            os.chmod(weir.folder, 0o755)
            os.mkdir(weir.runtime)
            os.chown(weir.runtime, user, user)
        server = stack.enter_context(contextlib.closing(peers.Server("tcp4", weir.folder, serve)))
        weir.settings = {"workers": 1, "listeners": [listener("web", Free(transport))],
                         "upstreams": [upstream(server)], **settings}
        stack.enter_context(weir)
        with contextlib.ExitStack() as sockets:
            yield House(weir, sockets)


def exchange(sock, data=b"hello"):
    sock.sendall(data)
    assert peers.read_exactly(sock, len(data)) == data


def say(name):
    """A Server's work: it sends its name, so that a client knows its server, then echoes."""
    def serve(sock):
        sock.sendall(name)
        peers.echo(sock)
    return serve


class Callers:
    """
    Threads that connect, exchange a few bytes and close, again and again, until stop(). A client must be
    served or refused; anything else is a failure.
    """

    def __init__(self, to, count=4):
        self.to = to
        self.served = self.refused = 0
        self.failures = []
        self._stop = False
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _call(self):
        try:
            sock = peers.connect(self.to)
        except (ConnectionRefusedError, FileNotFoundError):
            return "refused"
        with sock:
            exchange(sock)
            peers.fin(sock)
            assert peers.read_end(sock) == (b"", "fin")
        return "served"

    def _run(self):
        while not self._stop:
            try:
                what = self._call()
            except (OSError, AssertionError) as problem:
                with self._lock:
                    self.failures.append(repr(problem))
                return
            with self._lock:
                self.served += what == "served"
                self.refused += what == "refused"
            if what == "refused":
                time.sleep(0.002)

    def wait_served(self, more):
        least = self.served + more
        wait.until(lambda: self.served >= least or self.failures, f"{more} more clients served")

    def wait_refused(self):
        wait.until(lambda: self.refused or self.failures, "a client refused")

    def stop(self):
        self._stop = True
        for thread in self._threads:
            thread.join(DEADLINE)
        assert not self.failures, self.failures
