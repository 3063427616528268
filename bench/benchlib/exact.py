# SPDX-License-Identifier: ISC
"""Makes one table and one plot from the rounds of bench/timeouts: how exact timers are."""
import collections
import math
import statistics
import textwrap

from benchlib.plot import BAR, FLOOR, GAP, LINE, OTHER, OWN, TOP, box, text
from benchlib.timers import PROXIES, SCENARIOS

HEAD = "| timer | proxy | pairs a round | early | never | p50 | p99 | last | client | server |"
RULE = "|" + "---|" * (HEAD.count("|") - 1)
WIDEST = 120
BARE = "*a bare timer*"


# ---- what the rounds say ----

def merged(rounds):
    """The deviations of all rounds as one list of (us, how many), ascending."""
    found = collections.Counter()
    for one in rounds:
        found.update(dict(one["deviations_us"]))
    return sorted(found.items())


def percentile(deviations, percent):
    """The deviation that `percent` of them do not exceed."""
    wanted = sum(count for _, count in deviations) * percent / 100
    seen = 0
    for us, count in deviations:
        seen += count
        if seen >= wanted:
            return us
    return deviations[-1][0]


def share(part, whole):
    """The share in per cent; one that is small, but not 0, is "< 0.1 %"."""
    if not part or not whole:
        return "0"
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %" if percent >= 0.05 else "< 0.1 %"


def total(rounds, *keys):
    """The sum over the rounds of the value under these nested keys."""
    found = 0
    for one in rounds:
        for key in keys:
            one = one[key]
        found += one
    return found


def ms(us):
    """Microseconds as a cell's milliseconds."""
    return f"{us / 1000:.1f} ms"


def ends(rounds, side):
    """How most connections were closed: FIN, RST or error; and the share of each other way."""
    counts = {name.upper(): total(rounds, side, name) for name in ("fin", "rst", "error")}
    seen = {name: count for name, count in counts.items() if count}
    if not seen:
        return "–"
    common = max(seen, key=seen.get)
    rest = [f"{share(count, sum(seen.values()))} {name}" for name, count in seen.items() if name != common]
    return ", ".join([common, *rest])


def row(title, proxy, rounds):
    """One line of the table, for all rounds together."""
    deviations = merged(rounds)
    opened = total(rounds, "opened")
    judged = opened - sum(one.get("void", 0) for one in rounds)  # older results do not count the void ones
    times = [ms(percentile(deviations, one)) for one in (50, 99, 100)] if deviations else ["–"] * 3
    shares = [share(total(rounds, key), judged) if judged > 0 else "–" for key in ("early", "never")]
    cells = [title, proxy, str(rounds[0]["connections"]), *shares, *times, ends(rounds, "client"), ends(rounds, "server")]
    return "| " + " | ".join(cells) + " |"


def bare_row(rounds):
    """The line of the process that only sleeps."""
    deviations = merged(rounds)
    return "| " + " | ".join([BARE, "–", "–", "0", "0", *(ms(percentile(deviations, one)) for one in (50, 99, 100)),
                              "–", "–"]) + " |"


def beside(told):
    """The notes on single scenarios, as a list."""
    lines = []
    for name, what, unit, key in (("mixed", "Messages of the busy pair, p99", "ms", "busy_p99_us"),
                                  ("stall", "A stalled pair keeps in the proxy and its kernel's buffers", "KiB",
                                   "held_bytes")):
        found = []
        for proxy, rounds in told["scenarios"].get(name, {}).items():
            values = [one[key] for one in rounds if one.get(key)]
            if values:
                scale = 1000 if unit == "ms" else 1024
                found.append(f"{PROXIES[proxy].title} {statistics.median(values) / scale:,.{1 if unit == 'ms' else 0}f}")
        if found:
            lines.append(f"- {what}, in {unit} (medians of the rounds): {', '.join(found)}.")
    return lines


