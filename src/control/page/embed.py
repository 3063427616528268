#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""embed.py HTML STYLE SCRIPT: the page in one piece, and the policy that lets only that run, as C on stdout."""

import base64
import hashlib
import sys
from pathlib import Path


def source(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def main():
    html, style, script = (Path(path).read_text(encoding="utf-8") for path in sys.argv[1:])
    assert "</" not in style and "</" not in script
    page = html.replace("@style@", style).replace("@script@", script).encode()
    policy = "; ".join((
        "default-src 'none'", f"style-src {source(style)}", f"script-src {source(script)}", "img-src data:",
        "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        "require-trusted-types-for 'script'"))
    print('/* Made by embed.py. */\n#include "control/page.h"\n')
    print(f'const char page_policy[] = "{policy}";\n')
    print(f"const size_t page_n_bytes = {len(page)};\n\nconst unsigned char page_bytes[] = {{")
    for at in range(0, len(page), 24):
        print("\t" + ", ".join(str(byte) for byte in page[at:at + 24]) + ",")
    print("};")


if __name__ == "__main__":
    main()
