# SPDX-License-Identifier: ISC
"""Reads weir's log: one dict for each line."""

import datetime
import re

_FIELD = re.compile(r'\s*([a-z_]+)=(?:"((?:[^"\\]|\\["\\]|\\x[0-9a-f]{2})*)"|([^\s"]*))')
_PRIORITY = re.compile(r"<([0-7])>")
_LEVELS = {"3": "error", "4": "warn", "6": "info", "7": "debug"}
_ESCAPE = re.compile(r'\\(?:x([0-9a-f]{2})|(["\\]))')


class Record(dict):
    """The fields of one line, all text; `line` is the line as it was."""

    def __init__(self, fields, line):
        super().__init__(fields)
        self.line = line

    def number(self, key):
        return float(self[key]) if "." in self[key] else int(self[key])

    def moment(self):
        """When it was logged, in seconds since the epoch (wall clock)."""
        return datetime.datetime.fromisoformat(self["time"].rstrip("Z")).replace(tzinfo=datetime.timezone.utc).timestamp()

    def matches(self, wanted):
        return all(self.get(key) == str(want) for key, want in wanted.items())

    def __repr__(self):
        return self.line


def parse(line):
    """A Record, or None if the line is not weir's, but for example a sanitizer's."""
    fields = {}
    priority = _PRIORITY.match(line)
    if priority:
        fields["level"] = _LEVELS.get(priority[1], priority[1])
    at = priority.end() if priority else 0
    while at < len(line):
        field = _FIELD.match(line, at)
        if not field or field[1] in fields:
            return None
        quoted = field[2]
        fields[field[1]] = field[3] if quoted is None else unescape(quoted)
        at = field.end()
    return Record(fields, line) if "event" in fields else None


def unescape(quoted):
    return _ESCAPE.sub(lambda found: found[2] or chr(int(found[1], 16)), quoted)
