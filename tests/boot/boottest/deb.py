# SPDX-License-Identifier: ISC
"""Packages made from the one under test."""

import os
import re
import subprocess


def _dpkg_deb(*args):
    subprocess.run(["dpkg-deb", *args], stdout=subprocess.DEVNULL, check=True)


def _rewrite_control(tree, change):
    control = os.path.join(tree, "DEBIAN/control")
    with open(control, encoding="utf-8") as file:
        text = change(file.read())
    with open(control, "w", encoding="utf-8") as file:
        file.write(text)


def upgrade_of(deb, folder, *, config=None):
    """The same package with a higher version, and a default config to which `config` is added."""
    tree, new = os.path.join(folder, "tree"), os.path.join(folder, "weir_upgrade.deb")
    _dpkg_deb("--raw-extract", deb, tree)
    _rewrite_control(tree, lambda text: re.sub(r"^(Version: .*)$", r"\1+1", text, flags=re.M))
    if config is not None:
        with open(os.path.join(tree, "etc/weir/weir.conf"), "a", encoding="utf-8") as file:
            file.write(config)
    _dpkg_deb("--build", "-Znone", tree, new)
    return new


def before_the_split(deb, load_deb, folder):
    """Makes a package like weir 0.1.0-1, which had weirload in it."""
    tree, old = os.path.join(folder, "old"), os.path.join(folder, "weir_old.deb")
    _dpkg_deb("--raw-extract", deb, tree)
    _dpkg_deb("--extract", load_deb, tree)
    _rewrite_control(tree, lambda text: re.sub(
        r"^Version: .*$", "Version: 0.1.0-1", re.sub(r"^Recommends: .*\n", "", text, flags=re.M), flags=re.M))
    _dpkg_deb("--build", "-Znone", tree, old)
    return old
