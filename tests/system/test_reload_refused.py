# SPDX-License-Identifier: ISC
"""Reloads: those that are refused change nothing; limits; and the ways to ask for one."""

import contextlib
import os
import select
import signal
import threading
import time

import pytest

from weirtest import config, peers, proc, transfer, wait
from weirtest.asking import ask
from weirtest.clock import within
from weirtest.house import FAILED, NOBODY, exchange, house, listener, say, upstream
from weirtest.settings import DEADLINE, scaled

WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(3, marks=pytest.mark.workers)))
harmless = pytest.mark.invariant("a reload that is refused changes nothing", "docs/ARCHITECTURE.md",
                                 "The way of a config value")
full = pytest.mark.invariant("at max_pairs no further client is accepted", "docs/ARCHITECTURE.md", "The way of a byte")


# ---- what is refused


def expect_unchanged(here, old):
    """Asserts that the old pair, the listener and the upstream work as before."""
    exchange(old)
    exchange(here.client())


@harmless
def test_every_error_is_told_and_logged():
    with house(errors=FAILED) as here:
        old = here.client()
        exchange(old)
        lines = here.fail("timeouts.idle: 5 has no unit", "log.level", "colour: is not known",
                          timeouts={"idle": 5}, log={"level": "loud"}, colour="red")
        assert len(lines) == 3
        assert all(line.startswith(here.weir.config + ":") for line in lines)
        expect_unchanged(here, old)


@harmless
def test_bind_failure_changes_nothing():
    with house(errors=FAILED) as here:
        old = here.client()
        exchange(old)
        new = here.free()
        with contextlib.closing(peers.Upstream("tcp4", here.weir.folder)) as taken:
            here.fail(f'listeners(taken): "{taken}": Address already in use',
                      listeners=[listener("new", str(new)), listener("taken", str(taken))])
        with pytest.raises(ConnectionRefusedError):
            here.client(new)
        expect_unchanged(here, old)
        here.reload()


@harmless
def test_missing_config_is_told():
    with house(errors=FAILED) as here:
        old = here.client()
        os.unlink(here.weir.config)
        done = here.weir.reload()
        assert done.returncode == 1 and "No such file" in done.stderr
        expect_unchanged(here, old)


def test_config_that_is_a_pipe_is_read_once():
    """The child that checks the config reads the pipe, and gives the text to weir."""
    with house() as here:
        old = here.client()
        text = config.text(here.settings())
        os.unlink(here.weir.config)
        os.mkfifo(here.weir.config)

        def write():
            with open(here.weir.config, "w", encoding="ascii") as file:
                file.write(text)

        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        done = here.weir.reload()
        assert done.returncode == 0, done.stderr
        thread.join(DEADLINE)
        here.weir.record("reloaded")
        expect_unchanged(here, old)


@harmless
@pytest.mark.root
@pytest.mark.parametrize("what", ("missing", "folder", "unreadable", "fifo"))
def test_include_that_cannot_be_read_is_told(what):
    with house(errors=FAILED, user=NOBODY) as here:
        old = here.client()
        path = os.path.join(here.weir.folder, "part.conf")
        if what == "folder":
            os.mkdir(path)
        elif what == "fifo":
            os.mkfifo(path)
        elif what == "unreadable":
            with open(path, "w", encoding="ascii"):
                os.chmod(path, 0)
        done = here.weir.reload(config.text(here.settings()) + f'@include "{path}"\n')
        assert done.returncode == 1 and "part.conf" in done.stderr
        here.weir.record("reload_failed")
        expect_unchanged(here, old)


@harmless
def test_include_that_comes_and_goes_never_harms():
    """The file may vanish before, between or after the check and the load: weir goes on in any case."""
    with house(errors=FAILED) as here:
        path = os.path.join(here.weir.folder, "part.conf")
        here.weir.configure(config.text(here.settings()) + f'@include "{path}"\n')
        stop = threading.Event()

        def flicker():
            while not stop.is_set():
                with open(path, "w", encoding="ascii") as file:
                    file.write('log = { level = "info"; };\n')
                stop.wait(0.003)
                os.unlink(path)
                stop.wait(0.003)

        thread = threading.Thread(target=flicker, daemon=True)
        thread.start()
        codes = [here.weir.reload().returncode for _ in range(scaled(30, 5))]
        stop.set()
        thread.join(DEADLINE)
        assert set(codes) <= {0, 1}
        exchange(here.client())


