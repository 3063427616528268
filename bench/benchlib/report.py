# SPDX-License-Identifier: ISC
"""Makes medians, ratios, verdicts and Markdown from the rounds."""
import datetime
import statistics

from benchlib.proxies import PROXIES


def values(results, part, works, proxy, key):
    """The figure in each round; None for a round without it."""
    found = []
    for steps in results["parts"].get(part, {}).get("rounds", []):
        one = next((step for step in steps if step["proxy"] == proxy and step["work"] == works), {})
        for name in key.split("/"):
            one = one.get(name) if isinstance(one, dict) else None
        found.append(one)
    return found


def median(found):
    """The median of the figures that are not None; None if there are none."""
    found = [one for one in found if one is not None]
    return statistics.median(found) if found else None


def spread(found):
    """The distance of the quartiles; None if fewer than two rounds have a figure."""
    found = [one for one in found if one is not None]
    if len(found) < 2:
        return None
    low, _, high = statistics.quantiles(found, n=4, method="inclusive")
    return high - low


ROUNDS_TO_JUDGE = 3
# These figures say more by themselves than as a ratio.
PLAIN = {"pairs", "wakeups_per_s", "cpu_us_per_s"}


def ratios(upper, lower):
    """The ratio in each round in which both have a figure."""
    return [a / b for a, b in zip(upper, lower) if a is not None and b]


