# SPDX-License-Identifier: ISC
"""Sends HTTP requests to weir: right ones with http.client, and wrong ones as bytes."""

import contextlib
import http.client
import json
import os
import socket

from . import peers
from .settings import DEADLINE


class Connection(http.client.HTTPConnection):
    """A connection to a door on a UNIX socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self._path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.text)

    @property
    def error(self):
        """The text that says what is wrong, and what to do."""
        error = self.json["error"]
        assert isinstance(error, str) and error
        return error


def control_path(weir):
    return os.path.join(weir.runtime, "control")


def connections(weir):
    """The number of connections of the control socket that weir has not closed yet."""
    path, connected = control_path(weir), "03"
    with open("/proc/net/unix", encoding="utf-8") as file:
        return sum(line.split()[5] == connected and line.split()[-1] == path for line in file)


def ask_on(connection, method, target, body=None, headers=None):
    """Sends one more request on a connection; returns its Answer."""
    data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
    connection.request(method, target, data, headers or {})
    return Answer(connection.getresponse())


def ask(weir, method, target, body=None, headers=None):
    """Sends a request to the control socket; returns its Answer."""
    with contextlib.closing(Connection(control_path(weir))) as connection:
        return ask_on(connection, method, target, body, headers)


def get(weir, target):
    """The JSON that answers a GET; the GET must succeed."""
    answer = ask(weir, "GET", target)
    assert answer.status == 200, answer.text
    return answer.json


def say(to, data, end=False):
    """Sends these bytes, then a FIN if `end`; returns all that weir answers until it closes."""
    with peers.connect(to) as sock:
        try:
            sock.sendall(data)
            if end:
                peers.fin(sock)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return peers.read_end(sock)[0]
