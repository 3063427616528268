# SPDX-License-Identifier: ISC
"""The figures as bars, in one SVG without a library."""
import statistics
from xml.sax.saxutils import escape

from benchlib.proxies import PROXIES
from benchlib.report import figure, median, ratios, values

PANELS = [  # title, part, work, key
    ("Bulk, 1 stream: CPU s per GB, less is better", "bulk", "1", "cpu_s_per_gb"),
    ("Bulk, 1 stream: GB/s, more is better", "bulk", "1", "gb_per_s"),
    ("Bulk, 8 streams: CPU s per GB, less is better", "bulk", "8", "cpu_s_per_gb"),
    ("Bulk, 8 streams: GB/s, more is better", "bulk", "8", "gb_per_s"),
    ("Request, 64 connections: CPU µs, less is better", "keepalive", "64", "cpu_us"),
    ("Request, 64 connections: p99 µs, less is better", "keepalive", "64", "p99_us"),
    ("New connection: CPU µs, less is better", "connections", "close", "cpu_us"),
    ("Idle pair after a request: bytes, less is better", "idle", "pairs", "bytes"),
]
COLUMNS = 2
WIDTH, BAR, GAP, TOP, LABEL, VALUE = 480, 18, 5, 34, 160, 130
LINE = 20
OWN, OTHER, FLOOR = "#1b6ca8", "#b8c4cc", "#dfe5e8"
LEGEND = [
    (OWN, "weir"),
    (OTHER, "the others"),
    (FLOOR, "floor: a relay without timers, limits or log, which is about what any relay in user space must cost"),
]


def color(name):
    """The color of a proxy's bar: dark for weir, pale for the floor."""
    return OWN if name.startswith("weir") else FLOOR if name.startswith("floor") else OTHER


def quartiles(found):
    """The lower and the upper quartile; both are the figure itself if there is only one round."""
    if len(found) < 2:
        return found[0], found[0]
    low, _, high = statistics.quantiles(found, n=4, method="inclusive")
    return low, high


def bars(results, part, works, key):
    """(proxy, median, quartiles, ratio to weir) for each proxy."""
    weir = values(results, part, works, "weir", key)
    found = []
    for name in PROXIES:
        own = values(results, part, works, name, key)
        if median(own) is not None:
            found.append((name, median(own), quartiles([one for one in own if one is not None]),
                          median(ratios(own, weir))))
    return found


def text(x, y, what, more=""):
    """One piece of text."""
    return f'<text x="{x}" y="{y}" {more}>{escape(what)}</text>'


def box(x, y, width, height, fill):
    """One rectangle."""
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" fill="{fill}"/>'


def whisker(low, high, y):
    """A line with two ends, from quartile to quartile."""
    return (f'<path d="M{low:.1f} {y - 4}v8m0 -4H{high:.1f}m0 -4v8" stroke="#222" fill="none"/>')


def panel(title, rows, x, y):
    """One panel with its bars, as elements."""
    largest = max(high for _, _, (_, high), _ in rows) or 1
    left, room = x + LABEL, WIDTH - LABEL - VALUE
    found = [text(x, y + 18, title, 'font-weight="bold"')]
    for number, (name, value, (low, high), ratio) in enumerate(rows):
        top = y + TOP + number * (BAR + GAP)
        words = figure(value) + (f" ({ratio:.2f} ×)" if ratio is not None else "")
        found += [text(left - 8, top + 13, PROXIES[name].title, 'text-anchor="end"'),
                  box(left, top, max(room * value / largest, 1), BAR, color(name)),
                  whisker(left + room * low / largest, left + room * high / largest, top + BAR // 2),
                  text(f"{left + room * max(value, high) / largest + 5:.1f}", top + 13, words)]
    return found


def legend(results, x, y):
    """The legend of the colours and lines, as elements."""
    found = []
    for number, (fill, words) in enumerate(LEGEND):
        found += [box(x, y + number * LINE, 24, 12, fill), text(x + 32, y + number * LINE + 10, words)]
    y += len(LEGEND) * LINE
    machine = results["machine"]
    return found + [
        whisker(x, x + 24, y + 6),
        text(x + 32, y + 10, "from the lower to the upper quartile of the rounds; a bar is their median"),
        text(x, y + 10 + LINE, "In brackets the ratio to weir, the median of the rounds' ratios. "
             f"{machine['cores']} cores of {machine['cpu']}, {machine['kernel']}", 'fill="#555"')]


def svg(results):
    """The whole picture."""
    panels = [(title, bars(results, part, works, key)) for title, part, works, key in PANELS]
    panels = [(title, rows) for title, rows in panels if rows]
    found, y = [], 10
    for at in range(0, len(panels), COLUMNS):
        line = panels[at:at + COLUMNS]
        for column, (title, rows) in enumerate(line):
            found += panel(title, rows, 10 + column * (WIDTH + 20), y)
        y += TOP + max(len(rows) for _, rows in line) * (BAR + GAP) + 16
    found += legend(results, 10, y)
    height = y + (len(LEGEND) + 2) * LINE + 10
    width = COLUMNS * (WIDTH + 20)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="{width}" height="{height}" fill="white"/>\n'
            + "\n".join(found) + "\n</svg>\n")
