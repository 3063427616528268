# SPDX-License-Identifier: ISC
"""Config files of weir (libconfig) from Python values."""


def value(item):
    """One value: groups from dicts, lists of groups, arrays of strings and numbers."""
    if isinstance(item, dict):
        return "{ " + " ".join(f"{key} = {value(one)};" for key, one in item.items()) + " }"
    if isinstance(item, (list, tuple)):
        left, right = ("(", ")") if item and isinstance(item[0], dict) else ("[", "]")
        return f"{left} " + ", ".join(value(one) for one in item) + f" {right}"
    if isinstance(item, int):
        return str(item)
    return '"' + "".join(map(_escape, str(item))) + '"'


def _escape(char):
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else f"\\x{ord(char):02x}"


def text(settings):
    """A whole file, with one top-level setting on each line; settings that are None are left out."""
    return "".join(f"{key} = {value(item)};\n" for key, item in settings.items() if item is not None)


def upstream(name, *servers):
    """Servers that are tried in this order."""
    order = {"balance": "first"} if len(servers) > 1 else {}
    return {"name": name, **order, "servers": [{"address": str(one)} for one in servers]}


def relay(listen, *servers, name="relay", **listener):
    """The settings of one listener and its upstream."""
    return {
        "listeners": [{"name": name, "listen": listen, "upstream": name, **listener}],
        "upstreams": [upstream(name, *servers)],
    }
