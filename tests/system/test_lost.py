# SPDX-License-Identifier: ISC
"""A peer whose host or network is gone: the log names its side, and the other side sees a reset."""

import pytest

from weirtest import peers, proc, wait
from weirtest.rig import relay

SIDES = pytest.mark.parametrize("by_client", (True, False), ids=("client", "upstream"))
PROBES = {"keepalive": {"idle": "1s", "interval": "1s", "count": 1}}


def settings(by_client, options):
    """Settings with these socket options on one side."""
    return {"listener": {"socket": options}} if by_client else {"upstream_settings": {"socket": options}}


def assert_lost(rig, by_client):
    closed = rig.weir.close_line(reason="lost", by="client" if by_client else "upstream")
    assert closed["errno"] == "ETIMEDOUT" and "timer" not in closed


@pytest.mark.root
@SIDES
@pytest.mark.parametrize("other", ("tcp4", "unix"))
def test_side_that_acknowledges_nothing_is_lost(by_client, other):
    transports = ("tcp4", other) if by_client else (other, "tcp4")
    with relay(*transports, **settings(by_client, {"user_timeout": "100ms"})) as rig:
        pair = rig.pair()
        gone, left = pair if by_client else pair[::-1]
        gone.sendall(b"last words")
        assert peers.read_exactly(left, 10) == b"last words"
        peers.vanish(gone)
        left.sendall(b"is anybody there?")
        assert peers.end_of(left) in peers.abort_of(left)
        assert_lost(rig, by_client)


@pytest.mark.root
@SIDES
def test_side_that_answers_no_probe_is_lost(by_client):
    with relay(**settings(by_client, PROBES)) as rig:
        pair = rig.pair()
        gone, left = pair if by_client else pair[::-1]
        peers.vanish(gone)
        assert peers.end_of(left) == "rst"
        assert_lost(rig, by_client)


@pytest.mark.root
def test_client_that_is_lost_while_connecting_is_the_reason():
    """connect is off, so that only the probes can end the pair."""
    with relay(servers=[peers.BlackHole], timeouts={"connect": "none"},
               **settings(True, PROBES)) as rig:
        quiet = proc.settled_fds(rig.weir.pid)
        gone = rig.client()
        wait.until(lambda: proc.fds(rig.weir.pid) >= quiet + 2, "the pair to be connecting")
        peers.vanish(gone)
        assert_lost(rig, True)
