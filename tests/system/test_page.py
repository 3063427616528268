# SPDX-License-Identifier: ISC
"""The page at "/", in Chromium: it shows what weir does, follows its events, and runs no script but its own."""

import base64
import contextlib
import hashlib
import http.client
import itertools
import re
import time
from urllib.parse import quote

import pytest

from weirtest import address, peers
from weirtest.asking import Answer, ask
from weirtest.browser import CONTRASTS, PHONE, SIZE, browser
from weirtest.clock import within
from weirtest.house import exchange, house, listener, upstream
from weirtest.settings import DEADLINE

ROWS = 20


@pytest.fixture(scope="module", name="chromium")
def one_for_all():
    with browser() as made:
        yield made


@contextlib.contextmanager
def shown(port=None, listeners=(), upstreams=(), **settings):
    """A House whose http door is at `port`, or at a free one; and the address of its page."""
    with house(workers=2, **settings) as here:
        port = port or here.free().sockaddr[1]
        here.reload(http={"listen": f"127.0.0.1:{port}"}, listeners=[*here.weir.settings["listeners"], *listeners],
                    upstreams=[*here.weir.settings["upstreams"], *upstreams])
        yield here, f"http://127.0.0.1:{port}/"


def test_both_doors_have_the_same_bytes_and_a_policy_that_fits_them():
    with shown() as (here, url):
        with contextlib.closing(http.client.HTTPConnection(url[7:-1], timeout=DEADLINE)) as connection:
            connection.request("GET", "/")
            page = Answer(connection.getresponse())
        assert page.text == ask(here.weir, "GET", "/").text and ask(here.weir, "HEAD", "/").text == ""
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["X-Content-Type-Options"] == "nosniff" and page.headers["Referrer-Policy"] == "no-referrer"
        rules = dict(rule.split(" ", 1) for rule in page.headers["Content-Security-Policy"].split("; "))
        assert rules.pop("default-src") == "'none'" and rules.pop("frame-ancestors") == "'none'"
        for kind in ("style", "script"):
            text, = re.findall(rf"<{kind}>(.*?)</{kind}>", page.text, re.DOTALL)
            assert rules.pop(f"{kind}-src") == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        assert rules == {"img-src": "data:", "connect-src": "'self'", "base-uri": "'none'", "form-action": "'none'",
                         "require-trusted-types-for": "'script'"}
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page.text) and "innerHTML" not in page.text
        for way in (" style=", " onclick=", " onload="):
            assert way not in page.text


def figure(chromium, n):
    return chromium.text(f"#figures > div:nth-child({n}) .value")


def places(chromium):
    """The place of each figure and of each column of numbers. All digits must have the same width, too."""
    assert "tabular-nums" in chromium.js("return getComputedStyle(document.querySelector('#pairs td')).fontVariantNumeric")
    return chromium.js("return [...document.querySelectorAll('#listeners th[scope=col], #pairs th[scope=col], #figures dt')]"
                       ".map((el) => el.getBoundingClientRect()).map((box) => [box.left, box.width])")


