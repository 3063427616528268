# SPDX-License-Identifier: ISC
"""
A slow reader: weir has given all bytes to its kernel, and no event follows. No timer of silence may cut the
bytes that are still on their way. A reader that reads nothing is cut, and sees a reset.
"""

import signal
import time

import pytest

from weirtest import peers
from weirtest.clock import Watch, within
from weirtest.rig import relay
from weirtest.settings import LATE

SIZE = 60_000
PIECE = 1000
TIMER = 0.4
SIDES = pytest.mark.parametrize("by_client", (True, False), ids=("client", "upstream"))

# The timer, whether the sender finishes, and whether weir drains.
SILENCES = pytest.mark.parametrize("timeouts, finishes, drains", (
    ({"idle": "400ms"}, False, False),
    ({"half_close": "400ms"}, True, False),
    ({"drain": "60s"}, False, True),
), ids=("idle", "half_close", "drain"))


def slow_pair(by_client, timeouts, **more):
    """A relay whose readers have small buffers: weir's kernel holds what they do not take."""
    return relay(timeouts=timeouts, rcvbuf=4096, listener={"socket": {"send_buffer": "256k"}},
                 upstream_settings={"socket": {"send_buffer": "256k"}}, drain={"idle_first": "400ms"}, **more)


def sides(rig, by_client):
    client, server = rig.pair(rcvbuf=4096)
    return (client, server) if by_client else (server, client)


def begin(rig, sender, finishes, drains):
    sender.sendall(b"." * SIZE)
    if finishes:
        peers.fin(sender)
    if drains:
        rig.weir.signal(signal.SIGTERM)


@SIDES
@SILENCES
def test_reader_that_goes_on_reading_gets_all(by_client, timeouts, finishes, drains):
    """The reader needs more than twice the timer's time to read what was sent at once. Then it sends an answer."""
    with slow_pair(by_client, timeouts) as rig:
        last = time.monotonic()
        with within(last, TIMER):
            reader, sender = sides(rig, by_client)
            begin(rig, sender, finishes, drains)
        for _ in range(SIZE // PIECE):
            with within(last, TIMER / 3):  # its kernel acknowledges a few pieces at a time
                last = time.monotonic()
                assert peers.read_exactly(reader, PIECE) == b"." * PIECE
            time.sleep(PIECE / SIZE * 2.5 * TIMER)
        with within(last, TIMER):
            reader.sendall(b"thanks")
            assert peers.read_exactly(sender, 6) == b"thanks"


@SIDES
@SILENCES
def test_reader_that_reads_nothing_is_reset(by_client, timeouts, finishes, drains):
    """The first look finds bytes, so the timer starts again: the reset comes after twice the timer, not before."""
    with slow_pair(by_client, timeouts) as rig:
        with within(time.monotonic(), TIMER):
            reader, sender = sides(rig, by_client)
            watch = Watch(2 * TIMER)
            begin(rig, sender, finishes, drains)
        closed = rig.weir.close_line(by="weir", timer=next(iter(timeouts)))
        passed = time.monotonic() - watch.start
        assert passed >= 2 * TIMER and closed.number("late_us") < LATE * 1e6
        data, end = peers.read_end(reader)
        assert end == "rst" and len(data) < SIZE
        assert peers.end_of(sender) == "rst"


@pytest.mark.parametrize("reads", (True, False), ids=("reads", "stuck"))
def test_unix_reader(reads):
    """A UNIX socket acknowledges nothing: the bytes that the reader has not read are those that the kernel holds."""
    with relay("unix", "tcp4", timeouts={"idle": "400ms"}) as rig:
        last = time.monotonic()
        with within(last, TIMER):
            reader, server = rig.pair()
            for _ in range(8):
                last = time.monotonic()
                server.sendall(b"." * PIECE)
                time.sleep(0.005)  # each piece is a write of its own
        for _ in range(8 if reads else 0):
            time.sleep(TIMER / 3)
            with within(last, TIMER * 3 / 4):
                last = time.monotonic()
                assert peers.read_exactly(reader, PIECE) == b"." * PIECE
                assert not rig.weir.records("close"), "cut although it went on reading"
        assert peers.end_of(server) == ("fin" if reads else "rst")
