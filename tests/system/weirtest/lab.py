# SPDX-License-Identifier: ISC
"""Runs weirlab, and sends requests to it."""

import http.client
import json
import os
import re
import signal
import subprocess
import threading

from . import address, wait
from .settings import DEADLINE, WEIR

WEIRLAB = os.environ.get("WEIRLAB", os.path.join(os.path.dirname(WEIR), "src", "lab", "weirlab"))


class Refused(Exception):
    """An answer that is an error: (status, text)."""


class Lab:
    """A weirlab that runs, for `with`. Its log is in `lines`."""

    def __init__(self, *options, env=None):
        self.process = subprocess.Popen(
            [WEIRLAB, "-port", "0", *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(wait.until(lambda: self.said(r"the API listens on \S+:(\d+)"), "weirlab listens")[1])

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def said(self, pattern):
        """The match of the first line that has this pattern."""
        return next((found for line in list(self.lines) if (found := re.search(pattern, line))), None)

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.stop()

    def stop(self, by=signal.SIGTERM):
        """Ends weirlab, which must exit with 0."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        self.process.stderr.close()
        assert code == 0, (code, self.lines)

    def raw(self, method, path, body=None, **headers):
        """Sends a request; returns (status, headers, text) of its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request(method, path, body, {"User-Agent": "test", **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def ask(self, method, path, body=None):
        """Sends a request; returns the status, and the JSON or None."""
        text = None if body is None else body if isinstance(body, str) else json.dumps(body)
        status, _, answer = self.raw(method, path, text)
        return status, json.loads(answer) if answer else None

    def get(self, path):
        return self.do("GET", path)

    def post(self, path, body=None):
        return self.do("POST", path, body)

    def do(self, method, path, body=None):
        """Sends a request that must succeed, else raises Refused; returns the JSON or None."""
        status, answer = self.ask(method, path, body)
        if status >= 400:
            raise Refused(status, answer)
        return answer

    def proxy(self, upstream, name="p", listen="localhost:0", **more):
        """Makes a proxy; returns the Address where it listens."""
        made = self.post("/proxies", {"name": name, "listen": listen, "upstream": str(upstream), **more})
        return where(made)

    def toxic(self, kind, name="p", stream="downstream", toxicity=1, **attributes):
        return self.post(f"/proxies/{name}/toxics", {
            "type": kind, "stream": stream, "toxicity": toxicity, "attributes": attributes})

    def update(self, toxic, name="p", **fields):
        return self.do("PATCH", f"/proxies/{name}/toxics/{toxic}", fields)

    def remove(self, toxic, name="p"):
        return self.do("DELETE", f"/proxies/{name}/toxics/{toxic}")


def where(proxy):
    """The Address of a proxy in an answer."""
    listen = proxy["listen"]
    if listen.startswith("unix:"):
        return address.unix(listen.removeprefix("unix:"))
    host, port = listen.rsplit(":", 1)
    host = host.strip("[]")
    return address.tcp("::1" if host == "::" else host, int(port))
