# SPDX-License-Identifier: ISC
"""examples/cluster/up and down: all that "up" makes is removed again, and the host does not change."""

import contextlib
import glob
import os
import re
import signal
import subprocess

import pytest
from clustertest.cluster import EXAMPLE, PORT, SERVICE, Cluster, run

from weirtest import wait
from weirtest.settings import DEADLINE


OURS = re.compile(r"\b(10\.[012]\.\d+\.\d+|192\.0\.2\.\d+|silence)\b|: ([ncs][123]|nodes)[@:]")
LISTS = ("ip -o link", "ip -o address", "ip route show table all", "ip nexthop", "ip rule", "nft list ruleset")
SETTINGS = ("ip_forward", "fib_multipath_hash_policy", "conf/all/rp_filter", "ip_nonlocal_bind")


def host():
    """
    The traces that a cluster could leave in the namespace of the host: links, addresses, routes and rules that look
    like its own, and settings. Other programs on the host may change everything else meanwhile.
    """
    lines = [line for one in LISTS for line in run(*one.split()).stdout.splitlines() if OURS.search(line)]
    return sorted(lines), [open(f"/proc/sys/net/ipv4/{one}", encoding="ascii").read() for one in SETTINGS]


QUICK = {"ANNOUNCE_EVERY": "0.5", "ANNOUNCE_RISE": "0"}


def left(name):
    """The namespaces and the folder that are left of the cluster `name`."""
    return glob.glob(f"/run/netns/{name}-*") + glob.glob(f"/run/weir-cluster-{name}")


def down(name):
    return run(EXAMPLE / "down", env={**os.environ, "WEIR_CLUSTER": name}, check=False)


@contextlib.contextmanager
def up(name, *way, **env):
    """For `with`: "up" runs meanwhile. At the end all that it has made is removed, also if it has succeeded."""
    with subprocess.Popen([EXAMPLE / "up", *way], env={**os.environ, "WEIR_CLUSTER": name, **env},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(4 * DEADLINE)
            down(name)


def is_served(cluster):
    with cluster.tcp(1) as sock:
        sock.connect((SERVICE, PORT))
        assert sock.recv(100).endswith(b" 10.1.1.2:%d\n" % sock.getsockname()[1])


def test_two_clusters_at_once_and_nothing_is_left():
    before = host()
    with Cluster("bird", **QUICK) as one:
        with Cluster("bird", **QUICK) as other:
            assert host() == before
            for cluster in (one, other):
                is_served(cluster)
            again = run(EXAMPLE / "up", "bird", env=one.env, check=False)
            assert again.returncode == 1 and "there is a cluster" in again.stderr
        is_served(one)
    assert not left(one.name) and not left(other.name)
    assert host() == before


def test_an_up_that_fails_leaves_nothing_and_says_why():
    name = f"t{os.getpid()}failed"
    with up(name, "bird", WEIR="/bin/false") as process:
        said = process.communicate(timeout=4 * DEADLINE)[0]
        assert process.returncode == 1 and re.search("has ended: n[123]/weir", said), said
        assert not left(name)


def test_a_program_that_is_missing_is_told_before_anything_is_made():
    name = f"t{os.getpid()}missing"
    with up(name, "bird", BIRD="/nowhere/bird") as process:
        said = process.communicate(timeout=4 * DEADLINE)[0]
        assert process.returncode == 1 and said == "examples/cluster: BIRD says /nowhere/bird, which is not there\n"
        assert not left(name)


@contextlib.contextmanager
def namespace(name):
    """For `with`: a namespace in which a program runs. Yields the program."""
    run("ip", "netns", "add", name)
    try:
        with subprocess.Popen(("ip", "netns", "exec", name, "sleep", "1h"), stdin=subprocess.DEVNULL) as process:
            try:
                wait.until(lambda: run("ip", "netns", "pids", name).stdout, "it is there")
                yield process
            finally:
                process.kill()
    finally:
        run("ip", "netns", "delete", name, check=False)


def test_a_name_that_another_up_has_is_not_touched():
    name = f"t{os.getpid()}claimed"
    folder = f"/run/weir-cluster-{name}"
    os.mkdir(folder)  # another "up" has come this far
    try:
        again = run(EXAMPLE / "up", "bird", env={**os.environ, "WEIR_CLUSTER": name}, check=False)
        assert again.returncode == 1 and "there is a cluster" in again.stderr
        assert left(name) == [folder]
    finally:
        down(name)
    assert not left(name)


def test_namespaces_of_such_names_that_are_no_clusters_stay():
    name = f"t{os.getpid()}other"
    with namespace(f"{name}-n1") as process:
        with up(name, "bird") as other:
            said = other.communicate(timeout=4 * DEADLINE)[0]
        assert other.returncode == 1 and "of no cluster" in said
        assert "there is no cluster" in down(name).stderr
        assert process.poll() is None and left(name) == [f"/run/netns/{name}-n1"]


def test_what_cannot_be_removed_does_not_keep_the_rest():
    name = f"t{os.getpid()}stuck"
    folder, stuck = f"/run/weir-cluster-{name}", f"/run/netns/{name}-router"
    with namespace(f"{name}-n1") as process:
        os.mkdir(folder)
        os.mkdir(stuck)
        try:
            assert down(name).returncode == 1
            assert process.wait(DEADLINE) and sorted(left(name)) == [stuck, folder]
        finally:
            os.rmdir(stuck)
            assert down(name).returncode == 0
    assert not left(name)


def test_an_up_that_is_interrupted_leaves_nothing():
    name = f"t{os.getpid()}stopped"
    with up(name, "bird") as process:
        wait.until(lambda: left(name), "it has begun")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=4 * DEADLINE)
        assert process.returncode == 143
        assert not left(name)


@pytest.mark.parametrize("argument", (
    pytest.param("", marks=pytest.mark.bare), pytest.param("nothing", marks=pytest.mark.bare), "bird plain extra"))
def test_what_is_no_way_is_told(argument):
    done = run(EXAMPLE / "up", *argument.split(), check=False, env={**os.environ, "WEIR_CLUSTER": "weirtestnone"})
    assert done.returncode == 2 and "usage" in done.stderr
    assert not left("weirtestnone")


@pytest.mark.bare
def test_who_is_not_root_is_told_the_ways():
    nobody = () if os.geteuid() else ("setpriv", "--reuid=65534", "--clear-groups")
    done = run(*nobody, EXAMPLE / "up", "bird", check=False)
    assert done.returncode == 1 and "sudo" in done.stderr and "unshare" in done.stderr