def figure(value):
    """The figure with three significant digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value >= 0.001 else "0"


# ---- the tables of what was measured ----

def cell(found, weir):
    """Median ± half the spread between rounds, and the ratio to weir."""
    if median(found) is None:
        return "–"
    width = spread(found)
    text = figure(median(found)) + (f" ± {figure(width / 2)}" if width is not None else "")
    ratio = median(ratios(found, weir))
    return text if found is weir or ratio is None else f"{text}, {ratio:.2f} ×"


def bulk_columns(works):
    """The columns of one number of streams in one direction."""
    return [("CPU s per GB", works, "cpu_s_per_gb"), ("GB/s", works, "gb_per_s")]


def wrk_columns(works, what):
    """The columns of one number of connections."""
    return [("CPU µs each", works, "cpu_us"), (f"{what}/s", works, "per_s"), ("p99 µs", works, "p99_us")]


def cpu_columns(works, what):
    """A column of processor time for each number of `what`."""
    return [(f"{int(one):,} {what}{'s' if one != '1' else ''}: CPU µs each", one, "cpu_us") for one in works]


def growth_columns(results, key, skipped):
    """A column for each number of pairs that was measured, without the first `skipped`."""
    rounds = results["parts"].get("growth", {}).get("rounds") or [[{}]]
    counts = sorted({int(name) for step in rounds[0] for name in step if name.isdigit()})
    return [(f"{count:,} pairs", "64", f"{count}/{key}") for count in counts[skipped:]]


def tables(results):
    """(part, title, columns of (heading, work, key)) for each table; none is too wide to be read."""
    return [
        ("bulk", "Bulk, client to server, 1 stream", bulk_columns("1")),
        ("bulk", "Bulk, client to server, 8 streams", bulk_columns("8")),
        ("bulk", "Bulk, server to client, 1 stream", bulk_columns("1-reverse")),
        ("bulk", "Bulk, server to client, 8 streams", bulk_columns("8-reverse")),
        ("bulk-root", "Bulk, client to server, 1 stream, proxies run by root", bulk_columns("1")),
        ("keepalive", "Requests on 1 connection that stays", wrk_columns("1", "requests")),
        ("keepalive", "Requests on 64 connections that stay", wrk_columns("64", "requests")),
        ("connections", "A new connection for each request, 64 at a time", wrk_columns("close", "connections")),
        ("workers", "One worker, and two: a new connection for each request; requests on 64 connections",
         [("CPU µs per connection", "close", "cpu_us"), ("connections/s", "close", "per_s"),
          ("CPU µs per request", "64", "cpu_us"), ("requests/s", "64", "per_s")]),
        ("balance", "A new connection for each request, with servers in rotation", cpu_columns(("1", "8", "1000"), "server")),
        ("proxy", "A new connection with a PROXY header in and out", wrk_columns("close", "connections")),
        ("sni", "A new connection that is routed by its name, one of so many", cpu_columns(("10", "10000"), "name")),
        ("idle", "Idle pairs",
         [("pairs", "pairs", "pairs"), ("bytes per pair, silent", "pairs", "bytes_silent"),
          ("after a request", "pairs", "bytes"), ("wake-ups/s, all", "pairs", "wakeups_per_s"),
          ("CPU µs per s, all", "pairs", "cpu_us_per_s")]),
        ("growth", "Requests on 64 connections, beside idle pairs: CPU µs each",
         growth_columns(results, "cpu_us", 0)),
        ("growth", "Idle pairs beside 64 busy connections: bytes per pair",
         growth_columns(results, "bytes", 1)),
    ]


def table(results, part, columns):
    """One table as lines of Markdown."""
    steps = [step["proxy"] for steps in results["parts"][part]["rounds"] for step in steps]
    names = [name for name in PROXIES if name in steps]
    lines = ["| | " + " | ".join(heading for heading, _, _ in columns) + " |",
             "|" + "---|" * (len(columns) + 1)]
    for name in names:
        cells = []
        for _, works, key in columns:
            weir = values(results, part, works, "weir", key)
            found = weir if name == "weir" else values(results, part, works, name, key)
            cells.append(cell(found, found if key in PLAIN else weir))
        lines.append(f"| {PROXIES[name].title} | " + " | ".join(cells) + " |")
    return lines


# ---- the targets ----

class Target:
    """One limit for the ratio of weir's figure to a peer's, or for the figure itself."""

    def __init__(self, title, part, works, key, limit, peers=(), at_least=False, base=None,
                 besides=None, proxy="weir"):
        self.title = title
        self.part = part
        self.works = works
        self.key = key
        self.limit = limit
        self.peers = peers
        self.at_least = at_least
        self.base = base
        self.besides = besides
        self.proxy = proxy

    def reached(self, results):
        """The figure of each round that is compared with the limit."""
        own = values(results, self.part, self.works, self.proxy, self.key)
        if self.base:
            return ratios(own, values(results, self.part, self.works, self.proxy, self.base))
        if self.besides:
            return ratios(own, values(results, self.part, self.besides, self.proxy, self.key))
        if not self.peers:
            return [one for one in own if one is not None]
        peers = zip(*(values(results, self.part, self.works, one, self.key) for one in self.peers))
        return ratios(own, [None if None in row else max(row) for row in peers])

    def verdict(self, found):
        """The verdict in words; a limit that is nearer than the spread cannot be judged."""
        middle, width = median(found), spread(found)
        if len(found) < ROUNDS_TO_JUDGE:
            return "too few rounds to judge"
        if abs(middle - self.limit) < width:
            return "too close to tell"
        return "pass" if (middle >= self.limit) == self.at_least or middle == self.limit else "fail"


def bulk_targets(works, words, spliced):
    """The targets of one direction; `spliced` is the limit for the ratio to an HAProxy that splices, too."""
    def target(what, key, limit, peer, at_least=False):
        return Target(f"{words}: {what}, to {PROXIES[peer].title}", "bulk", works, key, limit,
                      (peer,), at_least)
    cpu, rate = ("CPU per GB", "cpu_s_per_gb"), ("GB/s", "gb_per_s")
    return [target(*cpu, 0.40, "haproxy"), target(*cpu, spliced, "haproxy-splice"),
            target(*cpu, 0.40, "nginx"), target(*cpu, 0.95, "socket-proxyd"),
            target(*cpu, 1.08, "floor-splice"), target(*rate, 1.5, "haproxy", True),
            target(*rate, 1.15, "haproxy-splice", True), target(*rate, 1.0, "socket-proxyd", True)]


def wrk_targets(part, works, words, limits):
    """The targets of CPU against HAProxy, nginx and the floor."""
    return [Target(f"{words}: CPU, to {PROXIES[peer].title}", part, works, "cpu_us", limit, (peer,))
            for peer, limit in zip(("haproxy", "nginx", "floor"), limits)]


def targets(results):
    """All targets, in the order of the tables."""
    pairs = str(results["parts"].get("growth", {}).get("pairs"))
    found = (bulk_targets("1", "bulk, 1 stream", 0.65)
             + bulk_targets("1-reverse", "bulk back, 1 stream", 0.75))
    for works, words in (("64", "request, 64 connections"), ("1", "request, 1 connection")):
        found += wrk_targets("keepalive", works, words, (0.95, 1.0, 1.08))
        found.append(Target(f"{words}: p99, to the worse of HAProxy and nginx", "keepalive", works,
                            "p99_us", 1.0, ("haproxy", "nginx")))
    found += wrk_targets("connections", "close", "new connection", (0.97, 1.0, 1.12))
    found += [Target("new connection, 8 servers: CPU, to HAProxy", "balance", "8", "cpu_us", 0.97,
                     ("haproxy",)),
              Target("new connection, 8 servers: CPU, to nginx", "balance", "8", "cpu_us", 1.0,
                     ("nginx",)),
              Target("new connection, CPU, 1,000 servers to 1", "balance", "1000", "cpu_us", 1.02,
                     besides="1")]
    found += [Target("PROXY in and out: CPU, to HAProxy", "proxy", "close", "cpu_us", 1.05, ("haproxy",)),
              Target("routed by name: CPU, to HAProxy", "sni", "10", "cpu_us", 1.0, ("haproxy",)),
              Target("routed by name: CPU, to nginx", "sni", "10", "cpu_us", 1.0, ("nginx",)),
              Target("routed by name: CPU, 10,000 names to 10", "sni", "10000", "cpu_us", 1.05, besides="10")]
    found += [Target("idle pair: bytes, silent", "idle", "pairs", "bytes_silent", 1024),
              Target("idle pair: bytes, after a request", "idle", "pairs", "bytes", 1024),
              Target("all idle pairs: wake-ups a second", "idle", "pairs", "wakeups_per_s", 2)]
    return found + [
        Target(f"request beside {pairs} idle pairs, to 10{words}", "growth", "64",
               f"{pairs}/cpu_us", 1.10, base="10/cpu_us", proxy=proxy)
        for proxy, words in (("weir", ""), ("weir-2", ", 2 workers"))]


def verdicts(results):
    """The targets for which there are figures, as lines of Markdown."""
    lines = ["| weir's figure, or its ratio | limit | reached | verdict |", "|---|---|---|---|"]
    for target in targets(results):
        found = target.reached(results)
        if found:
            limit = f"{'≥' if target.at_least else '≤'} {figure(target.limit)}"
            ratio = " ×" if target.peers or target.base or target.besides else ""
            lines.append(f"| {target.title} | {limit}{ratio} | {cell(found, found)}{ratio} | "
                         f"{target.verdict(found)} |")
    return lines


# ---- the table for a reader in a hurry ----

# (what, part, work, key, format of the figure, the HAProxy that is shown)
SHORT = [
    ("memory of an idle pair", "idle", "pairs", "bytes", lambda value: f"{value:,.0f} bytes", "haproxy"),
    ("CPU, bulk from client to server", "bulk", "1", "cpu_s_per_gb", lambda value: f"{value:.2f} s/GB", "haproxy-splice"),
    ("CPU of a request, one connection", "keepalive", "1", "cpu_us", lambda value: f"{value:.1f} µs", "haproxy"),
    ("CPU of a new connection, 8 servers in rotation", "balance", "8", "cpu_us", lambda value: f"{value:.0f} µs", "haproxy"),
    ("CPU of a connection routed by its TLS name, one of 10,000", "sni", "10000", "cpu_us",
     lambda value: f"{value:.0f} µs", "haproxy"),
    ("64 connections: 99 % of the requests within", "keepalive", "64", "p99_us",
     lambda value: f"{value / 1000:.2f} ms", "haproxy"),
]


def short(results):
    """The most important medians, and where and when they were measured, as Markdown."""
    day = datetime.date.fromtimestamp(max(part["began"] for part in results["parts"].values()))
    minor = {name: ".".join(text.split(".")[:2]) for name, text in results["versions"].items()}
    lines = [f"Measured on {results['machine']['cores']} processors of {results['machine']['cpu']} on {day}, all three "
             "proxies in the same run:", "",
             f"| | weir | HAProxy {minor['HAProxy']} | nginx {minor['nginx']} |", "|---|---|---|---|"]
    for what, part, works, key, say, haproxy in SHORT:
        found = [say(median(values(results, part, works, name, key))) for name in ("weir", haproxy, "nginx")]
        if haproxy == "haproxy-splice":
            found[1] += ", splicing"
        lines.append(f"| {what} | {' | '.join(found)} |")
    return "\n".join(lines) + "\n"


# ---- the page ----

def heading(results):
    """Lines that say where, when and with what it was measured."""
    machine = results["machine"]
    versions = "; ".join(f"{name} {text}" for name, text in results["versions"].items())
    return [f"Measured on {machine['cores']} cores of {machine['cpu']}, "
            f"{machine['memory_mib']:,} MiB, {machine['kernel']}, by `bench/peers`: clients, proxy and "
            f"server share the cores, on loopback, nothing pinned. Versions: {versions}.", "",
            "A figure is the median of the rounds ± half of what lies between their quartiles; the "
            "ratio that follows is to weir, the median of the rounds' ratios."]


def page(results):
    """The whole page, as Markdown."""
    lines = [*heading(results), "", "**Targets**", "", *verdicts(results)]
    for part, title, columns in tables(results):
        kept = results["parts"].get(part)
        if kept:
            count = len(kept["rounds"])
            lines += ["", f"**{title}** ({count} round{'s' if count > 1 else ''} of "
                      f"{kept['seconds']} s)", "",
                      *table(results, part, columns)]
    return "\n".join(lines) + "\n"
