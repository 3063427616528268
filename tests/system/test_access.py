# SPDX-License-Identifier: ISC
"""The clients that `allow` and `deny` let in, and what a reload does to open pairs."""

import contextlib
import os
import socket

import pytest

from weirtest import address, peers, wait
from weirtest.house import exchange, house, listener

WORKERS = pytest.mark.parametrize("workers", (1, pytest.param(4, marks=pytest.mark.workers)))
FLOOD = 300


def call(here, source=None, to=None):
    """Connects from this address, and returns what the client saw: "served", "rst" or, on UNIX sockets, "end"."""
    bind = source and address.tcp(source, 0)
    with peers.connect(to or here.weir.address, bind=bind) as sock:
        try:
            exchange(sock)
        except ConnectionResetError:
            return "rst"
        except (AssertionError, BrokenPipeError):
            return "end"  # UNIX sockets have no reset
        return "served"


def one(here, to=None, **more):
    return [listener("web", str(to or here.weir.address), **more)]


@WORKERS
def test_denied_client_is_reset_and_no_server_sees_it(workers):
    served = []

    def serve(sock):
        served.append(sock)
        peers.echo(sock)

    with house(workers=workers, serve=serve) as here:
        here.reload(listeners=one(here, allow=["127.0.0.0/29"], deny=["127.0.0.2/31", "127.0.0.5"]))
        for last in (1, 4, 6, 7):
            assert call(here, f"127.0.0.{last}") == "served"
        for last in (2, 3, 5, 8, 200):
            assert call(here, f"127.0.0.{last}") == "rst"
        assert len(served) == 4
        here.weir.record("close", nth=4, reason="denied")
        for last in (2, 3, 5, 8, 200):
            lines = [line for line in here.weir.records("close", reason="denied")
                     if line["client"].startswith(f"127.0.0.{last}:")]
            assert len(lines) == 1
            assert (lines[0]["by"], lines[0]["level"], lines[0]["server"]) == ("weir", "info", "")


def test_lists_name_files_families_and_unix_peers(folder):
    with house() as here:
        partners = os.path.join(here.weir.folder, "partners")
        with open(partners, "w", encoding="ascii") as file:
            file.writelines(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}\n" for i in range(100000))
            file.write("127.0.0.3\n")
        port = here.weir.address.sockaddr[1]
        any_v4 = address.tcp("127.0.0.1", port)
        any_v6 = address.tcp("::1", port)
        # One IPv6 socket accepts both families; an IPv4 client is judged by its IPv4 address.
        here.reload(listeners=one(here, f"*:{port}", allow=["file:partners"]))
        assert [call(here, f"127.0.0.{last}", any_v4) for last in (2, 3)] == ["rst", "served"]
        assert call(here, to=any_v6) == "rst"
        here.reload(listeners=one(here, f"*:{port}", deny=["::/0"]))
        assert (call(here, to=any_v4), call(here, to=any_v6)) == ("served", "rst")
        here.reload(listeners=one(here, f"*:{port}", allow=["::1"]))
        assert (call(here, to=any_v4), call(here, to=any_v6)) == ("rst", "served")

        path = here.free("unix")
        web = [*one(here, f"*:{port}"), listener("local", str(path), allow=["127.0.0.1"])]
        here.reload(listeners=web)
        assert call(here, to=path) in ("rst", "end")
        assert here.weir.close_line(listener="local")["reason"] == "denied"
        for lists in ({"allow": ["unix"]}, {"allow": ["any"]}, {"deny": ["0.0.0.0/0", "::/0"]}):
            here.reload(listeners=[web[0], listener("local", str(path), **lists)])
            assert call(here, to=path) == "served"
        here.reload(listeners=[web[0], listener("local", str(path), deny=["unix"])])
        assert call(here, to=path) in ("rst", "end")


@WORKERS
def test_flood_of_refusals_is_a_few_lines_a_second_and_a_count(workers):
    with house(workers=workers) as here:
        here.reload(listeners=one(here, deny=["127.0.0.2"]))
        for _ in range(FLOOD):
            assert call(here, "127.0.0.2") == "rst"

        def told():
            lines = here.weir.records("close", reason="denied")
            more = here.weir.records("refused_more", listener="web", reason="denied")
            return len(lines), sum(int(line["clients"]) for line in more), len(more)

        wait.until(lambda: sum(told()[:2]) == FLOOD, "each refusal in a line or a count")
        lines, _, looks = told()
        assert lines <= 5 * (looks + 1)


def held(here, source):
    sock = here.stack.enter_context(peers.connect(here.weir.address, bind=address.tcp(source, 0)))
    exchange(sock)
    return sock


