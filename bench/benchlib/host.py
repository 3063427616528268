# SPDX-License-Identifier: ISC
"""What the benches need of the host: packages, binaries, ports, processes that come and go."""
import contextlib
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"
SOCKET_PROXYD = "/lib/systemd/systemd-socket-proxyd"
READY_S = 60

# Debian has daemons there; not every user has these folders in PATH.
os.environ["PATH"] += ":/usr/sbin:/sbin"

# For each name: the files and programs that must be there, and the packages of Debian that have them.
PACKAGES = {
    "haproxy": (["haproxy"], ["haproxy"]),
    "nginx": (["nginx", NGINX_STREAM], ["nginx-light", "libnginx-mod-stream"]),
    "socat": (["socat"], ["socat"]),
    "stunnel": (["stunnel4", "openssl"], ["stunnel4", "openssl"]),
    "socket-proxyd": ([SOCKET_PROXYD], ["systemd"]),
    "iperf3": (["iperf3"], ["iperf3"]),
    "wrk": (["wrk"], ["wrk"]),
    "gcc": (["gcc"], ["gcc", "libc6-dev"]),
}


def install(name, allowed=True):
    """Installs the program if it is missing, if that is allowed and we are root; returns whether it is there."""
    wanted, packages = PACKAGES[name]

    def there():
        return all(shutil.which(one) or (one.startswith("/") and os.path.exists(one))
                   for one in wanted)

    if allowed and not there() and os.geteuid() == 0:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages],
                       env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    return there()


def build():
    """Builds weir and weirload as a distribution would; returns their paths."""
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", BUILD, "--buildtype=debugoptimized", "-Dtests=false"],
                       cwd=ROOT, stdout=sys.stderr, check=True)
    subprocess.run(["ninja", "-C", BUILD, "weir", "src/load/weirload"], stdout=sys.stderr, check=True)
    return BUILD / "weir", BUILD / "src" / "load" / "weirload"


def stolen_ms():
    """How long so far this virtual machine has wanted a processor that its host did not give to it (steal time)."""
    with open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[8]) * 1000 / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def awake():
    """
    Keeps idle processors from sleeping (PM QoS, see Linux: Documentation/power/pm_qos_interface.rst).
    If a virtual machine's processor sleeps between two events, its host gives it to others, and it may come
    back milliseconds later: the bench would measure that, not the proxy.
    """
    with contextlib.ExitStack() as stack:
        try:
            latency = stack.enter_context(open("/dev/cpu_dma_latency", "wb", buffering=0))
            latency.write(struct.pack("i", 0))
        except OSError as error:
            print(f"the processors may sleep ({error}): as root they would not", file=sys.stderr)
        yield


def raise_fd_limit():
    """Raises the limit of open files as far as allowed, and returns it."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return limit


_reserved = []


def free_port():
    """
    A port of loopback below those of outgoing connections, which no other process takes until this one
    ends: a socket is bound to it, and only a process that sets SO_REUSEADDR, as servers do, can bind it too.
    """
    while True:
        with socket.socket() as sock:
            port = random.randrange(10000, 30000)
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                _reserved.append(sock.dup())
                return port


def listens(port):
    """Whether a socket listens on the port; does not connect to it."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        return any(f":{port:04X} 00000000:0000 0A" in line for line in file)


@contextlib.contextmanager
def running(name, command, port, **popen):
    """Runs the program until the with block ends; the block begins when it listens."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **popen) as process:
        try:
            end = time.monotonic() + READY_S
            while not listens(port):
                if process.poll() is not None:
                    raise RuntimeError(f"{name} has ended at once, with status {process.returncode}")
                if time.monotonic() > end:
                    raise RuntimeError(f"{name} does not listen after {READY_S} s")
                time.sleep(0.02)
            yield process
        finally:
            # The first SIGTERM drains weir, the second stops it at once.
            for _ in range(2):
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)
            process.kill()
