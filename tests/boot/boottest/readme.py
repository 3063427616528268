# SPDX-License-Identifier: ISC
"""The commands that the documents show, word for word."""

import re

from .settings import ROOT


def steps(title):
    """The commands under the heading `title` of the README, as one script."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    assert section, f"README.md has no heading {title!r}"
    blocks = re.findall(r"^```sh\n(.*?)^```$", section[2], re.M | re.S)
    assert blocks, f"there are no steps under {title!r}"
    return "".join(blocks)


def steps_of(text):
    """The commands in the comment of an example: the lines that have a tab after the #."""
    found = re.findall(r"^#\t(.*\n)", text, re.M)
    assert found, "there are no steps"
    return "".join(found)
