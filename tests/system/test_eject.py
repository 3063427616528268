# SPDX-License-Identifier: ISC
"""Servers at which pairs fail are ejected for a while; nothing that a hostile client sends ejects one."""

import contextlib
import time

import pytest

from weirtest import announced, config, peers
from weirtest.daemon import Free, Weir
from weirtest.rig import relay

NEVER = "1000s"
N_CLIENTS = 300


def eject(**changes):
    """Settings of an upstream with which only the number of failures decides, and no time does."""
    return {"eject": {"failures": 3, "within": NEVER, "for": NEVER, **changes}}


def echoing(transport, folder):
    return peers.Server(transport, folder, peers.echo)


def resetting(transport, folder):
    """A server that resets each connection at once."""
    return peers.Server(transport, folder, peers.reset)


def touchy(transport, folder):
    """A server that resets a connection after its first byte, or at its end of input."""
    def serve(sock):
        sock.recv(1)
        peers.reset(sock)
    return peers.Server(transport, folder, serve)


def assert_echoes(rig):
    with contextlib.closing(rig.client()) as client:
        client.sendall(b"ping")
        assert peers.read_exactly(client, 4) == b"ping"


def assert_quiet(rig):
    assert not rig.weir.records("server_ejected")


@pytest.mark.parametrize("workers", (1, 4))
def test_one_of_three_servers_is_dead_and_no_client_fails(workers):
    servers = [peers.RefusingUpstream, echoing, echoing]
    with relay(servers=servers, upstream_settings=eject(), workers=workers) as rig:
        for _ in range(3):
            assert_echoes(rig)
        told = rig.weir.record("server_ejected", level="warn", upstream="relay")
        assert (told["why"], told["errno"], told["failures"]) == ("connect_failed", "ECONNREFUSED", "3")
        for _ in range(N_CLIENTS - 3):
            assert_echoes(rig)
        rig.weir.record("close", N_CLIENTS - 1)
        closed = rig.weir.records("close")
        assert len([one for one in closed if "tried" in one]) == 3
        assert not [one for one in closed if one["reason"] != "eof"]
        assert len(rig.weir.records("server_ejected")) == 1


def test_an_ejected_server_comes_back_when_its_time_is_over(folder):
    gone = peers.Upstream("tcp4", folder)
    gone.close()
    with contextlib.closing(echoing("tcp4", folder)) as spare:
        made = config.relay(Free("tcp4"), gone, spare)
        made["upstreams"][0].update(eject(**{"for": "300ms"}))
        with Weir({"workers": 2, **made}) as weir:
            for _ in range(3):
                with peers.connect(weir.address) as client:
                    client.sendall(b"x")
                    assert peers.read_exactly(client, 1) == b"x"
            weir.record("server_ejected", server=str(gone), for_ms="300.000")
            with contextlib.closing(peers.Upstream(None, None, at=gone.address)) as back:
                told = weir.record("server_returned", server=str(gone), why="time")
                assert float(told["lasted_ms"]) >= 300
                with peers.connect(weir.address), back.accept():
                    pass  # it is the first server again


def test_resets_before_the_first_byte_eject():
    with relay(servers=[resetting, echoing], upstream_settings=eject()) as rig:
        for _ in range(3):
            assert peers.end_of(rig.client()) == "rst"
        told = rig.weir.record("server_ejected")
        assert told["why"] in ("reset", "connect_failed") and told["errno"] == "ECONNRESET"
        assert_echoes(rig)


def test_a_connect_that_times_out_ejects():
    with relay(servers=[peers.BlackHole, echoing], upstream_settings=eject(failures=1),
               timeouts={"connect": "50ms"}) as rig:
        assert_echoes(rig)
        assert rig.weir.record("server_ejected")["why"] == "connect_timeout"
        assert_echoes(rig)
        rig.weir.record("close", 1)
        assert len([one for one in rig.weir.records("close") if "tried" in one]) == 1


def test_a_client_that_sends_what_a_server_resets_for_ejects_none():
    with relay(servers=[touchy, echoing], upstream_settings=eject()) as rig:
        for _ in range(6):
            with contextlib.closing(rig.client()) as client:
                client.sendall(b"x")
                assert peers.end_of(client) == "rst"
        rig.weir.record("close", 5)
        assert_quiet(rig)


def test_resets_for_a_fin_alone_eject():
    """The server has not received a byte of the client."""
    with relay(servers=[touchy, echoing], upstream_settings={**eject(), "balance": "first"}) as rig:
        for _ in range(3):
            with contextlib.closing(rig.client()) as client:
                peers.fin(client)
                assert peers.end_of(client) == "rst"
        assert rig.weir.record("server_ejected")["why"] == "reset"


@pytest.mark.parametrize("told", ("authority", "alpn", "received"))
def test_resets_for_what_a_balancer_said_eject(told):
    """A PROXY header is no byte of the client, whatever is in it."""
    values = b"\x01\0\x02h2" + b"\x02\0\x06a.test"
    header = announced.SIGNATURE + b"\x21\x11" + (12 + len(values)).to_bytes(2, "big") + bytes(12) + values
    with relay(servers=[touchy, echoing], listener={"accept_proxy": ["any"]},
               upstream_settings={**eject(), "balance": "first", "send_proxy": "v2", "send_proxy_tlvs": [told]}) as rig:
        for _ in range(3):
            with contextlib.closing(rig.client()) as client:
                client.sendall(header)
                assert peers.end_of(client) == "rst"
        assert rig.weir.record("server_ejected")["why"] == "reset"


def test_a_client_that_resets_at_once_ejects_none():
    with relay(servers=[touchy, echoing], upstream_settings=eject()) as rig:
        for _ in range(30):
            peers.reset(rig.client())
        rig.weir.record("close", 29)
        assert_quiet(rig)


def test_a_client_that_resets_while_its_server_is_connected_to_ejects_none():
    with relay(servers=[peers.BlackHole, echoing], upstream_settings=eject(failures=1),
               timeouts={"connect": NEVER}) as rig:
        for n in range(6):
            client = rig.client()
            time.sleep(0.01)  # so that some have begun to connect; if none has, the test still holds
            peers.reset(client)
            rig.weir.record("close", n, reason="reset", by="client")
        assert_quiet(rig)


def test_a_reload_keeps_what_is_ejected_until_eject_is_off():
    with relay(servers=[peers.RefusingUpstream, echoing], upstream_settings=eject(),
               daemon={"control": True}) as rig:
        for _ in range(3):
            assert_echoes(rig)
        dead = rig.weir.record("server_ejected")["server"]
        assert rig.weir.reload(rig.weir.settings).returncode == 0
        for _ in range(3):
            assert_echoes(rig)
        assert not rig.weir.records("server_returned")
        rig.weir.settings["upstreams"][0]["eject"] = "off"
        assert rig.weir.reload(rig.weir.settings).returncode == 0
        rig.weir.record("server_returned", server=dead, why="off")
        for _ in range(6):
            assert_echoes(rig)
        rig.weir.record("close", 11)
        assert len([one for one in rig.weir.records("close") if "tried" in one]) == 9
        assert len(rig.weir.records("server_ejected")) == 1


def test_the_last_usable_server_is_tried_whatever_it_does():
    with relay(servers=[peers.RefusingUpstream], upstream_settings=eject()) as rig:
        for _ in range(10):
            client = rig.client()
            assert peers.end_of(client) == "rst"
        rig.weir.record("close", 9, reason="connect_failed")
        assert_quiet(rig)
