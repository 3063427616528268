# SPDX-License-Identifier: ISC
"""
What only UNIX sockets do: a read stops before bytes of other credentials and at a passed descriptor, and an
urgent byte is a message of its own. All bytes arrive in order, and without a wait.
"""

import contextlib
import os
import signal
import socket

import pytest

from weirtest import config, peers, transfer
from weirtest.daemon import Weir
from weirtest.rig import relay

MIB = 1 << 20
BOTH = pytest.mark.parametrize("way", ("up", "down"))


@contextlib.contextmanager
def at_once(weir):
    """weir is stopped in the block, so that all bytes sent there have come when it looks."""
    weir.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        weir.signal(signal.SIGCONT)


def urgent(sock, data):
    try:
        sock.send(data, socket.MSG_OOB)
    except OSError as error:
        pytest.skip(f"this kernel has no urgent bytes on UNIX sockets: {error}")


def by_another_process(sock, data):
    child = os.fork()
    if child == 0:
        sock.sendall(data)
        os._exit(0)
    assert os.waitpid(child, 0) == (child, 0)


@BOTH
def test_bytes_behind_a_passed_descriptor_arrive_at_once(way):
    """weir closes the descriptor: a reader of the pipe sees its end."""
    with relay("unix", "unix") as rig:
        sender, receiver = rig.pair()[::1 if way == "up" else -1]
        for _ in range(3):
            reader, writer = os.pipe()
            with open(reader, "rb", buffering=0) as end:
                with at_once(rig.weir):
                    sender.sendall(b"one, ")
                    socket.send_fds(sender, [b"two, "], [writer])
                    sender.sendall(b"three, ")
                    socket.send_fds(sender, [b"four"], [writer, writer])
                    os.close(writer)
                assert peers.read_exactly(receiver, 21) == b"one, two, three, four"
                assert end.read(1) == b""


def test_bytes_of_other_credentials_arrive_at_once(folder):
    """The listening socket has SO_PASSCRED, as PassCredentials= in the .socket unit sets it."""
    with contextlib.closing(peers.Upstream("unix", folder)) as server, \
            contextlib.closing(peers.Upstream("unix", folder)) as made:
        made.sock.settimeout(None)
        made.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        settings = {"workers": 1, **config.relay("systemd:web", server)}
        with Weir(settings, passed=[("web", made.sock)]) as weir, \
                peers.connect(made.address) as client, server.accept() as other:
            for _ in range(3):
                with at_once(weir):
                    client.sendall(b"one, ")
                    by_another_process(client, b"two, ")
                    client.sendall(b"three, ")
                    by_another_process(client, b"four")
                assert peers.read_exactly(other, 21) == b"one, two, three, four"


@BOTH
def test_an_urgent_byte_stays_in_its_place(way):
    with relay("unix", "unix") as rig:
        sender, receiver = rig.pair()[::1 if way == "up" else -1]
        for _ in range(3):
            with at_once(rig.weir):
                sender.sendall(b"abc")
                urgent(sender, b"deF")
                sender.sendall(b"gh")
                urgent(sender, b"I")
            assert peers.read_exactly(receiver, 9) == b"abcdeFghI"
            urgent(sender, b"!")
            assert peers.read_exactly(receiver, 1) == b"!"


@BOTH
@pytest.mark.parametrize("mark", ("descriptor", "urgent"))
def test_bulk_with_marks_in_it_arrives_whole(way, mark, report):
    """weir splices bulk, and must stop at the same places."""
    payload = transfer.filled(4 * MIB)
    piece = 100_001
    with relay("unix", "unix") as rig, open(os.devnull, "rb") as null:
        sender, receiver = rig.pair()[::1 if way == "up" else -1]
        if mark == "urgent":
            urgent(sender, b"!")
            assert peers.read_exactly(receiver, 1) == b"!"

        def send():
            for start in range(0, len(payload), piece):
                part = payload[start:start + piece]
                sender.sendall(part[:-1])
                if mark == "urgent":
                    assert sender.send(part[-1:], socket.MSG_OOB) == 1
                else:
                    socket.send_fds(sender, [part[-1:]], [null.fileno()])

        sending = transfer.Task(send)
        assert peers.read_exactly(receiver, len(payload)) == payload
        sending.result()
        report(f"{len(payload) // piece} marks")