@pytest.mark.slow
def test_it_shows_what_is_and_follows_it_over_a_restart(chromium):
    quick = address.free("tcp4", None)
    with contextlib.ExitStack() as stack:
        here, url = stack.enter_context(shown(node="weir-1", timeouts={"lifetime": "1h", "idle": "2h"}, listeners=[
            listener("quick", str(quick), timeouts={"idle": "300ms"}), listener("mail", str(address.free("tcp4", None)), "mail")],
            upstreams=[{**upstream(address.free("tcp4", None), name="mail"), "servers": [
                {"address": str(address.free("tcp4", None)), "name": "left"}]}]))
        chromium.open(url)
        chromium.until(lambda: chromium.text("#state") == "running", "it says that weir runs")
        assert chromium.text("h1") == "weir weir-1" and chromium.driver.title == "weir-1 – weir"
        socks = []
        for _ in range(3):
            socks.append(here.client())
            exchange(socks[-1], b"x" * 1000)
        chromium.until(lambda: figure(chromium, 1) == "3" and chromium.text("#figures > div:nth-child(3) .more") == "3.00 kB in all",
                       "three open pairs and the bytes of clients")
        chromium.until(lambda: [row[3:5] for row in chromium.rows("pairs")] == 3 * [["1.00 kB", "1.00 kB"]], "the pairs")
        stood = places(chromium)
        rows = chromium.rows("pairs")
        assert sorted(row[1].partition(" → ")[0] for row in rows) == sorted("%s:%d\nweb" % sock.getsockname() for sock in socks)
        assert all(re.fullmatch(r"(59 min \d+ s|1 h)\nlifetime", row[5]) for row in rows), rows
        assert [f"web\n{here.weir.address} → app", "3"] in [row[:2] for row in chromium.rows("listeners")]
        assert chromium.js("return document.querySelector('#listeners svg').getAttribute('aria-label')").startswith("Bytes, ")

        peers.fin(socks.pop())
        with here.client(quick) as sock:
            with within(time.monotonic(), 0.2):
                exchange(sock)
            peers.read_end(sock)
        chromium.until(lambda: [row[:2] for row in chromium.rows("ends")] in (
            [["eof\nby the client", "1"], ["idle\nby weir", "1"]], [["idle\nby weir", "1"], ["eof\nby the client", "1"]]),
            "why they ended")
        chromium.until(lambda: len(chromium.rows("pairs")) == 2 and figure(chromium, 1) == "2", "one pair less")
        chromium.until(lambda: (chromium.text("#late-words") or "").startswith("None of 1 was early"), "how late the timer was")

        ask(here.weir, "PATCH", "/v1/upstreams/mail/servers/left", {"state": "down"})
        chromium.until(lambda: any(row[:2] == [row[0], "down\ntold so"] and row[0].startswith("left\n")
                                   for row in chromium.rows("servers") if len(row) > 1), "the server is down")
        assert "mail 0 of 1 in use" in [row[0] for row in chromium.rows("servers")]
        chromium.until(lambda: "server told" in (chromium.text("#events") or ""), "it was told so")
        exchange(socks[0], b"x" * 123_456)
        chromium.until(lambda: chromium.text("#figures > div:nth-child(3) .more") == "126 kB in all", "more bytes")
        assert places(chromium) == stood  # the numbers have not moved
        chromium.shot("light")
        assert ask(here.weir, "POST", "/v1/drain", {"grace": "0s"}).status == 200
        chromium.until(lambda: chromium.text("#state") == "drained", "nobody new is let in")
        assert ask(here.weir, "POST", "/v1/undrain", {}).status == 200
        chromium.until(lambda: chromium.text("#state") == "running", "and again")
        assert chromium.problems() == []
        port = int(url[:-1].rpartition(":")[2])
        stack.close()
        chromium.until(lambda: chromium.text("#state") == "does not answer", "weir is away")
        here, _ = stack.enter_context(shown(port, node="weir-2"))
        chromium.until(lambda: chromium.text("h1") == "weir weir-2" and chromium.text("#state") == "running", "it is back")
        sock = here.client()
        exchange(sock)
        chromium.until(lambda: figure(chromium, 1) == "1" and len(chromium.rows("pairs")) == 1, "its pair")
        chromium.until(lambda: chromium.rows("ends") == [] and len(chromium.rows("servers")) == 2, "nothing of before")
        assert chromium.problems() == []


