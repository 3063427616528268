# SPDX-License-Identifier: ISC
"""Other proxies before and behind weir: HAProxy and nginx from Debian, each with a config of a few lines."""

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
    """Runs a program in this folder; its output is printed when something fails."""
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
    """The Address of a HAProxy that relays to the Address `server`, with these options in its server and bind lines."""
    program = _program("haproxy")
    path = server.text.removeprefix("unix:")
    where = server.text if not server.is_unix else f"abns{path}" if path[0] == "@" else f"unix@{path}"
    with tempfile.TemporaryDirectory(prefix="weir-") as folder, \
            contextlib.closing(peers.Upstream(transport, folder)) as made:  # listens already: nobody waits for HAProxy
        fd = made.sock.fileno()
        config = os.path.join(folder, "haproxy.cfg")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_HAPROXY.format(fd=fd, bind=bind, server=f"{where} {options}"))
        with _running([program, "-db", "-f", config], folder, pass_fds=[fd]):
            yield made.address


@contextlib.contextmanager
def nginx(server, more="", listen="", transport="tcp4"):
    """The Address of an nginx that relays to the Address `server`. `more` is added to its server block, `listen` to
    its own address."""
    program = _program("nginx")
    with tempfile.TemporaryDirectory(prefix="weir-") as folder:
        made = address.free(transport, folder)
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_NGINX.format(module=NGINX_STREAM, folder=folder, server=server, more=more,
                                     listen=f"{made} {listen}"))
        with _running([program, "-p", folder, "-c", config], folder) as process:
            # nginx listens once it has written its pid. A connect, as a trial, would be one more client for weir.
            wait.until(lambda: process.poll() is not None or os.path.exists(os.path.join(folder, "nginx.pid")),
                       "nginx has begun")
            yield made


def through(where, sent=b"ping"):
    """A client that has connected to `where` and has sent these bytes."""
    client = peers.connect(where)
    client.sendall(sent)
    return client
