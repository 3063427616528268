# SPDX-License-Identifier: ISC
"""What the caller of the tests chose: which binary, how large the counts, which sanitizer."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]

WEIR = os.environ.get("WEIR", str(ROOT / "build" / "weir"))

# Counts are divided by this: 1 for a plain build, 10 under sanitizers.
SCALE = int(os.environ.get("WEIR_SCALE", "1"))

# "asan", "tsan" or "": memory and processor time mean something in a plain build only.
SANITIZER = os.environ.get("WEIR_SANITIZER", "")

# "off": no daemon splices whose config does not say otherwise, so that all is copied.
SPLICE = os.environ.get("WEIR_SPLICE", "auto")

# How long anything may take that should happen at once. Generous: it ends hangs and judges nothing.
DEADLINE = 120.0 if SANITIZER else 30.0

# What was due and comes later than this has not come by itself. How late it was is printed, and judged in bench/:
# here it says when this machine had time.
LATE = 10.0


def scaled(count, least=1):
    """`count` of the plain build, as many as this build is meant to stand."""
    return max(count // SCALE, least)
