# SPDX-License-Identifier: ISC
"""examples/cluster/up and down: what they make goes again, and the host is as it was."""

import glob
import os
import signal
import subprocess

import pytest
from clustertest.cluster import EXAMPLE, PORT, SERVICE, Cluster, run

from weirtest import wait
from weirtest.settings import DEADLINE


def host():
    """What is seen in the namespace of the host."""
    settings = [open(f"/proc/sys/net/ipv4/{one}", encoding="ascii").read()
                for one in ("ip_forward", "fib_multipath_hash_policy", "conf/all/rp_filter", "ip_nonlocal_bind")]
    return [run("ip", "-o", "link").stdout.count("\n"), run("ip", "route", "show", "table", "all").stdout,
            run("ip", "nexthop").stdout, *settings]


def left(name):
    """What is left of the cluster `name`: namespaces, and its folder."""
    return glob.glob(f"/run/netns/{name}-*") + glob.glob(f"/run/weir-cluster-{name}")


def up(name, *way, **env):
    return subprocess.Popen([EXAMPLE / "up", *way], env={**os.environ, "WEIR_CLUSTER": name, **env},
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_served(cluster):
    with cluster.tcp(1) as sock:
        sock.connect((SERVICE, PORT))
        assert sock.recv(100).endswith(b" 10.1.1.2:%d\n" % sock.getsockname()[1])


def test_two_clusters_at_once_and_nothing_is_left():
    before = host()
    with Cluster("bird") as one:
        with Cluster("bird") as other:
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
    assert process.returncode == 1 and "has ended: n1/weir" in said, said
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
