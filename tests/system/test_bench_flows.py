# SPDX-License-Identifier: ISC
"""The simulation of flows (bench/flow_moves.c) agrees with theory, and docs/SCALING.md has its tables."""

import pathlib
import subprocess

import pytest

from weirtest.settings import DEADLINE, ROOT, WEIR, scaled

pytestmark = pytest.mark.slow

MODEL = pathlib.Path(WEIR).parent / "bench" / "flow_moves"
FLOWS = 20_000
NEAR = 0.02  # of all flows: about five standard deviations


def tell(*words, flows=FLOWS, seed=7):
    done = subprocess.run([MODEL, str(flows), str(seed), *map(str, words)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def leaving(n):
    """{way: [(moved, needlessly)]}, as parts of all flows, when the first, the middle and the last server leaves."""
    told = {}
    for line in tell("leaves", n).splitlines():
        way, moved, needlessly = line.split()
        told.setdefault(way, []).append((int(moved) / FLOWS, int(needlessly) / FLOWS))
    return told


def returning(*words, flows=FLOWS):
    moved, buckets = tell("returns", *words, flows=flows).split()
    return int(moved) / flows, int(buckets)


@pytest.mark.parametrize("n", (3, 5, 64))
def test_modulo_moves_all_but_one_in_n(n):
    for moved, _ in leaving(n)["modulo"]:
        assert moved == pytest.approx((n - 1) / n, abs=NEAR)


@pytest.mark.parametrize("n", (3, 5, 64))
def test_ranges_move_half_at_their_ends_and_about_a_quarter_in_the_middle(n):
    for leaver, (moved, _) in zip((0, n // 2, n - 1), leaving(n)["threshold"], strict=True):
        # Range i, counted from the end on its side of the leaver, now begins i / (n (n - 1)) further from that end.
        sides = (leaver, n - 1 - leaver)
        assert moved == pytest.approx(1 / n + sum(side * (side - 1) / 2 for side in sides) / (n * (n - 1)), abs=NEAR)


@pytest.mark.parametrize("n", (3, 5, 64))
def test_a_resilient_group_moves_the_leavers_flows_and_no_other(n):
    for moved, needlessly in leaving(n)["resilient"]:
        assert needlessly == 0 and moved == pytest.approx(1 / n, abs=NEAR)


@pytest.mark.parametrize("n", (3, 5, 64, scaled(1000, 100)))
def test_maglev_moves_the_leavers_flows_and_few_others(n):
    for moved, needlessly in leaving(n)["maglev"]:
        assert needlessly < 0.01 and moved - needlessly == pytest.approx(1 / n, abs=NEAR)


def test_who_is_back_in_a_resilient_group_gets_its_part_where_buckets_are_idle_at_once():
    moved, buckets = returning(4, 1024, 0, 30, 0)
    assert buckets == 256 and moved == pytest.approx(1 / 4, abs=NEAR)


def test_who_is_back_in_a_resilient_group_gets_nothing_of_buckets_that_are_never_idle():
    assert returning(4, 128, 120, 1, 600) == (0, 0)


def test_a_longer_idle_timer_cuts_fewer_flows():
    cut = [returning(8, 1024, idle, 30, 600, flows=5000)[0] for idle in (1, 10, 30, 120)]
    assert cut == sorted(cut, reverse=True) and cut[0] > 0.1 and cut[-1] < 0.01


def test_the_same_seed_says_the_same_and_another_does_not():
    assert tell("leaves", 5) == tell("leaves", 5) != tell("leaves", 5, seed=8)


@pytest.mark.parametrize("words", ((), ("leaves",), ("leaves", 1), ("leaves", "x"), ("comes", 3), ("leaves", 5, 5),
                                   ("returns", 3, 2, 0, 1, 1), ("returns", 3, 65536, 0, 1, 1)))
def test_what_it_does_not_know_it_refuses(words):
    done = subprocess.run([MODEL, "10", "1", *map(str, words)], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 2 and done.stderr.startswith("flow_moves: ") and not done.stdout


def bench(*words):
    done = subprocess.run([ROOT / "bench" / "flows", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=6 * DEADLINE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_bench_prints_two_narrow_tables_and_keeps_what_it_says(folder):
    printed = bench(MODEL.parents[1], "--flows=2000", f"--out={folder}")
    assert bench("--report", f"--out={folder}") == printed
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 120 and sum(line.startswith("| n |") for line in lines) == 1
    assert sum(line.startswith("| flows |") for line in lines) == 1


def test_the_tables_of_the_documents_are_those_of_the_results():
    assert bench("--report") in (ROOT / "docs" / "SCALING.md").read_text(encoding="utf-8")
