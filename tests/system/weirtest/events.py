# SPDX-License-Identifier: ISC
"""All events, read from src/log/events.c: {name: its traits}."""

import re
from pathlib import Path

_TABLE = Path(__file__).resolve().parents[3] / "src" / "log" / "events.c"

EVENTS = {name: set(re.findall(r"LOG_EVENT_(\w+)", traits)) for name, traits in
          re.findall(r'^\t\{"(\w+)", (.*)\},$', _TABLE.read_text(encoding="utf-8"), re.MULTILINE)}
LINES = {name for name, traits in EVENTS.items() if "OWN" not in traits}
FOLLOWED = {name for name, traits in EVENTS.items() if "UNSEEN" not in traits}
