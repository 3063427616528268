# SPDX-License-Identifier: ISC
"""The page of weirload --html, in Chromium: it needs no other file, runs nothing, and reads well in each medium."""

import os
import re
import subprocess

import pytest

from weirtest import address, load
from weirtest.browser import CONTRASTS, PHONE, SIZE, browser
from weirtest.clock import Late
from weirtest.load import Script, ScriptedPeer
from weirtest.settings import DEADLINE

EVIL = "<img src=x onerror=document.title='owned'><script>x</script>"


@pytest.fixture(scope="module", name="chromium")
def one_for_all():
    with browser() as made:
        yield made


def page(folder, script, *, serve=False, paced=True, **options):
    """A run against a scripted proxy: (result, path of its page, page). `paced`: it matters when the proxy closes."""
    path = os.path.join(folder, "report.html")
    behind = address.free("tcp4", None) if serve else None
    with ScriptedPeer(script, behind) as peer:
        told = load.run("idle", **{"target": peer if paced else peer.address, "serve": behind, "html": path, **options})
    with open(path, encoding="utf-8") as file:
        return told, path, file.read()


def test_it_needs_nothing_and_runs_nothing(folder):
    _, _, text = page(folder, Script(0.05), expect="0s", connections=3)
    assert text.startswith("<!doctype html>\n<html lang=\"en\">") and "default-src 'none'" in text
    for way in ("<script", " onload", " onclick", " onerror", "@import", "url("):
        assert way not in text
    assert set(re.findall(r"(?:src|href)=\"([^\"]*)\"", text)) == {"data:,"}


@pytest.mark.slow
def test_it_tells_what_the_json_tells(folder, chromium):
    told, path, _ = page(folder, Script(0.2), serve=True, expect="100ms", connections=40, ramp=100)
    chromium.open(f"file://{path}")
    json = told.json
    assert told.code == 0
    assert chromium.text(".verdict").startswith("Every limit holds. Of 40 streams 40 were closed on time. The earliest came")
    assert chromium.text("h2").startswith("idle to 127.0.0.1:")
    # The bars show the closes: the length of each is proportional to its count.
    rows = chromium.js("return [...document.querySelectorAll('.histogram tbody tr')].map((row) =>"
                       " [+row.cells[2].innerText, +row.querySelector('rect').getAttribute('width')])")
    assert sum(count for count, _ in rows) == 40
    most = max(count for count, _ in rows)
    assert all(width == pytest.approx(1000 * count / most, abs=0.1) for count, width in rows)
    # The plot shows them, too.
    assert chromium.js("return document.querySelectorAll('.plot rect.on_time').length") == sum(
        1 for count in json["closes"]["on_time"] if count)
    assert chromium.text(".legend").split("\n") == ["on time 40", "opened 40"]
    chromium.js("document.querySelector('details').open = true")
    moments = chromium.js("return [...document.querySelectorAll('details tbody tr')].map((row) => [...row.cells]"
                          ".map((cell) => cell.innerText))")
    assert sum(int(row[1]) for row in moments) == 40 == sum(int(row[2]) for row in moments)
    worst = chromium.js("return [...[...document.querySelectorAll('section table')].pop().tBodies[0].rows]"
                        ".map((row) => [...row.cells].map((cell) => cell.innerText))")
    assert [[int(row[0]), int(row[1])] for row in worst] == [[one["connection"], one["port"]] for one in json["worst"]]
    assert len(worst[0]) == 10 and chromium.problems() == []


@pytest.mark.slow
def test_a_gap_between_early_and_late_is_one_row(folder, chromium):
    """The peer closes all at the same age, and last bytes are spread: the first ones are late, the last ones early."""
    told, path, _ = page(folder, Script(life=0.8), expect="300ms", spread="800ms", connections=8)
    if not told.json["client"]["early_us"] or not told.json["client"]["late_us"]:
        raise Late(told.out)
    chromium.open(f"file://{path}")
    rows = chromium.js("return [...document.querySelectorAll('.histogram tbody tr')].map((row) => [...row.cells].slice(0, 3)"
                       ".map((cell) => cell.innerText))")
    [gap] = [at for at, row in enumerate(rows) if row[0].startswith("−") and not row[1].startswith(("−", "0 "))]
    assert rows[gap][2] == "0" and rows[gap - 1][1] == rows[gap][0] and rows[gap + 1][0] == rows[gap][1], rows
    assert sum(int(row[2]) for row in rows) == 8 and int(rows[gap - 1][2]) and int(rows[gap + 1][2]), rows


