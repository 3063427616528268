# SPDX-License-Identifier: ISC
"""
The proxies that bench/peers compares. Each has one thread (or `workers` of them), no log that costs time,
and its defaults otherwise.

Each is started anew in every round, as an unprivileged user if the bench runs as root: such a user has
fewer pipes (pipe-user-pages-soft), and no proxy should run as root.
"""
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile

from benchlib.cost import Account
from benchlib.host import NGINX_STREAM, ROOT, SOCKET_PROXYD, free_port, running

WEIR_CONF = """\
workers = {workers};
log = {{ level = "{log}"; }};
relay = {{ splice = "{splice}"; }};
listeners = ( {{ name = "bench"; listen = "127.0.0.1:{port}"; {listener}{own}}} );
upstreams = ( {{ name = "bench"; {upstream}servers = (
    {servers}
); }} );
"""

HAPROXY_CONF = """\
global
    nbthread {workers}
    maxconn {pairs}
defaults
    mode tcp
    maxconn {pairs}
    timeout connect 5s
    timeout client 10m
    timeout server 10m
    {splice}
{kind} bench
    bind 127.0.0.1:{port} backlog 4096{bind}
    {rules}
    balance roundrobin
    {servers}
"""

NGINX_HEAD = """\
worker_processes {workers};
worker_rlimit_nofile {fds};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections {fds}; }}
"""

NGINX_CONF = "load_module {module};\n" + NGINX_HEAD + """\
stream {{
    {map}
    upstream bench {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096{listen};
        {look}
        proxy_pass {target};
    }}
}}
"""

# The server behind the proxies: the same for all, and cheap.
ORIGIN_CONF = NGINX_HEAD + """\
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_header_timeout 1h;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        {listens}
        location / {{ return 200 "weir\\n"; }}
    }}
}}
"""

# Does what systemd does for a service with a socket: passes it as fd 3, and sets LISTEN_FDS and LISTEN_PID.
ACTIVATE = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


# For each proxy: how its config writes a server, and the separator of two.
SERVERS = {"weir": ('{{ address = "{0}"; }}', ",\n    "),
           "haproxy": ("server s{1} {0}{2}", "\n    "),
           "nginx": ("server {0};", "\n        ")}
ADDRESSES_MAX = 1000
# The values of a template's placeholders if the work has no edge feature (edge.py).
PLAIN = {"listener": "", "own": 'upstream = "bench"; ', "upstream": "", "kind": "listen", "bind": "", "rules": "",
         "send": "", "map": "", "listen": "", "look": "", "target": "bench"}


def addresses(count, port):
    """`count` servers: each is the origin, at another address of the loopback."""
    return [f"127.0.{number // 250}.{number % 250 + 1}:{port}" for number in range(count)]


class Proxy:
    """One proxy of the comparison, with one set of options."""

    def __init__(self, name, title, kind, needs=None, fds_a_pair=2, **values):
        self.name = name
        self.title = title
        self.kind = kind
        self.needs = needs
        self.fds_a_pair = fds_a_pair
        self.values = values


PROXIES = {one.name: one for one in [
    Proxy("weir", "weir", "weir", splice="auto", log="warn"),
    Proxy("weir-before", "weir, before", "weir-before", splice="auto", log="warn"),
    Proxy("weir-info", "weir, closing lines logged", "weir", splice="auto", log="info"),
    Proxy("weir-copy", "weir, splice off", "weir", splice="off", log="warn"),
    Proxy("weir-2", "weir, 2 workers", "weir", splice="auto", log="warn", workers=2),
    Proxy("haproxy", "HAProxy", "haproxy", "haproxy", splice=""),
    Proxy("haproxy-splice", "HAProxy, splicing", "haproxy", "haproxy", pairs=1000,
          splice="option splice-request\n    option splice-response"),
    Proxy("nginx", "nginx", "nginx", "nginx"),
    Proxy("socket-proxyd", "systemd-socket-proxyd", "socket-proxyd", "socket-proxyd",
          fds_a_pair=6),
    Proxy("floor", "floor", "floor", "gcc"),
    Proxy("floor-splice", "floor, splicing", "floor", "gcc", splice="splice"),
]}


