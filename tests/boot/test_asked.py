# SPDX-License-Identifier: ISC
"""Requests to the service's doors, under load and in its sandbox: answers are complete, and no client notices."""

import contextlib
import http.client

from weirtest import config, exposition, peers, wait
from weirtest.asking import Connection, ask_on

from boottest import load, traffic

DOOR = ("127.0.0.1", 8404)
IDLE = "127.0.0.1:8081"  # a listener with a short idle timeout

# Metrics whose values the sandbox could hide from weir.
OF_THE_KERNEL = ("process_cpu_seconds_total", "process_virtual_memory_bytes", "process_virtual_memory_max_bytes",
                 "process_resident_memory_bytes", "process_open_fds", "process_max_fds", "process_threads",
                 "process_start_time_seconds")


def closing_connections(machine):
    """A connection to the control socket, and one to the door `http` of the config."""
    return (contextlib.closing(Connection(machine.path("/run/weir/control"))),
            contextlib.closing(http.client.HTTPConnection(*DOOR, 30)))


def scrape(machine):
    with closing_connections(machine)[0] as connection:
        return exposition.Metrics(ask_on(connection, "GET", "/metrics").text)


def ends(metrics):
    return {(labels["listener"], labels["by"], labels["reason"])
            for labels, _ in metrics.all("weir_pairs_ended_total")}


def test_scrapes_and_lists_harm_no_client_and_lack_nothing(machine):
    settings = config.relay(traffic.DEFAULT_LISTEN, traffic.DEFAULT_SERVER, name="web")
    settings["listeners"].append({**settings["listeners"][0], "name": "idle", "listen": IDLE,
                                  "timeouts": {"idle": "300ms"}})
    machine.configure({"http": {"listen": "127.0.0.1:8404"}, **settings})
    machine.systemctl("reload", "weir")
    with machine.network(), traffic.default_upstream():
        connecting, transferring = load.Connecting(traffic.DEFAULT_LISTEN), load.Transferring(traffic.DEFAULT_LISTEN)
        with load.going(connecting, transferring), contextlib.ExitStack() as stack:
            connecting.done_more(10)
            idle = stack.enter_context(traffic.client(IDLE))
            for door in closing_connections(machine):
                with door as connection:
                    for i in range(200):
                        answer = ask_on(connection, "GET", "/metrics")
                        assert answer.status == 200
                        if i % 4 == 0:
                            pairs = ask_on(connection, "GET", "/v1/pairs?tcp_info=true")
                            assert pairs.status == 200 and pairs.json["next"] is None
            assert peers.read_end(idle) == (b"", "fin")
            assert connecting.count > 10 and transferring.count > 0
        wait.until(lambda: len(ends(scrape(machine))) == 2, "all ends are counted")
    now = scrape(machine)
    assert ends(now) == {("web", "client", "eof"), ("idle", "weir", "idle")}
    assert now.get("weir_timer_lateness_seconds_count", timer="idle") == 1
    assert all(seconds > 0 for _, seconds in now.all("weir_worker_cpu_seconds_total"))
    for name in OF_THE_KERNEL:
        assert now.get(name) > 0, name