@pytest.mark.slow
def test_what_failed_is_said_in_words(folder, chromium):
    told, path, _ = page(folder, Script(0.05), expect="20s", connections=5)
    chromium.open(f"file://{path}")
    said = chromium.text(".verdict")
    assert said.startswith("Not every limit holds. Of 5 streams 0 were closed on time, 5 early.")
    assert " before its time, the latest " in said and told.json["failed"][0] in said
    _, path, _ = page(folder, Script(0.05), connections=5, silent=True)
    chromium.open(f"file://{path}")
    assert "Of 5 streams 5 were closed. Half of them after " in chromium.text(".verdict")
    # Nobody listens at the target.
    _, path, _ = page(folder, Script(0.05), expect="1s", connections=5, target=address.free("tcp4", None))
    chromium.open(f"file://{path}")
    assert "5 could not be opened" in chromium.text(".verdict") and chromium.problems() == []
    late = chromium.js("return [...[...document.querySelectorAll('section table')].pop().tBodies[0].rows]"
                       ".map((row) => row.cells[4].innerText)")
    assert late == [""] * 5


@pytest.mark.slow
def test_a_suite_has_a_section_for_each_row_and_a_table_of_all(folder, chromium):
    suite, path = os.path.join(folder, "fleet.suite"), os.path.join(folder, "report.html")
    with ScriptedPeer(Script(0.15)) as peer:
        with open(suite, "w", encoding="utf-8") as file:
            file.write(f'''defaults = {{ expect = "100ms"; max_late = "20s"; connections = 4; }};
                proxies = ( {{ name = "there"; target = "{peer}"; }},
                            {{ name = "gone"; target = "{address.free("tcp4", None)}"; }} );
                scenarios = ( "idle" );''')
        done = subprocess.run([load.WEIRLOAD, "suite", suite, "--html", path], stdout=subprocess.DEVNULL,
                              timeout=DEADLINE, check=False)
    assert done.returncode == 1
    chromium.open(f"file://{path}")
    rows = chromium.js("return [...document.querySelector('table').tBodies[0].rows].map((row) => [row.cells[0].innerText,"
                       " row.cells[1].innerText, row.cells[2].innerText, document.querySelector("
                       "row.querySelector('a').getAttribute('href') + ' h2').innerText])")
    assert rows == [["idle through there", "held", "4", "idle through there"], ["idle through gone", "failed", "0", "idle through gone"]]
    assert chromium.problems() == []
    chromium.shot("report-suite")


@pytest.mark.slow
def test_hostile_names_are_text(folder, chromium):
    target = f"unix:{folder}/{EVIL.replace('/', '|')}"
    _, path, text = page(folder, Script(), target=target, expect="1s", connections=1, csv=f"{folder}/\u202e{EVIL[:44]}.csv")
    assert "\u202e" not in text and "<img" not in text
    chromium.open(f"file://{path}")
    assert target in chromium.text("h2") and f"\\u202e{EVIL[:44]}.csv" in chromium.text(".options")
    assert chromium.js("return document.querySelectorAll('img, script, iframe').length") == 0
    assert chromium.driver.title == "weirload" and chromium.problems() == []


@pytest.mark.slow
def test_it_is_for_readers_phones_paper_and_the_night(folder, chromium):
    _, path, _ = page(folder, Script(0.3), serve=True, paced=False, expect="290ms", connections=300, ramp=400)
    chromium.open(f"file://{path}")
    tree = [(node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in chromium.cdp("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    roles = [role for role, _ in tree]
    assert roles.count("main") == 1 and roles.count("contentinfo") == 1 and roles.count("heading") >= 8
    assert all(name for role, name in tree if role in ("table", "region", "img", "image", "link")), tree
    assert roles.count("table") >= 5 and roles.count("rowheader") >= 10
    for scheme in ("light", "dark"):
        chromium.prefer(scheme)
        text, ratio = chromium.js(CONTRASTS)[0]
        assert ratio >= 4.5, (scheme, text, ratio)
        chromium.shot(f"report-{scheme}")
    # Printed paper is white, whatever the colour scheme of the screen.
    chromium.cdp("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert chromium.js("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    chromium.shot("report-print")
    chromium.cdp("Emulation.setEmulatedMedia", media="", features=[])
    chromium.resize(*PHONE)
    assert chromium.js("return [document.documentElement.scrollWidth, innerWidth]") == [PHONE[0], PHONE[0]]
    chromium.shot("report-phone")
    chromium.resize(*SIZE)
    assert chromium.problems() == []
