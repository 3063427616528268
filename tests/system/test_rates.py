# SPDX-License-Identifier: ISC
"""Rates of a listener, against the clock: never more than they allow, and not much less."""

import time

import pytest

from weirtest import transfer
from weirtest.rig import relay
from weirtest.settings import LATE

MIB = 1 << 20


@pytest.mark.parametrize("way", ("up", "down"))
def test_a_rate_holds_the_bytes_of_one_way_back(way, report):
    """A tenth of a second's worth may come at once. The pair is not idle meanwhile; the other way is free."""
    with relay(listener={"rate": {way: "2M/s"}}, timeouts={"idle": "300ms", "half_close": "300ms"}) as rig:
        client, upstream = rig.pair()
        sender, receiver = (client, upstream) if way == "up" else (upstream, client)
        start = time.monotonic()
        back = transfer.Task(transfer.receive_hashed, sender)
        sent = transfer.Task(transfer.send_hashed, sender, transfer.Payload(2 * MIB))
        answer = transfer.send_hashed(receiver, transfer.Payload(2 * MIB, seed=1))
        assert back.result() == (answer, 2 * MIB)
        free = time.monotonic() - start
        assert transfer.receive_hashed(receiver) == (sent.result(), 2 * MIB)
        took = time.monotonic() - start
        rig.weir.record("close", reason="eof")
    assert 0.9 < took < 1 + LATE
    report(f"2 MiB at 2 MiB/s: {took:.3f} s, and freely: {free:.3f} s")
