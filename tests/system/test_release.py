# SPDX-License-Identifier: ISC
"""A release is what the last commit is, under one version."""

import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

from weirtest.settings import DEADLINE, ROOT, SANITIZER

LACKING = [one for one in ("git", "meson", "dpkg-parsechangelog") if not shutil.which(one)]

pytestmark = pytest.mark.skipif(bool(LACKING) or SANITIZER != "",
                                reason="it is of the plain build, with git, meson and dpkg-dev")


def git(tree, *words):
    """As somebody, whoever runs the tests."""
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


def release(tree, *words):
    return subprocess.run([tree / "scripts" / "release", *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=4 * DEADLINE)


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