@WORKERS
def test_reload_ends_open_pairs_that_it_denies_only_when_it_applies_access(workers):
    with house(workers=workers) as here:
        good = [held(here, "127.0.0.1") for _ in range(4)]
        bad = [held(here, "127.0.0.2") for _ in range(4)]
        here.reload(listeners=one(here, deny=["127.0.0.2"]))
        for sock in good + bad:
            exchange(sock)
        here.reload(reload={"apply_to_open_pairs": ["access"]}, listeners=one(here, deny=["127.0.0.2"]))
        for sock in bad:
            assert peers.end_of(sock) in ("fin", "rst")  # as with `lifetime`: FIN if the pair is quiet, else RST
            line = here.weir.close_line(client=peers.name(sock))
            assert (line["by"], line["reason"], line["level"]) == ("weir", "access", "info")
        for sock in good:
            exchange(sock)
        assert len(here.weir.records("close")) == len(bad)


@WORKERS
def test_lists_are_swapped_under_load(workers):
    """Each pair ends with `access` when its source is denied; pairs of a source that stays allowed go on."""
    with house(workers=workers) as here:
        always = [held(here, "127.0.0.1") for _ in range(3)]
        for i in range(12):
            now, gone = f"127.0.1.{i % 2}", f"127.0.1.{(i + 1) % 2}"
            here.reload(reload={"apply_to_open_pairs": ["access"]},
                        listeners=one(here, allow=["127.0.0.1", now], deny=[gone]))
            assert (call(here, gone), call(here, now), call(here)) == ("rst", "served", "served")
            denied = [held(here, now) for _ in range(5)]
            for sock in always:
                exchange(sock)
            here.reload(reload={"apply_to_open_pairs": ["access"]},
                        listeners=one(here, allow=["127.0.0.1", gone], deny=[now]))
            for sock in denied:
                peers.end_of(sock)
                here.weir.close_line(client=peers.name(sock), reason="access")  # an older client may have had the port
                sock.close()
        for sock in always:
            exchange(sock)


def test_client_that_ends_before_it_is_refused_is_refused_all_the_same():
    """The bytes that the client sent, and its reset, change nothing: weir does not look at them."""
    with house() as here:
        here.reload(listeners=one(here, allow=["127.0.0.2"]))
        sock = peers.connect(here.weir.address)
        with contextlib.suppress(OSError):
            sock.sendall(b"x" * 1000)
            sock.shutdown(socket.SHUT_WR)
        sock.close()
        peers.reset(peers.connect(here.weir.address))
        here.weir.record("close", nth=1, reason="denied")
        assert call(here, "127.0.0.2") == "served"


def announced(here, source, to=None):
    """Connects as a proxy that announces a client from `source`, and returns what it saw, as call()."""
    with peers.connect(to or here.weir.address) as sock:
        try:
            sock.sendall(f"PROXY TCP4 {source} 198.51.100.1 40000 443\r\n".encode())
            exchange(sock)
        except (ConnectionResetError, BrokenPipeError):
            return "rst"
        except AssertionError:
            return "end"
        return "served"


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_client_whom_a_header_announces_is_judged_in_place_of_the_proxy(transport):
    refused = ("rst", "end") if transport == "unix" else ("rst",)
    with house(transport) as here:
        here.reload(listeners=one(here, accept_proxy=["127.0.0.1", "unix"], allow=["192.0.2.0/24"],
                                  deny=["192.0.2.7", "127.0.0.1", "unix"]))
        assert announced(here, "192.0.2.1") == "served"
        for source in ("192.0.2.7", "198.51.100.9"):
            assert announced(here, source) in refused
            line = here.weir.close_line(client=f"{source}:40000")
            assert (line["by"], line["reason"], line["server"]) == ("weir", "denied", "")
            assert line["peer"].startswith("127.0.0.1:" if transport == "tcp4" else "unix:")


def test_reload_judges_who_has_not_been_announced_yet_by_its_header():
    """weir does not judge a client before its header is complete, nor by the address of the proxy, which is denied."""
    with house() as here:
        lists = {"accept_proxy": ["127.0.0.1"], "deny": ["127.0.0.1"]}
        here.reload(listeners=one(here, **lists))
        waiting = [here.client() for _ in range(2)]
        for sock in waiting:
            sock.sendall(b"PROXY TCP4 192.0.2")
        open_pair = here.client()
        open_pair.sendall(b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\nhello")
        assert peers.read_exactly(open_pair, 5) == b"hello"
        lists["deny"].append("192.0.2.1")
        here.reload(listeners=one(here, **lists), reload={"apply_to_open_pairs": ["access"]})
        assert peers.end_of(open_pair) in ("fin", "rst")
        assert here.weir.close_line(client="192.0.2.1:1")["reason"] == "access"
        waiting[0].sendall(b".1 198.51.100.1 3 2\r\n")
        assert peers.end_of(waiting[0]) == "rst"
        assert here.weir.close_line(client="192.0.2.1:3")["reason"] == "denied"
        waiting[1].sendall(b".2 198.51.100.1 4 2\r\n")
        exchange(waiting[1])