@harmless
def test_other_workers_need_a_restart():
    with house(errors=FAILED) as here:
        old = here.client()
        side = here.free()
        here.fail("workers: 2 instead of the 1 that run needs a restart", workers=2,
                  listeners=[listener("web", str(here.weir.address)), listener("side", str(side))])
        with pytest.raises(ConnectionRefusedError):
            here.client(side)
        expect_unchanged(here, old)


@harmless
def test_more_pairs_than_fit_need_a_restart():
    with house(errors=FAILED) as here:
        old = here.client()
        here.fail("needs a restart", "max_pairs = 9000000", max_pairs=9000000)
        expect_unchanged(here, old)


def test_while_stopping_a_reload_is_refused():
    with house(errors=FAILED, timeouts={"drain": "60s"}) as here:
        sock = here.client()
        # A pair that is quiet for a second is ended, and then weir ends, too.
        with within(time.monotonic(), 1):
            exchange(sock)
            here.weir.signal(signal.SIGTERM)
            here.weir.notice("STOPPING=1")
            done = here.weir.reload()
            assert done.returncode == 1 and "weir is stopping" in done.stderr
            here.weir.record("reload_failed", level="warn")
            for path in ("/v1/reload", "/v1/undrain", "/v1/drain"):
                answer = ask(here.weir, "POST", path)
                assert answer.status == 409 and "weir is stopping" in answer.error and "mend" not in answer.error
            peers.fin(sock)
        assert peers.read_end(sock) == (b"", "fin")
        assert here.weir.wait_exit() == 0


# ---- limits


@full
@WORKERS
def test_lower_limit_only_stops_accepting(workers):
    with house(workers=workers, max_pairs=6) as here:
        socks = [here.client() for _ in range(5)]
        for sock in socks:
            exchange(sock)
        here.reload(max_pairs=3)
        waiting = here.client()
        waiting.sendall(b"later")
        for sock in socks:
            exchange(sock)
        for sock in socks[:2]:
            peers.fin(sock)
            assert peers.read_end(sock) == (b"", "fin")
        here.weir.record("close", nth=1)
        assert not select.select([waiting], [], [], 0.3)[0]
        peers.fin(socks[2])
        assert peers.read_end(socks[2]) == (b"", "fin")
        assert peers.read_exactly(waiting, 5) == b"later"


def test_higher_limit_has_room_for_its_descriptors():
    with house(max_pairs=2) as here:
        assert proc.fd_room(here.weir.pid) < 1000
        here.reload(max_pairs=500)
        assert proc.fd_room(here.weir.pid) >= 1000


@WORKERS
def test_higher_limit_lets_in_who_waits(workers):
    with house(workers=workers, max_pairs=2) as here:
        socks = [here.client() for _ in range(5)]
        for number, sock in enumerate(socks):
            sock.sendall(b"%d" % number)
        wait.until(lambda: len(select.select(socks, [], [], 0)[0]) == 2, "two that are served")
        here.reload(max_pairs=5)
        for number, sock in enumerate(socks):
            assert peers.read_exactly(sock, 1) == b"%d" % number


def test_pairs_of_before_count_under_the_limit_of_the_listener():
    def web(limit):
        return [listener("web", str(here.weir.address), max_pairs=limit)]
    with house() as here:
        socks = [here.client() for _ in range(3)]
        for sock in socks:
            exchange(sock)
        here.reload(listeners=web(3))
        late = here.client()
        late.sendall(b"late")
        assert not select.select([late], [], [], 0.3)[0]
        here.reload(listeners=web(4))
        assert peers.read_exactly(late, 4) == b"late"


