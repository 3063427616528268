# SPDX-License-Identifier: ISC
"""The figures as bars, in one SVG without a library."""
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
WIDTH, BAR, GAP, TOP, LABEL, VALUE = 480, 18, 5, 34, 160, 110
OWN, OTHER, FLOOR = "#1b6ca8", "#b8c4cc", "#dfe5e8"


def color(name):
    """weir's bars stand out, the floor's stand back."""
    return OWN if name.startswith("weir") else FLOOR if name.startswith("floor") else OTHER


def bars(results, part, works, key):
    """Each (proxy, median, ratio to weir)."""
    weir = values(results, part, works, "weir", key)
    found = []
    for name in PROXIES:
        own = values(results, part, works, name, key)
        if median(own) is not None:
            found.append((name, median(own), median(ratios(own, weir))))
    return found


def text(x, y, what, more=""):
    """One piece of text."""
    return f'<text x="{x}" y="{y}" {more}>{escape(what)}</text>'


def panel(title, rows, x, y):
    """One panel with its bars, as elements."""
    largest = max(value for _, value, _ in rows)
    room = WIDTH - LABEL - VALUE
    found = [text(x, y + 18, title, 'font-weight="bold"')]
    for number, (name, value, ratio) in enumerate(rows):
        top = y + TOP + number * (BAR + GAP)
        width = max(room * value / largest, 1) if largest > 0 else 1
        words = figure(value) + (f" ({ratio:.2f} ×)" if ratio is not None else "")
        found += [text(x + LABEL - 8, top + 13, PROXIES[name].title, 'text-anchor="end"'),
                  f'<rect x="{x + LABEL}" y="{top}" width="{width:.1f}" height="{BAR}" '
                  f'fill="{color(name)}"/>',
                  text(f"{x + LABEL + width + 5:.1f}", top + 13, words)]
    return found


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
    machine = results["machine"]
    found.append(text(10, y + 8, f"Medians; in brackets the ratio to weir. {machine['cores']} cores "
                      f"of {machine['cpu']}, {machine['kernel']}", 'fill="#555"'))
    width = COLUMNS * (WIDTH + 20)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 20}" '
            f'viewBox="0 0 {width} {y + 20}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="{width}" height="{y + 20}" fill="white"/>\n'
            + "\n".join(found) + "\n</svg>\n")
