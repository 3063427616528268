# SPDX-License-Identifier: ISC
"""A release is the last commit, with the same version everywhere."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

from weirtest.settings import DEADLINE, ROOT, SANITIZER

LACKING = [one for one in ("git", "meson", "dpkg-parsechangelog") if not shutil.which(one)]

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(bool(LACKING) or SANITIZER != "",
                                 reason="it is of the plain build, with git, meson and dpkg-dev")]


def git(tree, *words):
    """Runs git with a name and an address of the test."""
    return subprocess.run(["git", "-C", tree, "-c", "user.name=t", "-c", "user.email=t@example.com", *words],
                          check=True, capture_output=True, text=True).stdout


@pytest.fixture(name="tree")
def _tree(folder):
    tree = pathlib.Path(folder) / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns("build*", ".git", "__pycache__"))
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "all: begin")
    return tree


def release(tree, *words, path=""):
    return subprocess.run([tree / "scripts" / "release", *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=20 * DEADLINE,
                          env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"})


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_tarball_has_the_files_of_the_last_commit(tree):
    done = release(tree, "--tarball")
    assert done.returncode == 0, done.stderr
    with tarfile.open(done.stdout.strip()) as tarball:
        names = {name.split("/", 1)[1] for name in (one.name for one in tarball if one.isfile())}
    assert names == set(git(tree, "ls-files").splitlines())


def test_a_tree_that_differs_from_its_commit_is_not_released(tree):
    edit(tree / "README.md", "weir", "Weir")
    done = release(tree, "--tarball")
    assert done.returncode == 1 and "commit first" in done.stderr


def test_a_version_that_the_changelogs_do_not_have_is_not_released(tree):
    text = (tree / "meson.build").read_text(encoding="utf-8")
    version = re.search(r"^  version: '(.*)',$", text, re.M).group(1)
    edit(tree / "meson.build", version, "77.0")
    git(tree, "commit", "-qam", "build: raise the version")
    done = release(tree)
    assert done.returncode == 1 and f"debian/changelog begins with {version}" in done.stderr
    edit(tree / "debian" / "changelog", version, "77.0")
    git(tree, "commit", "-qam", "debian: raise the version")
    done = release(tree)
    assert done.returncode == 1 and "write '## 77.0, " in done.stderr


def script(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh -eu\n{text}", encoding="utf-8")
    path.chmod(0o755)


def give_it_a_day(tree):
    text = (tree / "CHANGELOG.md").read_text(encoding="utf-8")
    head = re.search("^## (.*), .*$", text, re.M)
    edit(tree / "CHANGELOG.md", head.group(0), f"## {head.group(1)}, 2026-01-31")


def test_an_address_at_which_nobody_reads_is_not_released(tree):
    give_it_a_day(tree)
    (tree / "SECURITY.md").write_text("To holes@example.org.\n", encoding="utf-8")
    script(tree / "scripts" / "test", "exit 1\n")
    git(tree, "commit", "-qam", "all: release")
    done = release(tree)
    assert done.returncode == 1 and "nobody reads" in done.stderr and "SECURITY.md" in done.stderr


def test_a_release_has_every_package_and_their_sums(tree):
    """Stand-ins replace the build of the packages and the tests, which are not tested here."""
    give_it_a_day(tree)
    for file in [tree / "SECURITY.md", *(one for one in (tree / "debian").iterdir() if one.is_file())]:
        file.write_text(re.sub(r"@example\.(org|com)", "@weir.test", file.read_text(encoding="utf-8")),
                        encoding="utf-8")
    script(tree / "scripts" / "test", "true\n")
    git(tree, "commit", "-qam", "all: release")
    stand_ins = tree.parent / "stand-ins"
    script(stand_ins / "dpkg-buildpackage",
           "sed -n 's/^Package: //p' debian/control | while read -r one; do echo $one >../${one}_1_all.deb; done\n")
    packages = re.findall("^Package: (.*)$", (tree / "debian" / "control").read_text(encoding="utf-8"), re.M)
    assert len(packages) > 1
    done = release(tree, path=stand_ins)
    assert done.returncode == 0, done.stderr
    made = [pathlib.Path(line) for line in done.stdout.splitlines()]
    top = tree / "build" / "release"
    assert set(made) == set(top.iterdir())
    assert {one.name for one in made if one.suffix == ".deb"} == {f"{one}_1_all.deb" for one in packages}
    sums = (top / "SHA256SUMS").read_text(encoding="ascii")
    assert sums == "".join(f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n"
                           for one in sorted(made, key=lambda one: (one.suffix == ".deb", one.name))
                           if one.name != "SHA256SUMS")
