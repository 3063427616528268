# SPDX-License-Identifier: ISC
"""What the caller of the tests chose: the root to boot, and the package to install."""

import glob
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]

# Made by tests/boot/prepare.
BOOT_ROOT = os.environ.get("WEIR_BOOT_ROOT", str(ROOT / "build/boot-root"))

# The same with the package, made by tests/boot/install.
WEIR_ROOT = os.environ.get("WEIR_BOOT_ROOT_INSTALLED", f"{BOOT_ROOT}-weir")

# Made by scripts/package; so is the folder that it lies in.
DEB = os.environ.get("WEIR_DEB") or next(iter(glob.glob(str(ROOT / "build/package/weir_*.deb"))), "")

# Of the same build: weirload, weirlab.
LOAD_DEB = os.path.join(os.path.dirname(DEB), os.path.basename(DEB).replace("weir_", "weir-load_", 1))
LAB_DEB = os.path.join(os.path.dirname(DEB), os.path.basename(DEB).replace("weir_", "weir-lab_", 1))

# weir, but that it can be made to stick: tests/meson.build. Built with the tests, not in the package.
STICK = os.environ.get("WEIR_STICK", str(ROOT / "build/gcc/tests/weir-stick"))

# How long anything may take that should happen at once: generous, it only ends hangs.
DEADLINE = 60.0
