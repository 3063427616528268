# SPDX-License-Identifier: ISC
"""The answers of the HTTP doors never hold up a thread: a long one is made in slices of processor time."""

import contextlib
import os
import re
import resource
import time

import pytest

from weirtest import address, peers, transfer, wait
from weirtest.asking import ask, get
from weirtest.following import follow
from weirtest.house import house, listener
from weirtest.settings import DEADLINE, SANITIZER, WEIR

pytestmark = pytest.mark.skipif(SANITIZER != "", reason="a sanitizer's processor time is not weir's")
short = pytest.mark.invariant("no slice takes more than 1 ms of weir's own processor time",
                              "docs/decisions/0360-slices-by-processor-time.md", "0360: Slices by processor time")

N_PAIRS, N_LISTENERS, N_SERVERS, N_WORKERS = 9000, 100, 1000, 64
LISTS = ("/v1/pairs?tcp_info=true&limit=1000", "/v1/upstreams", "/v1/listeners", "/v1/status", "/metrics")
KIB = 1024
# weir's own work is the same in each answer. Work of the kernel for others is counted for the thread that an interrupt
# finds; on a busy machine some of each hundred slices have such work. So we repeat an answer until one has none. Only
# a short answer can be free of it: of the list of pairs we ask for a part.
TRIES = 30
WEIGH = os.path.join(os.path.dirname(WEIR), "tests", "weir-weigh")


def scrape(here):
    return ask(here.weir, "GET", "/metrics").text


def slices(here):
    """For each thread: how many slices it had, and how many of these took more than a millisecond."""
    found = {}
    for worker, bound, value in re.findall(
            r'^weir_control_slice_seconds_(?:bucket|count){worker="(\w+)"(?:,le="([^"]+)")?} (\d+)$', scrape(here),
            re.MULTILINE):
        found.setdefault(worker, {})[bound] = int(value)
    return {worker: (counts[""], counts[""] - counts["0.001"]) for worker, counts in found.items()}


def slices_of(here, target):
    """For each thread, the same numbers for one answer."""
    before = slices(here)
    assert ask(here.weir, "GET", target).status == 200
    return {worker: tuple(now - then for now, then in zip(counts, before[worker]))
            for worker, counts in slices(here).items()}


def weighed(here):
    """
    For each slice of more than a millisecond: its microseconds, those without its long parts, those of its
    longest part, and the name of that part.
    """
    lines = here.weighed.read_text(encoding="ascii").splitlines()
    return [(int(took), int(rest), int(part), name) for took, rest, part, name in map(str.split, lines)]


def peak(pid):
    """The most memory that the process has had since reset_peak(), in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def reset_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


@contextlib.contextmanager
def weighing_house(folder, **options):
    """A house whose weir is weir-weigh."""
    file = folder / "weighed"
    file.touch()
    with house(log={"level": "error"}, program=WEIGH, env={"WEIR_WEIGH": str(file)}, **options) as here:
        here.weighed = file
        yield here


@pytest.fixture(name="full", scope="module")
def full_house(tmp_path_factory):
    """
    A weir-weigh with many pairs, listeners and servers. The servers do not accept: the pairs are connected, and
    stay in the servers' backlogs. The ends of the pairs are not logged, because on a busy machine the reader of
    the log may need longer than the second for which weir waits for it.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 2 * N_PAIRS + 1000:
        pytest.skip(f"the limit of descriptors, {most}, is too low")
    with weighing_house(tmp_path_factory.mktemp("full"), workers=4, max_pairs=N_PAIRS,
                        timeouts={"idle": "1h", "lifetime": "2h"}) as here, contextlib.ExitStack() as stack:
        servers = [stack.enter_context(contextlib.closing(peers.Upstream("tcp4", here.weir.folder)))
                   for _ in range(4)]
        here.reload(
            listeners=[listener("web", str(here.weir.address)),
                       *(listener(f"l{i}", f"unix:{here.weir.folder}/{i}") for i in range(1, N_LISTENERS))],
            upstreams=[{"name": "app", "servers": [
                *({"name": f"live{i}", "address": str(server)} for i, server in enumerate(servers)),
                *({"name": f"s{i}", "address": f"127.0.{1 + i // 250}.{1 + i % 250}:9", "weight": 0}
                  for i in range(N_SERVERS - len(servers)))]}])
        for server in servers:
            server.sock.listen(N_PAIRS)
        for _ in range(N_PAIRS):
            here.client()
        wait.until(lambda: len(get(here.weir, "/v1/pairs?state=relaying")["pairs"]) == N_PAIRS, "all pairs")
        yield here


def short_slices_of(here, target):
    """
    How many slices each thread took for an answer. The answer is repeated until each thread has once had no
    slice of more than a millisecond.
    """
    counts, first = {}, len(weighed(here))
    end = time.monotonic() + 2 * DEADLINE
    while time.monotonic() < end:
        found = slices_of(here, target)
        counts.update((worker, count) for worker, (count, too_long) in found.items() if not too_long)
        if len(counts) == len(found):
            return counts
    raise AssertionError(f"{found}; the longest: {sorted(weighed(here)[first:])[-10:]}")


def weighed_since(here, before, first):
    """For all threads together: how many slices there were, how many took too long, and how those spent their time."""
    after, found = slices(here), weighed(here)[first:]
    count, too_long = (sum(after[worker][i] - before[worker][i] for worker in after) for i in range(2))
    return count, too_long, found


