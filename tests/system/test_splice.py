# SPDX-License-Identifier: ISC
"""Bulk that comes and goes: weir switches from copying to splicing and back, with and without large pipes."""

import contextlib
import fcntl
import os
import random
import time

import pytest

from weirtest import peers, proc, transfer
from weirtest.address import MIXES
from weirtest.rig import relay
from weirtest.settings import scaled

whole = pytest.mark.invariant("each byte arrives once, as it was sent, in its order", "docs/ARCHITECTURE.md", "The way of a byte")
bulk = pytest.mark.invariant("bulk bytes are spliced, not copied, where possible", "docs/ARCHITECTURE.md",
                             "The way of a byte")
MIB = 1 << 20

# The user of a weir without privileges: the one who runs the tests, or for root a user with no other process.
USER = os.getuid() or 200_000 + os.getpid()


def exchange(sender, receiver, size):
    """Moves a payload, and leaves the connection open."""
    payload = transfer.filled(size)
    task = transfer.Task(sender.sendall, payload)
    assert peers.read_exactly(receiver, size) == payload
    task.result()


@whole
@pytest.mark.parametrize("client, upstream", MIXES)
def test_bursts_and_pauses_arrive_whole(client, upstream, report):
    """weir splices bulk, and copies again after single bytes and small answers: both ways, many times."""
    dice = random.Random(1)
    moved = 0
    with relay(client, upstream) as rig:
        pair = rig.pair()
        for turn in range(scaled(40, 4)):
            for size in (dice.randrange(1, 2 * MIB), *(dice.randrange(1, 2000) for _ in range(6))):
                exchange(*pair[::(-1) ** turn], size)
                moved += size
        report(f"{moved >> 20} MiB")


@whole
@pytest.mark.parametrize("client, upstream", MIXES)
def test_bursts_into_slow_readers_arrive_whole(client, upstream):
    """Bytes wait in the pipe when the next bytes come, copied or spliced, and when the FIN comes."""
    with relay(client, upstream, rcvbuf=4096) as rig:
        client, server = rig.pair(rcvbuf=4096)
        sizes = [MIB, 100, 300_000, 1, 1, 1, 1, MIB // 2, 16384]
        payload = transfer.filled(sum(sizes))

        def send():
            start = 0
            for size in sizes:
                client.sendall(payload[start:start + size])
                start += size
                time.sleep(0.01)
            transfer.fin(client)

        task = transfer.Task(send)
        got = bytearray()
        while data := server.recv(4096):
            got += data
        task.result()
        assert bytes(got) == payload


def become_user():
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)


@contextlib.contextmanager
def pipes_used_up():
    """The user's pipes hold as many bytes as they may: each pipe that the user makes now holds 8 KiB."""
    told, tell = os.pipe()
    end, hold = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.close(hold)
            become_user()
            ends = os.pipe()
            while fcntl.fcntl(ends[0], fcntl.F_GETPIPE_SZ) >= 65536:
                with contextlib.suppress(PermissionError):
                    fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, MIB)
                ends = os.pipe()
            os.write(tell, b"x")
            os.read(end, 1)
        os._exit(0)
    os.close(tell)
    try:
        assert os.read(told, 1) == b"x"
        yield
    finally:
        for fd in (hold, end, told):
            os.close(fd)
        os.waitpid(child, 0)


@contextlib.contextmanager
def relay_as_user():
    """A relay by a weir without privileges. For root, the program is a copy in a folder that USER may use."""
    prefix = ()
    if os.getuid() == 0:
        prefix = ("sh", "-c", 'cp "$1" weir && chmod -R a+rwX . && shift && exec setpriv '
                  f'--reuid={USER} --regid={USER} --clear-groups ./weir "$@"', "sh")
    with relay(daemon={"prefix": prefix}, relay={"splice": "auto"}) as rig:
        with open(f"/proc/{rig.weir.pid}/status", encoding="ascii") as file:
            status = file.read()
        assert f"Uid:\t{USER}\t" in status and "CapEff:\t0000000000000000" in status
        yield rig


@bulk
@pytest.mark.root
def test_without_privileges_bulk_is_spliced_while_there_are_large_pipes():
    def spliced():
        with relay_as_user() as rig:
            before = proc.pipe_ends(rig.weir.pid)
            exchange(*rig.pair(), 8 * MIB)
            return proc.pipe_ends(rig.weir.pid) > before

    assert spliced()
    with pipes_used_up():
        assert not spliced()


def test_quiet_pairs_share_few_pipes(report):
    """However many pairs have spliced, weir keeps only the few pipes of its pool."""
    with relay(relay={"splice": "auto"}) as rig:
        before = proc.pipe_ends(rig.weir.pid)
        for _ in range(scaled(50, 10)):
            exchange(*rig.pair(), MIB)
        held = (proc.pipe_ends(rig.weir.pid) - before) // 2
        assert held <= 8
        report(f"{held} pipes")


def test_splicing_can_be_turned_off():
    with relay(relay={"splice": "off"}) as rig:
        before = proc.pipe_ends(rig.weir.pid)
        exchange(*rig.pair(), 8 * MIB)
        assert proc.pipe_ends(rig.weir.pid) == before
