# SPDX-License-Identifier: ISC
"""The options of --help and those of the manual page are the same, for each program."""

import re
import subprocess

import pytest

from test_weirctl import WEIRCTL
from weirtest.daemon import without_systemd
from weirtest.lab import WEIRLAB
from weirtest.load import WEIRLOAD
from weirtest.settings import DEADLINE, ROOT, WEIR

SCENARIOS = ("idle", "trickle", "halfclose", "oneside", "stall", "connect", "mixed", "lifetime", "preface", "firstbyte",
             "queue", "drain", "serve", "suite", "compare")


def said(*words):
    done = subprocess.run(words, env=without_systemd(), timeout=DEADLINE, text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, check=True)
    return done.stdout + done.stderr


def helped(*words):
    """The options that a program's help shows, those of its usage lines included."""
    return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", said(*words)))


def helped_of(scenario):
    """The options in a scenario's list; the sentences above the list may name those of other scenarios."""
    return set(re.findall(r"^  (--[\w-]+)", said(WEIRLOAD, "help", scenario), re.M))


def sections(page):
    """The text of each section and subsection, by its title."""
    text = (ROOT / "man" / page).read_text(encoding="utf-8")
    parts = re.split(r"^\.S[hs] (.*)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def options_of(line):
    """The options in one line of mdoc: `.Fl a , -long Ar value` has -a and --long."""
    found, is_option = set(), False
    for word in line.split():
        if re.fullmatch(r"\.?[A-Z][a-z]", word):  # a macro
            is_option = word in ("Fl", ".Fl")
        elif is_option and re.fullmatch(r"-?[a-z][\w-]*", word):
            found.add(f"-{word}")
    return found


def written(*texts):
    """The options that begin an entry, or that belong to a command that begins one."""
    return set().union(*(options_of(line) for text in texts for line in re.findall(r"^\.It (?:Fl|Cm) .*", text, re.M)))


def named(text):
    return set().union(*(options_of(line) for line in text.splitlines()))


def test_weir_has_the_options_of_its_page():
    page = sections("weir.8")
    shown, of_proxy = helped(WEIR, "--help"), helped(WEIR, "--socket-proxy", "--help")
    assert shown - {"--socket-proxy"} == written(page["DESCRIPTION"])
    assert of_proxy - {"--socket-proxy"} == written(page["SOCKET PROXY"])
    assert named(page["SYNOPSIS"]) <= shown | of_proxy


@pytest.mark.parametrize("program, page", ((WEIRCTL, "weirctl.1"), (WEIRLAB, "weirlab.1")), ids=("weirctl", "weirlab"))
def test_the_help_has_the_options_of_the_page(program, page):
    found = sections(page)
    assert helped(program, "--help") == written(*found.values()) | named(found["SYNOPSIS"])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_scenario_has_the_options_of_the_page(scenario):
    """The section of a scenario has its own options; it names, or a common section has, the others."""
    page = sections("weirload.1")
    own = page[scenario.upper()]
    assert written(own) <= helped_of(scenario) <= named(own) | written(page["DESCRIPTION"], page["REMOTE"])


def test_no_option_of_weirload_is_without_a_scenario():
    page = sections("weirload.1")
    shown = set().union(*map(helped_of, SCENARIOS))
    assert written(*page.values()) == shown
    assert named(page["SYNOPSIS"]) <= shown | helped(WEIRLOAD, "help")