def are_short(count, too_long, found):
    """Whether few slices took too long, and hardly any without its long parts: weir's own work would recur."""
    return too_long <= count / 25 and sum(rest > 1000 for _, rest, _, _ in found) <= count / 250


def spent_on(count, too_long, found):
    return f"{too_long} of {count} slices: " + ", ".join(f"{took} us, {part} of it {name}" for took, _, part, name in found)


@short
@pytest.mark.parametrize("target", LISTS)
def test_no_slice_is_longer_than_a_millisecond(full, target, report):
    found = short_slices_of(full, target)
    report(f"{target}: " + ", ".join(f"{worker} {count}" for worker, count in sorted(found.items())))
    assert target == "/v1/status" or found["main"] >= 5


@short
def test_a_long_answer_is_made_in_slices(full, report):
    """Some of its slices have work of the kernel in them, so it is judged like the end of thousands of pairs, below."""
    for _ in range(TRIES):
        before, first = slices(full), len(weighed(full))
        assert ask(full.weir, "GET", "/v1/pairs?tcp_info=true").status == 200
        figures = weighed_since(full, before, first)
        if are_short(*figures):
            break
    report(spent_on(*figures))
    assert are_short(*figures), figures


@pytest.fixture(name="broad", scope="module")
def broad_house(tmp_path_factory):
    """A weir-weigh with many workers and listeners; each listener has ended pairs."""
    with weighing_house(tmp_path_factory.mktemp("broad"), workers=N_WORKERS) as here:
        here.reload(listeners=[listener("web", str(here.weir.address)),
                               *(listener(f"l{i}", f"unix:{here.weir.folder}/{i}") for i in range(1, N_LISTENERS))])
        for i in range(1, N_LISTENERS):
            here.client(address.unix(f"{here.weir.folder}/{i}")).close()
        wait.until(lambda: get(here.weir, "/v1/status")["pairs"]["ended"].get("eof", 0) == N_LISTENERS - 1, "all ends")
        yield here


@short
@pytest.mark.parametrize("target", LISTS[1:])
def test_no_slice_is_longer_where_workers_are_many(broad, target, report):
    report(f"{target}: main {short_slices_of(broad, target)['main']}")


def read_stats(follower):
    follower.next("server_told")
    return [follower.next("stats").data for _ in range(2)]


@short
def test_who_follows_is_served_in_slices(full, report):
    """Several clients follow; each gets two reports of all listeners and servers, and a burst of lines."""
    before = slices(full)
    for _ in range(TRIES):
        with contextlib.ExitStack() as stack:
            followers = [stack.enter_context(follow(full.weir)) for _ in range(8)]
            for n in range(40):
                ask(full.weir, "PATCH", "/v1/upstreams/app/servers/s5", {"weight": n % 2})
            # All read at the same time: weir cuts off who takes nothing for long.
            for reader in [transfer.Task(read_stats, follower) for follower in followers]:
                stats = reader.result()
                assert len(stats[1]["servers"]) == N_SERVERS and len(stats[1]["listeners"]) == N_LISTENERS
        count, too_long = (now - then for now, then in zip(slices(full)["main"], before["main"]))
        if not too_long:
            break
        before = slices(full)
    else:
        raise AssertionError(too_long)
    report(f"main {count}")


def test_thousands_of_pairs_are_listed_once_each_in_bounded_memory(full):
    ask(full.weir, "GET", "/v1/pairs")
    reset_peak(full.weir.pid)
    before = peak(full.weir.pid)
    answer = ask(full.weir, "GET", "/v1/pairs?tcp_info=true")
    assert len(answer.text) > 4 * KIB * KIB and peak(full.weir.pid) - before < 1 * KIB
    ids = [pair["id"] for pair in answer.json["pairs"]]
    assert len(ids) == N_PAIRS and ids == sorted(set(ids))


def test_each_server_is_listed_once(full):
    app, = get(full.weir, "/v1/upstreams")["upstreams"]
    names = [server["name"] for server in app["servers"]]
    assert len(names) == N_SERVERS and len(set(names)) == N_SERVERS


def test_a_scrape_of_many_servers_and_listeners_takes_little_processor_time(full, report):
    def used():
        return float(re.search(r"^process_cpu_seconds_total (\S+)$", scrape(full), re.MULTILINE)[1])

    before, took = used(), []
    while len(took) < TRIES and min(took, default=1) >= 0.02:
        now = used()
        took.append(now - before)
        before = now
    report(f"{min(took) * 1000:.1f} ms of processor time")
    assert min(took) < 0.02


@short
def test_thousands_of_pairs_are_ended_in_slices(full, report):
    """
    This test is the last one, since it ends the pairs of the fixture. An end takes some 40 us of weir and its
    two close(2), and a slice is over once 250 us are used. But the kernel handles anybody's packets, and frees
    closed sockets, in the thread that an interrupt finds, most often in a system call, and counts that time for
    the thread. No slice can be shorter than one such call. So weir-weigh subtracts from each slice of more than
    a millisecond each call, and each time between two calls, that took 200 us or more: the rest must be less
    than a millisecond, but for one slice in 250.
    """
    n_parts = 30
    before, first = slices(full), len(weighed(full))
    for _ in range(n_parts):
        answer = ask(full.weir, "DELETE", f"/v1/pairs?listener=web&limit={N_PAIRS // n_parts}")
        assert answer.json == {"told": N_PAIRS // n_parts}
    count, too_long, found = weighed_since(full, before, first)
    report(spent_on(count, too_long, found))
    assert count >= N_PAIRS / 25, "they were not ended in slices"
    assert are_short(count, too_long, found), found
