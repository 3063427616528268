# SPDX-License-Identifier: ISC
"""
The edge features of the proxies of bench/peers: PROXY headers in and out, and routes by the name in a
ClientHello. For each kind of proxy, a function returns what to write for the placeholders of its template in
proxies.py.
"""
import os
import ssl

# A PROXY header of version 2 (the client 192.0.2.7:40000 connected to 192.0.2.1:443), then a request.
PROXIED_REQUEST = (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 192, 0, 2, 1]) + b"\x9c\x40\x01\xbb"
                   b"GET / HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n")


def hello(name):
    """The ClientHello of OpenSSL that asks for this name."""
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def proxy_headers(kind, _):
    """Accepts headers from everybody, and sends version 2 (nginx can only send version 1)."""
    return {"weir": {"listener": 'accept_proxy = [ "any" ]; ', "upstream": 'send_proxy = "v2"; '},
            "haproxy": {"bind": " accept-proxy", "send": " send-proxy-v2"},
            "nginx": {"listen": " proxy_protocol", "look": "proxy_protocol on;"}}[kind]


def names(count):
    return [f"n{number}.example.test" for number in range(count)]


def routes(count):
    """Routes `count` names, each to the one upstream; other clients are not served."""
    def values(kind, folder):
        if kind == "weir":
            return {"listener": "routes = ( " + ", ".join(
                f'{{ sni = "{name}"; upstream = "bench"; }}' for name in names(count)) + " ); ", "own": ""}
        if kind == "haproxy":
            path = os.path.join(folder, "names")
            with open(path, "w", encoding="ascii") as file:
                file.writelines(f"{name} bench-servers\n" for name in names(count))
            return {"kind": "frontend", "rules": "tcp-request inspect-delay 5s\n"
                    "    tcp-request content accept if { req_ssl_hello_type 1 }\n"
                    f"    use_backend %[req_ssl_sni,lower,map({path})]\nbackend bench-servers"}
        return {"look": "ssl_preread on;", "target": "$upstream",
                "map": "map_hash_max_size 65536; map_hash_bucket_size 128;\n    map $ssl_preread_server_name $upstream {\n"
                + "".join(f"        {name} bench;\n" for name in names(count)) + "    }"}
    return values
