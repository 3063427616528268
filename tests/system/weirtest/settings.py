# SPDX-License-Identifier: ISC
"""What the environment of the tests sets: the binary, the size of counts, the sanitizer."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]

WEIR = os.environ.get("WEIR", str(ROOT / "build" / "weir"))

# Counts are divided by this: 1 for a plain build, 10 under sanitizers.
SCALE = int(os.environ.get("WEIR_SCALE", "1"))

# "asan", "tsan" or "": memory and processor time mean something in a plain build only.
SANITIZER = os.environ.get("WEIR_SANITIZER", "")

# "off": a daemon copies all bytes, unless the config of a test sets `splice`.
SPLICE = os.environ.get("WEIR_SPLICE", "auto")

# Seconds that something may take which should happen at once. They are generous, as they only end hangs.
DEADLINE = 120.0 if SANITIZER else 30.0

# Seconds: an end that is later than this was not caused by its timer. The tests print smaller delays, which depend on
# this machine, and do not judge them: bench/ does.
LATE = 10.0


def scaled(count, least=1):
    """The count for this build, made from that of the plain build."""
    return max(count // SCALE, least)
