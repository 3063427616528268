# SPDX-License-Identifier: ISC
"""Packages made of the one under test."""

import os
import re
import subprocess


def _dpkg_deb(*args):
    subprocess.run(["dpkg-deb", *args], stdout=subprocess.DEVNULL, check=True)


def upgrade_of(deb, folder, *, config):
    """The same package with a higher version, and a default config to which `config` is added."""
    tree, new = os.path.join(folder, "tree"), os.path.join(folder, "weir_upgrade.deb")
    _dpkg_deb("--raw-extract", deb, tree)
    control = os.path.join(tree, "DEBIAN/control")
    with open(control, encoding="utf-8") as file:
        text = file.read()
    with open(control, "w", encoding="utf-8") as file:
        file.write(re.sub(r"^(Version: .*)$", r"\1+1", text, flags=re.M))
    with open(os.path.join(tree, "etc/weir/weir.conf"), "a", encoding="utf-8") as file:
        file.write(config)
    _dpkg_deb("--build", "-Znone", tree, new)
    return new
