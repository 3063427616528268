# SPDX-License-Identifier: ISC
"""The works that bench/peers does through each proxy. Each returns its figures by name."""
import json
import os
import re
import resource
import socket
import subprocess
import time

from benchlib.cost import Spent
from benchlib.host import free_port, running

UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}
SETTLE_S = 3
REQUEST = b"GET / HTTP/1.1\r\nHost: weir\r\n\r\n"


def bulk(stage, proxy, user, streams, reverse):
    """iperf3 through the proxy; with -R the server sends."""
    seconds = stage.args.seconds
    server = free_port()
    iperf = ["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", str(server)]
    with running("iperf3", iperf, server, stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL), \
            stage.run(proxy, server, user) as (port, account):
        with Spent(account) as spent:
            done = subprocess.run(
                ["iperf3", "-J", "-c", "127.0.0.1", "-p", str(port), "-t", str(seconds),
                 "-P", str(streams), *(["-R"] if reverse else [])],
                capture_output=True, text=True, check=False, timeout=30 + 3 * seconds)
    told = json.loads(done.stdout)
    if "error" in told:
        raise RuntimeError(f"iperf3 through {proxy.name}: {told['error']}")
    received = told["end"]["sum_received"]
    if received["bytes"] == 0:
        raise RuntimeError(f"iperf3 got nothing through {proxy.name}")
    gigabytes = received["bytes"] / 1e9
    return {"gb_per_s": gigabytes / received["seconds"], "cpu_s_per_gb": spent.seconds / gigabytes,
            "cpu_share": spent.seconds / received["seconds"]}


def wrk(port, account, seconds, connections, close=False):
    """wrk through the proxy at this port."""
    header = ["-H", "Connection: close"] if close else []
    with Spent(account) as spent:
        done = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *header,
             f"http://127.0.0.1:{port}/"],
            capture_output=True, text=True, check=False, timeout=30 + 3 * seconds)
    count = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", done.stdout)
    bad = re.search(r"Non-2xx.*|Socket errors: .*", done.stdout)
    if not count or not p99 or count.group(1) == "0" or (bad and not close):
        raise RuntimeError(f"wrk: {bad.group() if bad else done.stderr or done.stdout}")
    return {"per_s": float(rate.group(1)), "cpu_us": spent.seconds * 1e6 / int(count.group(1)),
            "p99_us": float(p99.group(1)) * UNITS[p99.group(2)],
            "cpu_share": spent.seconds / seconds}


def opened(stage, port, account, first):
    """Connections that each send these bytes and read to the end; 64 at a time."""
    path = os.path.join(stage.folder, "first")
    with open(path, "wb") as file:
        file.write(first)
    if not stage.build(stage.opener):
        raise RuntimeError("bench/opener.c could not be built")
    seconds = stage.args.seconds
    with Spent(account) as spent:
        done = subprocess.run([stage.opener, str(port), "64", str(seconds), path],
                              capture_output=True, text=True, check=True, timeout=30 + 3 * seconds)
    count, failed, p99 = done.stdout.split()
    if count == "0" or failed != "0":
        raise RuntimeError(f"{count} connections were answered, {failed} were not")
    return {"per_s": int(count) / seconds, "cpu_us": spent.seconds * 1e6 / int(count), "p99_us": float(p99),
            "cpu_share": spent.seconds / seconds}


class Pairs:
    """Connections through a proxy that stay open and, but for one request, silent."""

    def __init__(self, proxy, port, account):
        self.fds_a_pair = proxy.fds_a_pair
        self.port = port
        self.account = account
        self.socks = []
        self.fds_at_first = account.fds()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        for sock in self.socks:
            sock.close()

    def open_up_to(self, count):
        """Opens connections until there are `count`, and waits until the proxy has connected them all."""
        while len(self.socks) < count:
            self.socks.append(socket.create_connection(("127.0.0.1", self.port), timeout=10))
        end = time.monotonic() + 30
        while self.account.fds() < self.fds_at_first + self.fds_a_pair * count:
            if time.monotonic() > end:
                raise RuntimeError("the proxy does not connect all pairs")
            time.sleep(0.05)

    def ask(self):
        """Sends one request on each connection, and reads the answers."""
        for sock in self.socks:
            sock.sendall(REQUEST)
        for sock in self.socks:
            if not sock.recv(4096).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("a pair does not answer")


def most_pairs(proxy, args):
    """How many pairs the proxy can hold with the files that it may open."""
    return min(args.pairs, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // proxy.fds_a_pair)


def idle(stage, proxy, user, origin):
    """Memory and wake-ups of idle pairs."""
    count = most_pairs(proxy, stage.args)
    seconds = 2 * stage.args.seconds
    with stage.run(proxy, origin, user) as (port, account), Pairs(proxy, port, account) as pairs:
        pairs.open_up_to(10)
        pairs.ask()
        first = account.own_bytes()
        pairs.open_up_to(count)
        time.sleep(SETTLE_S)
        silent = account.own_bytes() - first
        pairs.ask()
        time.sleep(SETTLE_S)
        wakeups = account.wakeups()
        with Spent(account) as spent:
            time.sleep(seconds)
        return {"pairs": count, "bytes_silent": silent / (count - 10),
                "bytes": (account.own_bytes() - first) / (count - 10),
                "wakeups_per_s": (account.wakeups() - wakeups) / seconds,
                "cpu_us_per_s": spent.seconds * 1e6 / seconds}


def levels(args):
    """The numbers of idle pairs beside which growth() measures."""
    return [count for count in (10, 100, 1000) if count < args.pairs] + [args.pairs]


def growth(stage, proxy, user, origin):
    """The cost of a request beside more and more idle pairs, and the memory of those pairs."""
    told = {}
    with stage.run(proxy, origin, user) as (port, account), Pairs(proxy, port, account) as pairs:
        for count in levels(stage.args):
            pairs.open_up_to(count)
            pairs.ask()
            time.sleep(1)
            told[str(count)] = {"own_bytes": account.own_bytes(),
                                **wrk(port, account, stage.args.seconds, 64)}
    least, *more = told
    for count in more:
        told[count]["bytes"] = (told[count]["own_bytes"] - told[least]["own_bytes"]) / (
            int(count) - int(least))
    return told
