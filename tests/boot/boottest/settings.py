# SPDX-License-Identifier: ISC
"""Settings from the environment: the root to boot, and the package to install."""

import glob
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]

# The root; tests/boot/prepare makes it.
BOOT_ROOT = os.environ.get("WEIR_BOOT_ROOT", str(ROOT / "build/boot-root"))

# The root with the package installed; tests/boot/install makes it.
WEIR_ROOT = os.environ.get("WEIR_BOOT_ROOT_INSTALLED", f"{BOOT_ROOT}-weir")

# The package; scripts/package makes it, and its folder.
DEB = os.environ.get("WEIR_DEB") or next(iter(glob.glob(str(ROOT / "build/package/weir_*.deb"))), "")

# The packages of weirload and weirlab, from the same build.
LOAD_DEB = os.path.join(os.path.dirname(DEB), os.path.basename(DEB).replace("weir_", "weir-load_", 1))
LAB_DEB = os.path.join(os.path.dirname(DEB), os.path.basename(DEB).replace("weir_", "weir-lab_", 1))

# weir with a worker that a client can make stick (tests/meson.build). It is built with the tests, not in the package.
STICK = os.environ.get("WEIR_STICK", str(ROOT / "build/gcc/tests/weir-stick"))

# Seconds that a test waits for what should happen at once. They are many, because they only end hangs.
DEADLINE = 60.0
