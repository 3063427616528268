# SPDX-License-Identifier: ISC
"""Older kernels and seccomp profiles of containers refuse system calls: weir does without a call, or names it."""

import errno
import os

import pytest

from weirtest import config, peers, seccomp, transfer
from weirtest.daemon import run
from weirtest.rig import relay
from weirtest.settings import DEADLINE, SANITIZER, SPLICE, scaled

pytestmark = pytest.mark.skipif("splice" not in seccomp.NUMBERS, reason="numbers of this machine's calls are not known")

ERRORS = pytest.mark.parametrize("error", (errno.EPERM, errno.ENOSYS), ids=errno.errorcode.get)


@ERRORS
@pytest.mark.parametrize("calls", (("close_range",), ("close_range", "unshare"), ("pidfd_open",), ("splice",),
                                   ("close_range", "unshare", "pidfd_open", "splice", "epoll_pwait2", "faccessat2")),
                         ids=" ".join)
def test_weir_does_without_calls_that_are_refused(calls, error):
    size = scaled(8 << 20, 1 << 20)
    with relay(daemon={"prefix": seccomp.prefix(error, *calls), "control": True},
               relay={"splice": SPLICE}) as rig:
        client, server = rig.pair()
        for _ in range(2):
            done = rig.weir.reload(deadline=DEADLINE)
            assert done.returncode == 0, done.stderr
        payload = transfer.Payload(size, seed=7)
        sending = transfer.Task(transfer.send_hashed, client, payload)
        assert transfer.receive_hashed(server) == (sending.result(), size)
        server.close()
        assert peers.end_of(client) == "fin"
        rig.weir.close_line(reason="eof")


@ERRORS
@pytest.mark.skipif(SANITIZER != "", reason="the sanitizer's own calls fail too")
@pytest.mark.parametrize("call", ("timerfd_create", "signalfd4", "accept4", "epoll_create1", "eventfd2", "pipe2"))
def test_a_call_that_weir_needs_is_named_when_it_is_refused(call, error, folder):
    path = os.path.join(folder, "weir.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(config.text(config.relay(f"unix:{folder}/client.sock", "127.0.0.1:9")))
    done = run("-c", path, prefix=seccomp.prefix(error, call))
    assert done.returncode == 1
    assert f"event=start_failed what={call} errno={errno.errorcode[error]} " in done.stderr, done.stderr
    assert "seccomp" in done.stderr and "event=ready" not in done.stderr
