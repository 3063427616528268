# SPDX-License-Identifier: ISC
"""Follows /v1/events: reads server-sent events from a door."""

import contextlib
import json
import math
import time

from . import asking
from .settings import DEADLINE


class Event:
    """One event: its name, its id or None, and its data."""

    def __init__(self, fields):
        self.name = fields["event"]
        self.id = fields.get("id")
        self.data = json.loads(fields["data"])
        assert self.data["event"] == self.name

    def number(self):
        """The number of the line; in the id it follows the start of weir."""
        return int(self.id.split("-")[1])

    def __repr__(self):
        return f"{self.id} {self.data}"


class Follower:
    """Follows until it is closed; `connection` is an http.client.HTTPConnection, not used yet."""

    def __init__(self, connection, target="/v1/events", headers=None):
        self._connection = connection
        connection.request("GET", target, headers=headers or {})
        self.response = connection.getresponse()
        assert self.response.status == 200 and self.response.headers["Content-Type"] == "text/event-stream"
        self.comments = 0
        assert self._block() == {"retry": "1000"}

    def _block(self, end=math.inf):
        """The fields of a block; None at a clean end. Comments may come for ever, so the wait lasts until `end`."""
        fields = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                assert not fields
                return None
            assert line.endswith("\n")
            if line == "\n":
                if fields:
                    return fields
            elif line.startswith(":"):
                self.comments += 1
                assert time.monotonic() < end, "nothing but comments"
            else:
                name, value = line[:-1].split(": ", 1)
                assert name not in fields
                fields[name] = value

    def next(self, *names):
        """The next event, or the next one with one of these names; None at a clean end."""
        end = time.monotonic() + DEADLINE
        while True:
            fields = self._block(end)
            if fields is None:
                return None
            event = Event(fields)
            if not names or event.name in names:
                return event
            assert time.monotonic() < end, f"none of {names}"

    def rest(self):
        """All events until a clean end."""
        return list(iter(self.next, None))

    def close(self):
        self._connection.close()
        self.response.close()


def follow(weir, query="", headers=None, version=(11, "HTTP/1.1")):
    """A Follower at the control socket, for `with`."""
    connection = asking.Connection(asking.control_path(weir))
    connection._http_vsn, connection._http_vsn_str = version  # there is no other way to speak HTTP/1.0
    return contextlib.closing(Follower(connection, "/v1/events" + query, headers))