@pytest.mark.slow
def test_hostile_names_are_text_and_it_asks_where_no_events_come(chromium):
    """Addresses in the config may have any bytes. Without events the page polls; with events it follows them."""
    evil = "<img src=x onerror=document.title='owned'><script>alert(1)</script>"
    with shown(errors=("server_down",)) as (here, url):
        path = f"unix:{here.weir.folder}/{evil.replace('/', '|')}"
        here.reload(http={"listen": url[7:-1]}, listeners=[*here.weir.settings["listeners"], listener("evil", path + "2", "evil")],
                    upstreams=[*here.weir.settings["upstreams"], {
                        "name": "evil", "servers": [{"address": path}], "check": {"every": "100ms", "every_down": "1h", "fall": 1}}])
        chromium.cdp("Network.enable")
        chromium.cdp("Network.setBlockedURLs", urls=["*/v1/events*"])
        chromium.open(url)
        exchange(here.client())
        chromium.until(lambda: figure(chromium, 1) == "1" and chromium.text("#state") == "running", "figures without events")
        chromium.cdp("Network.setBlockedURLs", urls=[])
        chromium.until(lambda: any(path in "".join(row) and "down" in row[1] for row in chromium.rows("servers") if len(row) > 1),
                       "the path of the server")
        assert any(path + "2" in row[0] for row in chromium.rows("listeners"))
        states = itertools.cycle(("drain", "auto"))

        def told():
            target = f"/v1/upstreams/evil/servers/{quote(path, safe='')}"
            assert ask(here.weir, "PATCH", target, {"state": next(states)}).status == 200
            return path in (chromium.text("#events") or "")

        chromium.until(told, "an event about it, when it follows again")
        assert chromium.js("return document.querySelectorAll('img, main script, iframe').length") == 0
        assert "owned" not in chromium.driver.title and chromium.problems() == []


def tab_to(chromium, wanted):
    for _ in range(20):
        chromium.key("TAB")
        if chromium.focus() == wanted:
            return
    raise AssertionError(f"no key leads to {wanted}")


@pytest.mark.slow
def test_it_is_for_keyboards_readers_phones_and_the_night(chromium):
    with shown(timeouts={"idle": "1h"}) as (here, url):
        socks = [here.client() for _ in range(ROWS + 3)]
        chromium.open(url)
        chromium.until(lambda: len(chromium.rows("pairs")) == ROWS, "the first page of pairs")
        chromium.until(lambda: chromium.text("#state") == "running" and figure(chromium, 1) == str(len(socks)), "figures")
        first = chromium.rows("pairs")[0]
        chromium.key("TAB")
        assert chromium.focus() == "Skip to the numbers"
        chromium.key("ENTER")
        assert chromium.focus() == "main"
        tab_to(chromium, "next")
        chromium.key("ENTER")
        chromium.until(lambda: len(chromium.rows("pairs")) == 3, "the second page")
        chromium.key("TAB", shift=True)
        assert chromium.focus() == "back"
        chromium.key("SPACE")
        chromium.until(lambda: chromium.rows("pairs")[0][:2] == first[:2], "the first page again")

        tree = [(node["role"]["value"], node.get("name", {}).get("value", ""))
                for node in chromium.cdp("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        roles = [role for role, _ in tree]
        assert [roles.count(role) for role in ("banner", "main", "contentinfo", "status")] == [1, 1, 1, 1]
        assert all(name for role, name in tree if role in ("table", "button", "combobox", "region", "img", "image", "log", "link"))
        assert roles.count("table") >= 3 and roles.count("columnheader") >= 15

        grounds = []
        for scheme in ("light", "dark"):
            chromium.prefer(scheme)
            grounds.append(chromium.js("return getComputedStyle(document.body).backgroundColor"))
            text, ratio = chromium.js(CONTRASTS)[0]
            assert ratio >= 4.5, (scheme, text, ratio)
        assert grounds[0] != grounds[1]
        chromium.shot("dark")
        chromium.prefer("light")
        chromium.resize(*PHONE)
        assert chromium.js("return [document.documentElement.scrollWidth, innerWidth]") == [PHONE[0], PHONE[0]]
        assert [len(row) for row in chromium.rows("pairs")] == [3] * ROWS
        chromium.shot("phone")
        chromium.resize(*SIZE)
        assert chromium.problems() == []