def conditions(told):
    """Notes on the scenarios, on where they were measured, and on how late the machine was."""
    machine = told["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    rounds = f"{told['rounds']} round{'s' if told['rounds'] > 1 else ''}"
    delay = max((one["delay_p99_us"] for proxies in told["scenarios"].values() for rounds in proxies.values()
                 for one in rounds if one["delay_p99_us"] is not None), default=0)
    stolen = statistics.median(told["stolen_ms"]) if told["stolen_ms"] else 0
    return [*(f"- *{SCENARIOS[name].short}*: {SCENARIOS[name].title}." for name in told["scenarios"]),
            f"- {rounds} on {told['date']}, every timer at {told['seconds']:g} s, on {machine['cores']} "
            f"processors of {machine['cpu']}, {machine['kernel']}; weir {told['weir']}, {versions}.",
            f"- weirload's own loop was late by at most {ms(delay)} at p99, and {stolen:.0f} ms of a round were taken "
            "from this virtual machine by its host (median)."]


def page(told):
    """The table and its notes, in Markdown."""
    lines = [HEAD, RULE]
    if told["bare"]:
        lines.append(bare_row(told["bare"]))
    for name, proxies in told["scenarios"].items():
        lines += [row(SCENARIOS[name].short, PROXIES[proxy].title, rounds) for proxy, rounds in proxies.items()]
    notes = [textwrap.fill(one, WIDEST, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
             for one in (*conditions(told), *beside(told))]
    return "\n".join([*lines, "", *notes, ""])


# ---- the plot ----

COLUMNS = 2
WIDTH, LABEL = 560, 150
ROOM = WIDTH - LABEL - 30
LEAST_MS, MOST_MS = 0.1, 10000
TICKS = [-1000, -100, -10, -1, 0, 1, 10, 100, 1000]
AXIS = 26


def place(us):
    """The place of a deviation on the axis, from 0 to 1: linear within 0.1 ms, logarithmic beyond."""
    ms_abs = min(abs(us) / 1000, MOST_MS)
    reach = math.log10(1 + MOST_MS / LEAST_MS)
    return 0.5 + math.copysign(math.log10(1 + ms_abs / LEAST_MS) / reach, us) / 2


def line(x1, y1, x2, y2, stroke, width=1):
    """One straight line."""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{stroke}" stroke-width="{width}" fill="none"/>'


def mark(left, top, deviations, fill):
    """Draws a line from the first deviation to the last, a box from p1 to p99, and a stroke at the median."""
    at = {one: left + ROOM * place(percentile(deviations, one)) for one in (1, 50, 99, 100)}
    first = left + ROOM * place(deviations[0][0])
    middle = top + BAR / 2
    return [line(first, middle, at[100], middle, "#222"),
            box(at[1], top + 3, max(at[99] - at[1], 1.5), BAR - 6, fill),
            line(at[50], top + 1, at[50], top + BAR - 1, "#222", 2)]


def axis(left, top, bottom):
    """The ticks of one panel, and the line at the exact time."""
    found = []
    for tick in TICKS:
        x = left + ROOM * place(tick * 1000)
        found.append(line(x, top, x, bottom, "#c33" if tick == 0 else "#ddd", 1.5 if tick == 0 else 1))
        if abs(tick) != 100:  # no room beside the next one
            found.append(text(f"{x:.1f}", bottom + 14, f"{tick:+d}" if tick else "0",
                              'text-anchor="middle" fill="#555"'))
    return found


def panel(title, rows, x, y):
    """The panel of one timer, with a line for each proxy."""
    left, bottom = x + LABEL, y + TOP + len(rows) * (BAR + GAP)
    found = [text(x, y + 18, title, 'font-weight="bold"'), *axis(left, y + TOP - 4, bottom)]
    for number, (name, rounds) in enumerate(rows):
        top = y + TOP + number * (BAR + GAP)
        title = PROXIES[name].title if name in PROXIES else "a bare timer"
        fill = OWN if name == "weir" else OTHER if name in PROXIES else FLOOR
        found.append(text(left - 8, top + 13, title, 'text-anchor="end"'))
        deviations = merged(rounds)
        if deviations:
            found += mark(left, top, deviations, fill)
        else:
            found.append(text(left + 6, top + 13, "never closed", 'fill="#555"'))
    return found


def legend(told, x, y):
    """The legend of the plot."""
    found = [box(x, y, 24, 12, OWN), text(x + 32, y + 10, "weir"), box(x + 90, y, 24, 12, OTHER),
             text(x + 122, y + 10, "the others"), box(x + 220, y, 24, 12, FLOOR),
             text(x + 252, y + 10, "a process that only sleeps until each time: what the machine itself is late")]
    y += LINE
    found += [line(x, y + 6, x + 24, y + 6, "#222"), box(x + 5, y + 1, 12, 10, OTHER),
              line(x + 9, y - 1, x + 9, y + 13, "#222", 2),
              text(x + 32, y + 10, "a line from the first close to the last of all rounds, a box from the 1st to the "
                   "99th percentile, a stroke at the median")]
    y += LINE
    found.append(line(x + 12, y - 1, x + 12, y + 13, "#c33", 1.5))
    found.append(text(x + 32, y + 10, f"the exact time: early is left of it, late is right; in ms, of {told['seconds']:g} "
                      "s, on a scale that is logarithmic beyond 0.1 ms"))
    return found


def svg(told):
    """The whole picture."""
    panels = [(f"{SCENARIOS[name].short}: {SCENARIOS[name].title}", list(proxies.items())) for name, proxies in told["scenarios"].items()]
    if panels and told["bare"]:
        panels[0][1].append(("bare", told["bare"]))
    found, y = [], 10
    for at in range(0, len(panels), COLUMNS):
        beside_each_other = panels[at:at + COLUMNS]
        for column, (title, rows) in enumerate(beside_each_other):
            found += panel(title, rows, 10 + column * WIDTH, y)
        y += TOP + max(len(rows) for _, rows in beside_each_other) * (BAR + GAP) + AXIS
    found += legend(told, 10, y)
    height, width = y + 3 * LINE + 10, COLUMNS * WIDTH + 10
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(found) + "\n</svg>\n")
