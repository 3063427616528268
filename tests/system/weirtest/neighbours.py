# SPDX-License-Identifier: ISC
"""Other proxies before and behind weir, from Debian: HAProxy and nginx, each run by a config of a few lines."""

import contextlib
import os
import shutil
import subprocess
import tempfile

import pytest

from . import address, peers, wait
from .settings import DEADLINE

NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"

_HAPROXY = """\
global
    nbthread 1
    maxconn 1000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen one
    bind fd@{fd} {bind}
    server one {server}
"""

_NGINX = """\
load_module {module};
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1000; }}
stream {{
    server {{
        listen {listen};
        {more}
        proxy_pass {server};
    }}
}}
"""


def _program(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None or (name == "nginx" and not os.path.exists(NGINX_STREAM)):
        pytest.skip(f"{name} is not installed: scripts/setup test")
    return found


@contextlib.contextmanager
def _running(argv, folder, **popen):
    """Runs it in its folder; what it has said is shown when something fails."""
    with open(os.path.join(folder, "said"), "w+", encoding="utf-8") as said:
        process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, **popen)
        try:
            yield process
            assert process.poll() is None, f"{argv[0]} has ended"
        except BaseException:
            said.seek(0)
            print(said.read())
            raise
        finally:
            process.terminate()
            process.wait(DEADLINE)


@contextlib.contextmanager
def haproxy(server, options="", bind="", transport="tcp4"):
    """The Address of a HAProxy that relays to the Address `server`, with these options of it and of its listener."""
    program = _program("haproxy")
    path = server.text.removeprefix("unix:")
    where = server.text if not server.is_unix else f"abns{path}" if path[0] == "@" else f"unix@{path}"
    with tempfile.TemporaryDirectory(prefix="weir-") as folder, \
            contextlib.closing(peers.Upstream(transport, folder)) as made:  # it listens: nobody waits for HAProxy
        fd = made.sock.fileno()
        config = os.path.join(folder, "haproxy.cfg")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_HAPROXY.format(fd=fd, bind=bind, server=f"{where} {options}"))
        with _running([program, "-db", "-f", config], folder, pass_fds=[fd]):
            yield made.address


@contextlib.contextmanager
def nginx(server, more="", listen="", transport="tcp4"):
    """The Address of an nginx that relays to the Address `server`; `more` stands in its server's block, `listen`
    behind its own address."""
    program = _program("nginx")
    with tempfile.TemporaryDirectory(prefix="weir-") as folder:
        made = address.free(transport, folder)
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_NGINX.format(module=NGINX_STREAM, folder=folder, server=server, more=more,
                                     listen=f"{made} {listen}"))
        with _running([program, "-p", folder, "-c", config], folder) as process:
            # It listens when it has written its number; to connect would be a client of weir's.
            wait.until(lambda: process.poll() is not None or os.path.exists(os.path.join(folder, "nginx.pid")),
                       "nginx has begun")
            yield made


def through(where, sent=b"ping"):
    """A client that is connected to it and has spoken."""
    client = peers.connect(where)
    client.sendall(sent)
    return client
