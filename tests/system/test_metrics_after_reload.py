# SPDX-License-Identifier: ISC
"""GET /metrics after reloads that rename listeners, remove them, and put them back."""

import re
from pathlib import Path

from weirtest import exposition, peers, wait
from weirtest.asking import ask
from weirtest.house import FAILED, exchange, house, listener

MANUAL = Path(__file__).resolve().parents[2] / "man" / "weir-http.7"


def scrape(here):
    return exposition.Metrics(ask(here.weir, "GET", "/metrics").text)


def status(here):
    return ask(here.weir, "GET", "/v1/status").json


def by_listener(metrics, name):
    return {labels["listener"]: value for labels, value in metrics.all(name)}


def rename(here, name, **more):
    here.reload(listeners=[listener(name, str(here.weir.address), **more)])


def test_pairs_of_a_renamed_listener_stay_in_its_numbers():
    with house() as here:
        rename(here, "one", max_pairs=9)
        old = here.client()
        exchange(old)
        rename(here, "uno")
        exchange(old)
        exchange(here.client())
        now = scrape(here)
        assert by_listener(now, "weir_pairs_open") == {"uno": 1, "one": 1, "web": 0}
        assert by_listener(now, "weir_pairs_total") == {"uno": 1, "one": 1, "web": 0}
        assert now.get("weir_bytes_total", listener="one", direction="up") == 10
        assert now.all("weir_listener_pairs_max") == [] and now.get("weir_listeners") == 1
        peers.fin(old)
        peers.read_end(old)
        wait.until(lambda: status(here)["pairs"]["open"] == 1, "its end")
        now = scrape(here)
        assert by_listener(now, "weir_pairs_open") == {"uno": 1, "one": 0, "web": 0}
        assert now.get("weir_pairs_ended_total", listener="one", by="client", reason="eof") == 1
        assert sum(value for _, value in now.all("weir_pairs_ended_total")) == 1
        shown = ask(here.weir, "GET", "/v1/listeners").json["listeners"]
        assert [one["name"] for one in shown] == ["uno"]


def test_numbers_go_on_when_a_name_comes_back():
    """The listeners of the config in force come first, in its order, then the others."""
    with house() as here:
        for _ in range(3):
            with here.client() as sock:
                exchange(sock)
        wait.until(lambda: status(here)["pairs"]["open"] == 0, "their ends")
        rename(here, "uno")
        rename(here, "web", max_pairs=7)
        exchange(here.client())
        now = scrape(here)
        assert list(by_listener(now, "weir_pairs_open").items()) == [("web", 1), ("uno", 0)]
        assert now.get("weir_pairs_total", listener="web") == 4
        assert sum(value for _, value in now.all("weir_pairs_ended_total")) == 3
        assert now.get("weir_bytes_total", listener="web", direction="down") == 20
        assert now.all("weir_listener_pairs_max") == [({"listener": "web"}, 7)]


def test_a_config_that_is_refused_leaves_no_name_behind():
    with house(errors=FAILED) as here:
        here.fail("max_pairs", listeners=[listener("web", str(here.weir.address)),
                                          listener("other", str(here.free()))], max_pairs=0)
        taken = here.server().address
        here.fail("Address already in use", listeners=[listener("web", str(here.weir.address)),
                                                       listener("other", str(taken))])
        assert by_listener(scrape(here), "weir_pairs_open") == {"web": 0}


def test_as_many_names_are_kept_as_the_manual_says_and_those_with_pairs():
    most, = re.findall(r"([0-9,]+) names", MANUAL.read_text(encoding="utf-8"))
    most = int(most.replace(",", ""))
    count = most // 2
    with house() as here:
        old = here.client()
        exchange(old)
        for prefix in "abc":
            here.reload(listeners=[listener(f"{prefix}{i}", f"unix:{here.weir.folder}/{i}") for i in range(count)])

        def gone():
            return [name for name in by_listener(scrape(here), "weir_pairs_open") if name[0] != "c"]

        wait.until(lambda: len(gone()) == most, "some to be forgotten")
        assert "web" in gone() and by_listener(scrape(here), "weir_pairs_open")["web"] == 1
        exchange(old)
