# SPDX-License-Identifier: ISC
"""Routes by the client's SNI, ALPN and address, with real clients and servers of TLS."""

import contextlib
import subprocess
import time

import pytest

from weirtest import address, announced, peers, tls
from weirtest.clock import within
from weirtest.daemon import Free, Weir
from weirtest.house import exchange, house, listener, say
from weirtest.settings import DEADLINE, scaled

NAMES = {"a": ("a.test",), "b": ("x.b.test", "y.x.b.test"), "h2": ("h2.test",), "own": ("own.test",)}
ROUTES = [{"sni": ["a.test"], "upstream": "a"}, {"sni": ["*.b.test"], "upstream": "b"},
          {"alpn": ["h2", "h2c"], "upstream": "h2"}]


@pytest.fixture(name="certificates", scope="module")
def certificates_(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {name: tls.Certificate(folder, *names) for name, names in NAMES.items()}


def upstream_of(name, server, **more):
    return {"name": name, "servers": [{"address": str(server)}], **more}


@contextlib.contextmanager
def routed(folder, works, routes, transport="tcp4", own=None, workers=1, **more):
    """A weir with these routes. `works` has the name of each upstream, and what its server does with a connection."""
    with contextlib.ExitStack() as stack:
        ups = [upstream_of(name, stack.enter_context(contextlib.closing(peers.Server("tcp4", folder, work))))
               for name, work in works.items()]
        settings = {"workers": workers, "upstreams": ups,
                    "listeners": [{"name": "web", "listen": Free(transport), "routes": routes,
                                   **({"upstream": own} if own else {}), **more}]}
        with Weir(settings, control=True) as weir:
            yield weir


def tls_works(certificates):
    return {name: tls.serve(certificate, *(["h2"] if name == "h2" else []))
            for name, certificate in certificates.items()}


def certificate_at(weir, name=None, **options):
    with peers.connect(weir.address) as sock, tls.handshake(sock, name, **options) as client:
        exchange(client)
        return client.getpeercert(binary_form=True)


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_each_client_shakes_hands_with_the_server_of_its_name(transport, certificates, folder):
    with routed(folder, tls_works(certificates), ROUTES, transport, own="own") as weir:
        expected = {"a.test": "a", "A.tESt": "a", "x.b.test": "b", "y.x.b.test": "b", "b.test": "own",
                    "other.test": "own", "x.a.test": "own", None: "own"}
        for version in tls.VERSIONS:
            for name, server in expected.items() if version == tls.VERSIONS[-1] else list(expected.items())[:4]:
                assert certificate_at(weir, name, version=version) == certificates[server].der, (version, name)
            h2 = certificate_at(weir, "own.test", version=version, protocols=["http/1.1", "h2"])
            assert h2 == certificates["h2"].der
            assert certificate_at(weir, "a.test", version=version, protocols=["h2"]) == certificates["a"].der
        line = weir.close_line(upstream="b", sni="y.x.b.test")
        assert (line["by"], line["reason"]) == ("client", "eof")


def test_openssl_and_curl_reach_their_servers(certificates, folder):
    with contextlib.ExitStack() as stack:
        ups = []
        for name in ("a", "b"):
            at = address.free("tcp4", folder)
            server = stack.enter_context(subprocess.Popen(
                ["openssl", "s_server", "-accept", at.text, "-cert", certificates[name].file, "-key",
                 certificates[name].key, "-www", "-quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            stack.callback(server.kill)
            ups.append(upstream_of(name, at, retry_for="20s"))
        weir = stack.enter_context(Weir({"workers": 1, "upstreams": ups, "listeners": [
            {"name": "web", "listen": Free("tcp4"), "routes": ROUTES[:2]}]}))

        def run(*command):
            return subprocess.run(command, input="", capture_output=True, text=True, timeout=DEADLINE, check=False)

        for name, host in (("a", "a.test"), ("b", "x.b.test")):
            trusted = certificates[name].file
            page = run("curl", "-sS", "--cacert", trusted, "--connect-to", f"{host}:443:{weir.address.text}",
                       f"https://{host}/")
            assert "s_server" in page.stdout, page
            for version in ("-tls1_2", "-tls1_3"):
                done = run("openssl", "s_client", "-connect", weir.address.text, "-servername", host, version,
                           "-CAfile", trusted, "-verify_return_error", "-verify_hostname", host)
                assert "Verify return code: 0 (ok)" in done.stdout, done


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_a_hello_in_pieces_is_one(transport, certificates, folder):
    works = {name: work for name, work in tls_works(certificates).items() if name in "ab"}
    with routed(folder, works, ROUTES[:2], transport) as weir:
        for size in (1, 7, None):  # bytes of a TLS record; None: one byte in each segment
            for version in tls.VERSIONS[2:]:
                client = tls.ByHand("x.b.test", version=version, protocols=["h2", "http/1.1"])
                with peers.connect(weir.address) as sock:
                    if size:
                        sock.sendall(tls.in_records(client.hello, size))
                    else:
                        for i in range(len(client.hello)):
                            sock.sendall(client.hello[i:i + 1])
                    assert client.finish(sock) == certificates["b"].der


@pytest.mark.parametrize("transport", ("tcp4", "unix"))
def test_a_hello_of_16_kib_is_the_longest(transport, folder):
    with routed(folder, {"a": peers.echo}, ROUTES[:1], transport, accept_proxy=["any"]) as weir:
        header = b"PROXY TCP6 ffff:f000::1 ffff:f000::2 65535 65535\r\n"
        hello = tls.padded(tls.ByHand("a.test").hello, 16384)
        with peers.connect(weir.address) as client:
            client.sendall(header + hello[:9000])
            client.sendall(hello[9000:] + b"more")
            assert peers.read_exactly(client, len(hello) + 4) == hello + b"more"
        with peers.connect(weir.address) as client:
            client.sendall(header + tls.padded(hello, 16389))
            assert peers.end_of(client) in peers.abort_of(client)
        assert "16 KiB" in weir.close_line(by="weir", reason="bad_preface")["error"]


def test_the_least_receive_buffer_has_room_for_the_longest_hello_behind_a_header(folder):
    """Small segments fill the kernel's buffer soonest; its window must open for the last bytes, too."""
    with routed(folder, {"a": peers.echo}, ROUTES[:1], accept_proxy=["any"],
                socket={"receive_buffer": "16k"}) as weir:
        hello = tls.padded(tls.ByHand("a.test").hello, 16384)
        for long in (False, True) * 8:
            filler = b"\xe0\x0f\xe1" + bytes(0xfe1) if long else b""  # a value that makes the header 4 KiB long
            header = announced.SIGNATURE + b"\x21\x11" + (12 + len(filler)).to_bytes(2, "big") + bytes(12) + filler
            first = header + hello + b"more"
            with peers.connect(weir.address) as client:
                for i in range(0, len(first), 7):
                    client.sendall(first[i:i + 7])
                assert peers.read_exactly(client, len(hello) + 4) == hello + b"more"


def test_a_half_hello_ends_at_its_time_and_a_wrong_one_at_once(folder):
    with routed(folder, {"a": peers.echo}, ROUTES[:1], own="a", timeouts={"preface": "300ms"}) as weir:
        hello = tls.ByHand("a.test").hello
        start = time.monotonic()
        with peers.connect(weir.address) as half, peers.connect(weir.address) as silent:
            with within(start, 0.3):
                half.sendall(hello[:-1])
            assert peers.end_of(half) == peers.end_of(silent) == "rst"
        for i in range(2):
            weir.close_line(nth=i, by="weir", reason="preface", timer="preface", upstream="")
    with routed(folder, {"a": peers.echo}, ROUTES[:1], own="a") as weir:
        with peers.connect(weir.address) as bad:
            bad.sendall(b"\x16\x03\x01\x00\x02\x02\x00")
            assert peers.end_of(bad) == "rst"
        line = weir.close_line(by="weir", reason="bad_preface")
        assert "ClientHello" in line["error"]
        with peers.connect(weir.address) as cut:
            cut.sendall(hello[:100])
            peers.fin(cut)
            assert peers.end_of(cut) == "rst"
        weir.close_line(nth=1, by="weir", reason="bad_preface")


SNI_THEN_ANY = [{"sni": ["a.test"], "upstream": "tls"}, {"from": ["127.0.0.0/8"], "upstream": "plain"}]


def test_who_speaks_no_tls_goes_on_with_the_first_byte(folder):
    with routed(folder, {"tls": say(b"T"), "plain": say(b"P"), "own": say(b"O")}, SNI_THEN_ANY, own="own") as weir:
        with peers.connect(weir.address) as client:
            client.sendall(b"G")
            assert peers.read_exactly(client, 2) == b"PG"
        with peers.connect(weir.address) as client:
            client.sendall(tls.ByHand("b.test").hello)
            assert peers.read_exactly(client, 1) == b"P"
        with peers.connect(weir.address) as client:
            client.sendall(tls.ByHand("a.test").hello)
            assert peers.read_exactly(client, 1) == b"T"
        with peers.connect(weir.address) as probe:
            peers.fin(probe)
            assert peers.end_of(probe) == "fin"


def test_a_server_that_speaks_first_is_held_up_only_where_a_route_looks(folder):
    routes = [{"from": ["127.0.0.1"], "upstream": "first"}, {"sni": ["a.test"], "from": ["127.0.0.2"],
                                                           "upstream": "looks"}]
    works = {"first": say(b"1"), "looks": say(b"2"), "own": say(b"3")}
    with routed(folder, works, routes, own="own", timeouts={"preface": "300ms"}) as weir:
        for client, said in (("127.0.0.1", b"1"), ("127.0.0.3", b"3")):
            with peers.connect(weir.address, bind=address.tcp(client, 0)) as sock:
                assert peers.read_exactly(sock, 1) == said
        with peers.connect(weir.address, bind=address.tcp("127.0.0.2", 0)) as sock:
            assert peers.end_of(sock) == "rst"  # it is not routed to the listener's own upstream
        weir.close_line(by="weir", reason="preface", upstream="")


def test_whom_no_route_takes_is_reset_and_told_in_few_lines(folder):
    with routed(folder, {"a": peers.echo}, ROUTES[:1]) as weir:
        for first in (b"plain", tls.ByHand("no.test").hello, tls.ByHand(None).hello):
            with peers.connect(weir.address) as client:
                client.sendall(first)
                assert peers.end_of(client) == "rst"
        line = weir.close_line(by="weir", reason="no_route", sni="no.test")
        assert (line["upstream"], line["server"], line["level"]) == ("", "", "info")
        for _ in range(40):
            with peers.connect(weir.address) as client:
                client.sendall(b"plain")
                assert peers.end_of(client) == "rst"
        weir.record("refused_more", listener="web", reason="no_route")
        assert len(weir.records("close", reason="no_route")) < 40


@pytest.mark.parametrize("workers", (1, pytest.param(4, marks=pytest.mark.workers)))
def test_ten_thousand_names_are_told_apart(workers, folder):
    count = scaled(10000, 1000)
    routes = [{"sni": [f"{'' if i % 2 else '*.'}n{i}.test"], "upstream": "ab"[i % 2]} for i in range(count)]
    with routed(folder, {"a": say(b"a"), "b": say(b"b")}, routes, workers=workers) as weir:
        for i in (0, 1, count // 2, count // 2 + 1, count - 2, count - 1):
            with peers.connect(weir.address) as client:
                client.sendall(tls.ByHand(f"n{i}.test" if i % 2 else f"w.n{i}.test").hello)
                assert peers.read_exactly(client, 1) == b"ab"[i % 2:i % 2 + 1]


def test_a_client_in_its_preface_keeps_the_routes_that_it_began_with(folder):
    with house() as here:
        old, new = here.server(say(b"o")), here.server(say(b"n"))

        def settings(server):
            return {"listeners": [listener("web", here.weir.address, routes=[{"sni": ["a.test"], "upstream": "r"}])],
                    "upstreams": [*here.weir.settings["upstreams"][:1], upstream_of("r" if server is old else "r2",
                                                                                   server)]}
        here.reload(**settings(old))
        hello = tls.ByHand("a.test").hello
        client = here.client()
        client.sendall(hello[:20])
        changed = settings(new)
        changed["listeners"][0]["routes"][0]["upstream"] = "r2"
        here.reload(**changed)
        client.sendall(hello[20:])
        assert peers.read_exactly(client, 1) == b"o"
        other = here.client()
        other.sendall(hello)
        assert peers.read_exactly(other, 1) == b"n"


def test_an_upstream_of_a_route_alone_is_checked(folder):
    with contextlib.closing(peers.RefusingUpstream("tcp4", folder)) as dead:
        with Weir({"workers": 1, "upstreams": [upstream_of("a", dead, check={"every": "100ms", "fall": 1})],
                   "listeners": [{"name": "web", "listen": Free("tcp4"), "routes": ROUTES[:1]}]}) as weir:
            weir.record("server_down", upstream="a")
            with peers.connect(weir.address) as client:
                client.sendall(tls.ByHand("a.test").hello)
                assert peers.end_of(client) == "rst"
            weir.close_line(by="weir", reason="no_server", upstream="a", sni="a.test")


def test_with_hash_on_sni_a_name_keeps_its_server(folder):
    with contextlib.ExitStack() as stack:
        servers = [{"name": name, "address": str(stack.enter_context(contextlib.closing(
            peers.Server("tcp4", folder, say(name.encode())))))} for name in "abc"]
        weir = stack.enter_context(Weir({"workers": 1, "listeners": [listener("web", Free("tcp4"))], "upstreams": [
            {"name": "app", "balance": "hash", "hash_on": "sni", "servers": servers}]}))

        def who(first, at):
            with peers.connect(weir.address, bind=address.tcp(f"127.0.1.{at}", 0)) as client:
                client.sendall(first)
                return peers.read_exactly(client, 1)

        picks = [{who(tls.ByHand(name).hello, at) for at in (1, 2, 3)}
                 for name in ("a.test", "b.test", "c.test", "d.test", "e.test", "E.Test")]
        assert all(len(pick) == 1 for pick in picks)
        assert len(set.union(*picks)) == 3
        assert picks[-1] == picks[-2]
        by_client = {at: who(b"plain", at) for at in range(1, 17)}
        assert set(by_client.values()) == {b"a", b"b", b"c"}
        for at, server in by_client.items():  # clients that send no name
            assert who(tls.ByHand(None).hello, at) == server


def test_a_server_is_told_the_name_and_the_protocol_that_the_client_wants_most(folder):
    with contextlib.closing(peers.Upstream("tcp4", folder)) as server:
        told = {"send_proxy": "v2", "send_proxy_tlvs": ["authority", "alpn"]}
        with Weir({"workers": 1, "upstreams": [upstream_of("a", server, **told)], "listeners": [
                {"name": "web", "listen": Free("tcp4"), "upstream": "a", "accept_proxy": ["any"],
                 "routes": ROUTES[:1]}]}) as weir:
            for hello, tlvs in ((tls.ByHand("a.test", protocols=["h2", "http/1.1"]).hello,
                                 {announced.AUTHORITY: b"a.test", announced.ALPN: b"h2"}),
                                (tls.ByHand("a.test").hello, {announced.AUTHORITY: b"a.test"}), (b"plain", {})):
                with peers.connect(weir.address) as client:
                    client.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\n" + hello)
                    with server.accept() as sock:
                        header = announced.read(sock)
                        assert (header.source, header.tlvs) == ("192.0.2.7:40000", tlvs)
                        assert peers.read_exactly(sock, len(hello)) == hello
            weir.close_line(client="192.0.2.7:40000", sni="a.test")


def test_reset_at_once_where_no_look_is_needed(folder):
    with routed(folder, {"a": peers.echo}, [{"from": ["10.0.0.0/8"], "upstream": "a"}]) as weir:
        with peers.connect(weir.address) as client:
            assert peers.end_of(client) == "rst"
        weir.close_line(by="weir", reason="no_route")
