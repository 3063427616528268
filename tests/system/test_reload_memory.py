# SPDX-License-Identifier: ISC
"""A reload keeps of an old config only what the open pairs of that config need."""

import select

import pytest

from weirtest import peers, wait
from weirtest.daemon import Free
from weirtest.house import exchange, house, listener, upstream
from weirtest.settings import SANITIZER

KIB = 1024
MANY = 4000

PLAIN = pytest.mark.skipif(SANITIZER != "", reason="a sanitizer keeps what was freed")


def many(count=MANY):
    """Many upstreams, which take memory and no descriptors."""
    return [upstream(f"10.{i >> 8}.{i & 255}.1:80", name=f"u{i}") for i in range(count)]


def resident(pid):
    """The memory in RAM that is weir's own."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * KIB for line in file if line.startswith("RssAnon:"))


@PLAIN
@pytest.mark.workers
@pytest.mark.slow
def test_old_configs_go_while_their_pairs_stay(report):
    """A pair of each config stays, of the first one too; the memory of 20 configs is freed."""
    with house(workers=2, timeouts={"idle": "none"}) as here:
        plain = here.weir.settings
        pairs = [here.client()]
        exchange(pairs[0])
        small = resident(here.weir.pid)
        after = []
        for n in range(25):
            here.reload(upstreams=[*plain["upstreams"][:1], *many()])
            pairs.append(here.client())
            exchange(pairs[-1])
            after.append(resident(here.weir.pid))
        size = after[0] - small
        assert size > MANY * 400, f"{size} bytes for {MANY} upstreams: they do not show"
        # A config is freed when the last worker has left it, which may be after the reload was reported.
        wait.until(lambda: resident(here.weir.pid) - after[4] < 2 * size, "the memory of the old configs to go")
        grown = resident(here.weir.pid) - after[4]
        for sock in pairs:
            exchange(sock)
        report(f"{size >> 10} KiB a config, {grown >> 10} KiB more after 20 reloads")


@PLAIN
def test_a_file_of_100000_prefixes_costs_less_than_4_mib(folder):
    path = f"{folder}/partners"
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"2001:db8:{i >> 16:x}:{i & 65535:x}::/64\n" for i in range(100000))
    with house() as small, \
            house(listeners=[listener("web", Free("tcp4"), deny=[f"file:{path}"])]) as large:
        exchange(large.client())

        def cost():
            return resident(large.weir.pid) - resident(small.weir.pid)

        assert cost() > 100000 * 18
        wait.until(lambda: cost() < 4 * KIB * KIB, "what reading it took to be given back")


@PLAIN
def test_memory_of_a_large_config_goes_back_to_the_system(report):
    """The config that a reload replaces is that of the start: its memory is freed like that of any other."""
    with house(listeners=[listener("web", Free("tcp4"), upstream="u0")], upstreams=many()) as here:
        to = here.weir.address
        server = here.server()
        large = resident(here.weir.pid)
        here.reload(upstreams=[upstream(server)], listeners=[listener("web", str(to))])
        exchange(here.client(to))
        wait.until(lambda: resident(here.weir.pid) < large - MANY * 500, "memory to go back")
        report(f"{large >> 10} KiB with {MANY} upstreams, {resident(here.weir.pid) >> 10} KiB without")


@pytest.mark.workers
def test_pair_keeps_its_terms_when_their_config_has_gone():
    """A pair keeps its timeouts, upstream and place under max_pairs; a reload changes its timeouts on demand."""
    with house(workers=2, timeouts={"idle": "60s"}) as here:
        app = here.weir.settings["upstreams"]
        to = here.weir.address
        old = here.client(to)
        exchange(old)
        here.weir.settings = here.settings(
            listeners=[listener("web", str(to), max_pairs=1)], timeouts={"idle": "300ms"})
        for count in (100, 1, 100):
            here.reload(upstreams=[*app, *many(count)])
        waiting = here.client(to)
        waiting.sendall(b"hello")
        here.weir.record("limit_reached")
        assert not select.select([old, waiting], [], [], 0.5)[0]
        exchange(old)
        here.reload(reload={"apply_to_open_pairs": ["timeouts"]})
        assert peers.end_of(old) == "fin"
        assert peers.read_exactly(waiting, 5) == b"hello"