# ---- ways to ask


def test_sighup_reloads_and_systemd_is_told():
    with house() as here:
        here.weir.configure(here.settings(log={"level": "debug"}))
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        here.weir.signal(signal.SIGHUP)
        here.weir.record("reloaded")
        wait.until(lambda: here.weir.messages.count("READY=1") == 2, "READY=1")
        begin = [one for one in here.weir.messages if one.startswith("RELOADING=1")]
        assert len(begin) == 1
        lines = begin[0].splitlines()
        assert lines[0] == "RELOADING=1" and lines[1].startswith("MONOTONIC_USEC=") and len(lines) == 2
        since = int(lines[1].partition("=")[2])
        assert before <= since <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert here.weir.messages.index(begin[0]) < len(here.weir.messages) - 1 - \
            here.weir.messages[::-1].index("READY=1")
        wait.until(lambda: any(", reloaded " in one for one in here.weir.notices), "STATUS=")


def test_failed_reload_is_told_to_systemd_before_it_is_answered():
    with house(errors=FAILED) as here:
        here.fail("colour", colour="red")
        assert [one.partition("\n")[0] for one in here.weir.messages if not one.startswith("STATUS=")] == \
            ["READY=1", "RELOADING=1", "READY=1"]
        wait.until(lambda: any(", reload failed " in one for one in here.weir.notices), "STATUS=")


def test_reloads_at_once_are_done_one_after_the_other():
    with house() as here:
        here.weir.configure(here.settings(log={"level": "debug"}))
        asking = [transfer.Task(here.weir.reload) for _ in range(5)]
        for _ in range(3):
            here.weir.signal(signal.SIGHUP)
        assert [task.result().returncode for task in asking] == [0] * 5
        here.weir.record("reloaded")
        ends = [one for one in here.weir.messages if not one.startswith("STATUS=")]
        for one, other in zip(ends[1::2], ends[2::2]):
            assert one.startswith("RELOADING=1") and other == "READY=1"


def test_reload_sees_what_was_written_before_it_was_asked_for():
    """However many reloads are under way, one that is answered has read a config that is no older than its request."""
    with house(serve=say(b"0")) as here:
        stop = threading.Event()

        def hup():
            while not stop.wait(0.002):
                here.weir.signal(signal.SIGHUP)

        thread = threading.Thread(target=hup, daemon=True)
        thread.start()
        for number in range(1, scaled(9, 3)):
            here.reload(upstreams=[upstream(here.server(say(b"%d" % number)))])
            assert here.client().recv(1) == b"%d" % number
        stop.set()
        thread.join(DEADLINE)
        here.reload()  # this reload waits for those before it, so that none is under way at the end


def test_stop_in_the_middle_of_a_reload_ends_well():
    for delay in (0, 0.002, 0.005, 0.01):
        with house(errors=FAILED, workers=2) as here:
            here.weir.configure(here.settings(listeners=[listener("other", str(here.free()))]))
            here.weir.signal(signal.SIGHUP)
            time.sleep(delay)  # the reload may have got anywhere by then
            here.weir.stop()


def test_names_are_looked_up_again():
    with house() as here:
        here.reload(upstreams=[upstream("no-such-name.invalid:1")])
        here.weir.record("name_unknown", server="no-such-name.invalid:1")


def test_nothing_is_left_of_many_reloads(report):
    with house(workers=2) as here:
        fds = f"/proc/{here.weir.pid}/fd"
        web = listener("web", str(here.weir.address))

        def rounds(count):
            for _ in range(count):
                here.reload(listeners=[web, listener("side", str(here.free()))])
                here.reload(listeners=[web])
            wait.until(lambda: len(os.listdir(fds)) <= before, "fds given back")

        before = len(os.listdir(fds))
        rounds(3)
        rounds(10)
        with open(f"/proc/{here.weir.pid}/task/{here.weir.pid}/children", encoding="ascii") as file:
            assert not file.read().split(), "children of the checks are left"
        report(f"{before} fds before and after 26 reloads")