class Stage:
    """The folder where the proxies run: their user can read it, and it has their binaries."""

    def __init__(self, args, folder):
        self.args = args
        self.fds = args.fds
        self.folder = folder
        self.weir = shutil.copy(args.weir, os.path.join(folder, "weir"))
        self.before = args.before and shutil.copy(args.before, os.path.join(folder, "weir-before"))
        self.floor = os.path.join(folder, "floor")
        self.opener = os.path.join(folder, "opener")

    def build(self, path):
        """Builds a program of bench/ that meson does not build for this; returns whether it is there."""
        source = ROOT / "bench" / f"{os.path.basename(path)}.c"
        return os.path.exists(path) or subprocess.run(
            ["gcc", "-O2", "-D_GNU_SOURCE", "-o", path, source], stdout=sys.stderr, check=False).returncode == 0

    def user(self, name):
        """The arguments with which Popen runs a program as this user; None is our own user."""
        return {"user": name, "group": "nogroup", "extra_groups": []} if name else {}

    def command(self, proxy, folder, values, sock):
        """Writes the proxy's config, and returns the command that runs it in the foreground."""
        path = os.path.join(folder, "conf")
        if proxy.kind == "floor":
            splice = [proxy.values["splice"]] if "splice" in proxy.values else []
            return [self.floor, str(values["port"]), str(values["server"]), *splice]
        if proxy.kind == "socket-proxyd":
            return [sys.executable, "-c", ACTIVATE, str(sock.fileno()), SOCKET_PROXYD,
                    f"--connections-max={values['fds']}", f"127.0.0.1:{values['server']}"]
        nginx = ["nginx", "-p", folder, "-e", f"{folder}/error.log", "-c", path]
        template, command = {
            "weir": (WEIR_CONF, [self.weir, "-c", path]),
            "weir-before": (WEIR_CONF, [self.before, "-c", path]),
            "haproxy": (HAPROXY_CONF, ["haproxy", "-db", "-q", "-f", path]),
            "nginx": (NGINX_CONF, nginx),
            "origin": (ORIGIN_CONF, nginx),
        }[proxy.kind]
        with open(path, "w", encoding="ascii") as file:
            file.write(template.format(**values))
        return command

    @contextlib.contextmanager
    def run(self, proxy, server, user, count=1, edge=None):
        """Runs the proxy in front of the server at this port, which its config has as `count` servers. Yields the
        proxy's port, and the account of its cost. `edge` returns, for kind and folder, additions to its config."""
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True))
            if user:
                shutil.chown(folder, user, "nogroup")
            sock = None
            port = free_port()
            if proxy.kind == "socket-proxyd":
                sock = stack.enter_context(socket.socket())
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("127.0.0.1", port))
                sock.listen(4096)
            values = {"workers": 1, "port": port, "server": server, "folder": folder,
                      "fds": self.fds, "pairs": self.fds // 2 - 100, "module": NGINX_STREAM,
                      "listens": "\n        ".join(
                          f"listen {one} backlog=4096{proxy.values.get('proxied', '')};"
                          for one in addresses(ADDRESSES_MAX, port)),
                      **PLAIN, **proxy.values}
            kind = proxy.kind.split("-")[0]
            if edge:
                values.update(edge(kind, folder))
            if kind in SERVERS:
                form, between = SERVERS[kind]
                values["servers"] = between.join(form.format(one, number, values["send"])
                                                 for number, one in enumerate(addresses(count, server)))
            command = self.command(proxy, folder, values, sock)
            log = stack.enter_context(open(os.path.join(folder, "log"), "wb"))
            process = stack.enter_context(running(
                proxy.name, command, port, stdout=log, stderr=log,
                pass_fds=[sock.fileno()] if sock else [], **self.user(user)))
            yield port, Account(process.pid)
