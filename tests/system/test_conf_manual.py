# SPDX-License-Identifier: ISC
"""weir.conf(5) has the order of conf/weir.conf, and for each group an example that weir accepts."""

import os
import re

import pytest

from weirtest.daemon import run
from weirtest.settings import ROOT


def keys_of_file():
    """Each key of conf/weir.conf, with the path of its group, in the order of the file."""
    path, found, last = [], [], ""
    for line in (ROOT / "conf" / "weir.conf").read_text(encoding="utf-8").splitlines():
        shown = re.sub(r"^( *)# (?= *(\w+ = |\}))", r"\1", re.sub(r'"[^"]*"', '""', line))
        for key, opens, closes in re.findall(r"(\w+) = |([{(])|([)}])", re.sub(r"(^|\s)#.*", "", shown)):
            if key:
                last = key
                found.append(".".join([*filter(None, path), key]))
            elif opens:
                path.append(last)
                last = ""
            elif closes:
                path.pop()
    return found


def entries_of_page(section, group):
    """Each key of a section of weir.conf(5), with the path of its group, and the lines of its own entry."""
    page = (ROOT / "man" / "weir.conf.5").read_text(encoding="utf-8")
    path, found = list(group), []
    for line in page.split(f"\n.Sh {section}\n")[1].split("\n.Sh ")[0].splitlines():
        if line.startswith(".Bl "):
            path.append("")
        elif line == ".El":
            path.pop()
        elif line.startswith(".It Ic "):
            path[-1] = line.removeprefix(".It Ic ")
            found.append((".".join(path), []))
        elif found and found[-1][0] == ".".join(path):
            found[-1][1].append(line)
    return found


@pytest.mark.parametrize("section, group", (("OPTIONS", ()), ("TIMEOUTS", ("timeouts",))))
def test_the_manual_page_is_in_the_order_of_the_file(section, group):
    """A key that is in the file twice, such as a timeout of a listener, is in the page once."""
    said, known = [key for key, _ in entries_of_page(section, group)], keys_of_file()
    assert len(said) > 10 and said == [key for key in known if key in said]


# Each key whose entry says that it is a group or a list of groups; the timeouts have a section of their own.
GROUPS = {key: lines for key, lines in entries_of_page("OPTIONS", ())
          if re.match("(Group|List)\\b(?! of prefixes)", lines[0]) and ".Sx TIMEOUTS ." not in lines}


def example_in(key):
    """The example of an entry, as a reader of the page sees it."""
    text = "\n".join([*GROUPS[key], ""])
    shown = re.findall(r"^\.Dl (.* = .*\n)|^\.Bd -literal.*\n((?:.*\n)*?)\.Ed\n", text, re.M)
    assert len(shown) == 1, f"{key}: write one example, as .Dl {key.split('.')[-1]} = ...;"
    return "".join(shown[0]).replace("\\(dq", '"').replace("\\&", "").replace("\\e", "\\")


def config_with(key):
    """A config with the example of the page at the place of its key, and besides only what a config needs."""
    shown, (*above, name) = example_in(key), key.split(".")
    assert re.search(rf"^{name} = ", shown, re.M), f"{key}: the example is of something else"
    top, listener, upstream = "", 'name = "web"; listen = "127.0.0.1:8080"; upstream = "app"; ', ""
    if above == ["upstreams", "servers"]:
        upstream = f'servers = ( {{ address = "10.0.0.1:9000"; {shown} }} );'
    elif above == ["upstreams"]:
        upstream = shown
    elif above == ["listeners"]:
        listener += shown
    elif above == ["socket"]:
        top = f"socket = {{ {shown} }};"
    else:
        assert not above, f"{key}: this test does not know where the example of such a group goes"
        top = shown
    if "servers = " not in upstream:
        upstream += ' servers = ( "10.0.0.2:9000" );'
    if name != "listeners":
        top += f"\nlisteners = ( {{ {listener} }} );"
    if name not in ("listeners", "upstreams"):
        top += f'\nupstreams = ( {{ name = "app"; balance = "round_robin"; {upstream} }} );'
    return top + "\n"


def test_each_group_of_the_manual_page_is_looked_at():
    assert {"socket.keepalive", "listeners.routes", "upstreams.servers.check", "upstreams.eject"} <= GROUPS.keys()


@pytest.mark.parametrize("key", GROUPS)
def test_the_example_of_a_group_in_the_manual_page_is_right(key, folder):
    path = os.path.join(folder, "weir.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(config_with(key))
    done = run("--check", "-c", path)
    warned = [line for line in done.stderr.splitlines() if not line.startswith("hint: ")]
    assert (done.returncode, done.stdout, warned) == (0, "", []), config_with(key)
