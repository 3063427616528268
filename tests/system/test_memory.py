# SPDX-License-Identifier: ISC
"""weir short of memory: a start fails and says so, a reload says so and changes nothing; no pair is lost."""

import os
import resource
import subprocess
import time

import pytest

from weirtest import config
from weirtest.clock import Late
from weirtest.daemon import run
from weirtest.house import FAILED, exchange, house, listener, upstream
from weirtest.settings import DEADLINE, SANITIZER, WEIR

pytestmark = pytest.mark.skipif(SANITIZER != "", reason="a sanitizer takes all of the address space")

KIB = 1024
MIB = 1024 * KIB


def many(count):
    """Many upstreams, which take memory and no descriptors."""
    return [upstream(f"10.{i >> 8}.{i & 255}.1:80", name=f"u{i}") for i in range(count)]


def address_space(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * KIB for line in file if line.startswith("VmSize:"))


def limit(pid, size):
    resource.prlimit(pid, resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


@pytest.mark.slow
def test_reload_short_of_memory_is_refused_and_harms_no_pair(report):
    """The memory grows from next to nothing to enough, so that each step of a reload fails once."""
    with house(errors=FAILED, workers=2) as here:
        old = here.client()
        exchange(old)
        here.weir.configure(here.settings(
            listeners=[listener("web", str(here.weir.address)),
                       *(listener(f"l{i}", f"unix:@weir-{here.weir.pid}-{i}") for i in range(50))],
            upstreams=[*here.weir.settings["upstreams"], *many(3000)]))
        refused = []
        for room in (0, 32, 64, 128, 256, 512, 1024, 2048, 3072, 4096, 6144, 8192, 12288, 65536):
            limit(here.weir.pid, address_space(here.weir.pid) + room * KIB)
            done = here.weir.reload()
            limit(here.weir.pid, resource.RLIM_INFINITY)
            exchange(old)
            exchange(here.client())
            assert done.returncode in (0, 1), done
            if done.returncode == 0:
                break
            if "was given up" in done.stderr:
                raise Late("a check had no fifth of a second of processor time in 10 s")
            # If there is no memory even for the connection of `weir --reload`, weir closes it.
            assert "memory" in done.stderr or "ended before it answered" in done.stderr, done.stderr
            refused.append(room)
        else:
            raise AssertionError("64 MiB are not enough")
        assert len(refused) >= 3
        here.reload()
        exchange(old)
        report(f"{len(refused)} reloads refused, the last with {refused[-1]} KiB free")


def started(process):
    """Waits until weir has ended or is ready: (whether it is ready, its log)."""
    end = time.monotonic() + DEADLINE
    lines = []
    while time.monotonic() < end:
        line = process.stderr.readline()
        lines.append(line)
        if not line or "event=ready" in line:
            return bool(line), "".join(lines)
    raise AssertionError("neither an end nor readiness")


def start(path, size):
    """Starts weir with `size` bytes of address space: None if it got ready, else what it had no memory for."""
    with subprocess.Popen(["prlimit", f"--as={size}", WEIR, "-c", path], stderr=subprocess.PIPE, text=True) as weir:
        ready, text = started(weir)
        if ready:
            weir.terminate()
            assert weir.wait(DEADLINE) == 0
            return None
        code = weir.wait(DEADLINE)
    if code == 127 and "shared" in text:
        return "the loader"  # it failed before weir began
    assert code == 1, f"{size >> 10} KiB: exit {code}: {text}"
    assert "memory" in text, text
    assert os.listdir(os.path.dirname(path)) == ["weir.conf"]
    return text.partition("what=")[2].partition(" errno=")[0] or "config"


@pytest.mark.slow
def test_start_short_of_memory_is_told_and_ends_with_1(folder, report):
    path = os.path.join(folder, "weir.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(config.text({
            "workers": 2, "max_pairs": 100,
            "listeners": [listener("web", f"unix:{folder}/web.sock", upstream="u0")], "upstreams": many(2000)}))
    told = set()
    for size in (*range(8 * MIB, 24 * MIB, MIB), *range(24 * MIB, 400 * MIB, 8 * MIB)):
        lacking = start(path, size)
        if lacking is None:
            break
        told.add(lacking)
    else:
        raise AssertionError("400 MiB are not enough")
    assert "config" in told and len(told) > 2
    # Then we search for the size that is just enough: at each size that we try, another allocation fails first.
    least, enough = size - 8 * MIB, size
    while enough - least > 32 * KIB:
        middle = (least + enough) // 2
        if start(path, middle) is None:
            enough = middle
        else:
            least = middle
    for less in range(0, 320 * KIB, 16 * KIB):
        start(path, enough - less)
    report(f"told of: {', '.join(sorted(told))}; started with {enough >> 10} KiB")


def test_check_short_of_memory_is_told(folder):
    path = os.path.join(folder, "weir.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(config.text({"listeners": [listener("web", "*:80", upstream="u0")], "upstreams": many(9000)}))
    done = run("-c", path, "--check", prefix=("prlimit", f"--as={20 * MIB}"))
    assert (done.returncode, done.stderr) == (1, f"{path}: out of memory; free some and try again\n")
