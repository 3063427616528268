# SPDX-License-Identifier: ISC
"""examples/prometheus: Prometheus itself reads the shipped files, and answers their queries."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from weirtest import peers, wait
from weirtest.house import exchange, house, listener
from weirtest.settings import DEADLINE

SHIPPED = Path(__file__).resolve().parents[2] / "examples" / "prometheus"
COMPARISON = re.compile(r"\s*(==|!=|<=|>=|<|>)\s+[0-9.]+$")


def promtool(*words):
    """Asserts that promtool finds no problem; its output."""
    done = subprocess.run(["promtool", *words], cwd=SHIPPED, capture_output=True, text=True, timeout=6 * DEADLINE,
                          check=False)
    assert done.returncode == 0, done
    return done.stdout


class Prometheus:
    """A Prometheus on loopback with the shipped config; only its interval and weir's port are changed."""

    def __init__(self, folder, weir_port):
        for path in SHIPPED.glob("*.yml"):
            shutil.copy(path, folder)
        config = Path(folder, "prometheus.yml")
        text = config.read_text(encoding="ascii")
        assert "interval: 15s" in text and '"127.0.0.1:8404"' in text
        config.write_text(text.replace("interval: 15s", "interval: 200ms").replace(":8404", f":{weir_port}"), encoding="ascii")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.log = open(Path(folder, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={self.url[7:]}", "--log.level=warn"], stdout=self.log, stderr=self.log)

    def get(self, path, **parameters):
        """The answer's data, or None if Prometheus does not answer yet."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}", timeout=DEADLINE) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as problem:
            if problem.code == 503:  # it is still reading its config
                return None
            raise AssertionError((parameters, problem.read().decode())) from problem
        except (urllib.error.URLError, ConnectionError):
            assert self.process.poll() is None, self.said()
            return None

    def query(self, query):
        answer = self.get("/api/v1/query", query=query)
        return answer and answer["result"]

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def close(self):
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.log.close()


def dashboard():
    return json.loads((SHIPPED / "weir-dashboard.json").read_text(encoding="ascii"))


def queries_of_dashboard():
    """The queries as Grafana would send them: for all instances, over a short time."""
    board = dashboard()
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    found += [one["expr"] for one in board["annotations"]["list"]]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found += re.findall(r"^label_values\((.*), \w+\)$", variable["query"]["query"])
    return [one.replace("$instance", ".+").replace("$__rate_interval", "10s") for one in found]


@pytest.fixture(name="lively")
def lively_house(folder):
    """A weir in which all has happened that the queries ask for, and a Prometheus that watches it."""
    with house(workers=2, timeouts={"idle": "2s"}) as here:
        port, dead, second = here.free().sockaddr[1], here.free(), here.free()
        here.reload(
            http={"listen": f"127.0.0.1:{port}"},
            listeners=[listener("web", str(here.weir.address), max_pairs=50),
                       listener("dead", str(second), upstream="gone")],
            resolver={"servers": [str(here.free())], "timeout": "100ms", "tries": 1},
            upstreams=[{"name": "app", "check": {"every": "100ms"}, "servers": [
                {"name": "a", "address": str(here.server())}, {"name": "b", "address": str(dead)}]},
                       {"name": "gone", "discover": "dns:app.example.org:80", "servers": [
                           {"name": "c", "address": str(dead)}]}])
        client = here.client()
        exchange(client)
        peers.read_end(client)
        peers.end_of(here.client(second))
        with contextlib.closing(Prometheus(folder, port)) as prometheus:
            yield prometheus


def test_each_query_is_answered_and_not_with_nothing(lively, report):
    rules = wait.until(lambda: lively.get("/api/v1/rules"), "Prometheus")["groups"][0]["rules"]
    # Without its comparison, an alert's query must have an answer, whether or not the alert would fire.
    queries = [COMPARISON.sub("", rule["query"]) for rule in rules]
    assert all(query != rule["query"] for query, rule in zip(queries, rules))
    queries += [COMPARISON.sub("", query) for query in queries_of_dashboard()]
    left = list(queries)

    def all_answered():
        left[:] = [query for query in left if not lively.query(query)]
        return not left

    try:
        wait.until(all_answered, "an answer to each", every=0.1)
    except AssertionError as problem:
        raise AssertionError((left, lively.said())) from problem
    assert [one["value"][1] for one in lively.query('up{job="weir"}')] == ["1"]
    wait.until(lambda: [one["value"][1] for one in lively.query("weir_upstream_discovery_well")] == ["0"], "no DNS")
    report(f"{len(queries)} queries, of {len(rules)} alerts and a dashboard")


def test_rules_fire_as_their_tests_say():
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "weir.rules.yml")
    promtool("test", "rules", "weir.rules.test.yml")


def test_each_alert_has_a_test_a_severity_and_sentences_that_help():
    rules = (SHIPPED / "weir.rules.yml").read_text(encoding="ascii")
    tests = (SHIPPED / "weir.rules.test.yml").read_text(encoding="ascii")
    alerts = re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", rules, re.DOTALL)
    assert len(alerts) >= 10
    for name, text in alerts:
        assert f'alertname="{name}",alertstate="firing",severity=' in tests, name
        assert re.search(r"labels: {severity: (page|ticket)}", text), name
        assert re.search(r"summary: .*\n\s+runbook: >-\n\s+[A-Zjw].*\.\s*$", text, re.DOTALL), name


def test_each_metric_of_the_dashboard_is_in_the_manual():
    page = (SHIPPED.parents[1] / "man" / "weir-http.7").read_text(encoding="ascii")
    known = set(re.findall(r"^\.It Cm (\w+)", page, re.MULTILINE))
    for query in queries_of_dashboard():
        for name in re.findall(r"\b(?:weir|process)_\w+", query):
            assert re.sub("_bucket$", "", name) in known, query


def test_panels_of_the_dashboard_lie_beside_each_other():
    taken = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))
