# SPDX-License-Identifier: ISC
"""The steps that the documents tell people to take, as they stand there."""

import re

from .settings import ROOT


def steps(title):
    """The commands in the README under the heading of that title, as one script."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    assert section, f"README.md has no heading {title!r}"
    blocks = re.findall(r"^```sh\n(.*?)^```$", section[2], re.M | re.S)
    assert blocks, f"there are no steps under {title!r}"
    return "".join(blocks)


def steps_of(text):
    """Those in the comment of an example: the lines that are set apart."""
    found = re.findall(r"^#\t(.*\n)", text, re.M)
    assert found, "there are no steps"
    return "".join(found)
