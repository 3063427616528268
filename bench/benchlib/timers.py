# SPDX-License-Identifier: ISC
"""
What bench/timeouts compares: proxies with one thread, in which all timers have the same timeout, and the
scenarios that one suite of weirload runs through all of them.
"""
import contextlib
import os
import resource
import socket
import subprocess
import sys

from benchlib.host import NGINX_STREAM, SOCKET_PROXYD, free_port, running
from benchlib.proxies import ACTIVATE

WEIR_CONF = """\
workers = 1;
log = {{ level = "error"; }};
control = {{ listen = "unix:{folder}/control"; }};
timeouts = {{ idle = "{ms}ms"; half_close = "{ms}ms"; write_stall = "{ms}ms"; connect = "{ms}ms"; }};
listeners = ( {{ name = "bench"; listen = "127.0.0.1:{port}"; server = "127.0.0.1:{server}"; }} );
"""

HAPROXY_CONF = """\
global
    nbthread 1
    maxconn {pairs}
defaults
    mode tcp
    retries 0
    maxconn {pairs}
    timeout connect {ms}ms
    timeout client {ms}ms
    timeout server {ms}ms
    timeout client-fin {ms}ms
    timeout server-fin {ms}ms
listen bench
    bind 127.0.0.1:{port} backlog 4096
    server bench 127.0.0.1:{server}
"""

NGINX_CONF = """\
load_module {module};
worker_processes 1;
worker_rlimit_nofile {fds};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections {fds}; }}
stream {{
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        proxy_pass 127.0.0.1:{server};
        proxy_connect_timeout {ms}ms;
        proxy_timeout {ms}ms;
        proxy_half_close on;
    }}
}}
"""

# stunnel always speaks TLS on one side, so two of its services run one behind the other.
STUNNEL_CONF = """\
foreground = yes
pid =
debug = crit
TIMEOUTidle = {s}
TIMEOUTclose = {s}
TIMEOUTconnect = {s}
TIMEOUTbusy = {s}
[outer]
client = yes
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{between}
[inner]
cert = {folder}/cert
accept = 127.0.0.1:{between}
connect = 127.0.0.1:{server}
"""

FEW = 300


class Proxy:
    """One proxy: its name in tables, how many pairs it gets at most, and how long weirload waits for a close
    that is late."""

    def __init__(self, title, package, pairs=None, wait=None):
        self.title = title
        self.package = package
        self.pairs = pairs
        self.wait = wait


PROXIES = {
    "weir": Proxy("weir", None),
    "haproxy": Proxy("HAProxy", "haproxy"),
    "nginx": Proxy("nginx", "nginx"),
    # For each pair, socat needs a process, and stunnel two threads with a TLS handshake each.
    "socat": Proxy("socat", "socat", pairs=FEW),
    "stunnel": Proxy("stunnel", "stunnel", pairs=FEW),
    # It has no timers, so waiting longer for a close is useless.
    "socket-proxyd": Proxy("socket-proxyd", "socket-proxyd", pairs=FEW, wait="1s"),
}


class Scenario:
    """One timer that is tested: its name in the table, what weirload does, and with how many pairs in a full run."""

    def __init__(self, name, short, title, pairs, **options):
        self.name = name
        self.short = short
        self.title = title
        self.pairs = pairs
        self.options = options

    def count(self, args, proxy=None):
        """The number of pairs in this run."""
        most = PROXIES[proxy].pairs if proxy else None
        wanted = max(self.pairs * args.pairs // 9000, 2)
        return min(wanted, most) if most else wanted


SCENARIOS = {one.name: one for one in [
    Scenario("idle", "idle", "the last bytes of the pairs are spread over 4/5 of the timeout",
             9000, ramp=3000),
    Scenario("mixed", "idle, at once", "all are due at one moment, while one busy pair exchanges messages",
             9000, ramp=3000, spread="0s", every="2ms"),
    Scenario("trickle", "idle, trickle", "bytes now and then, both ways, then silence",
             900, every="250ms", direction="both", **{"for": "1s"}),
    Scenario("halfclose", "half-close", "the client sends its FIN, and then nobody says anything",
             900, side="client"),
    Scenario("stall", "write stall", "the server stops reading, the client sends",
             45, side="server", ramp=100),
    Scenario("connect", "connect", "the server is a black hole",
             900, rate=1000),
]}


# ---- the proxies ----

def certificate(folder):
    """Makes the key and certificate for stunnel's inner side."""
    path = os.path.join(folder, "cert")
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                           "-keyout", path, "-out", path + ".pem", "-subj", "/CN=bench", "-days", "1"],
                          stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert done.returncode == 0
    with open(path, "a", encoding="ascii") as key, open(path + ".pem", encoding="ascii") as cert:
        key.write(cert.read())


def command_of(name, args, folder, values, stack):
    """Writes a proxy's config; returns the command that runs it in the foreground, and the fds that it inherits."""
    path = os.path.join(folder, "conf")
    if name == "socket-proxyd":
        sock = stack.enter_context(socket.create_server(("127.0.0.1", values["port"]), backlog=4096))
        return [sys.executable, "-c", ACTIVATE, str(sock.fileno()), SOCKET_PROXYD,
                f"--connections-max={values['pairs']}", f"127.0.0.1:{values['server']}"], (sock.fileno(),)
    if name == "socat":
        seconds = f"{args.seconds:g}"
        return ["socat", "-T", seconds, "-t", seconds,
                f"TCP-LISTEN:{values['port']},bind=127.0.0.1,reuseaddr,fork,backlog=4096,max-children={values['pairs']}",
                f"TCP:127.0.0.1:{values['server']},connect-timeout={seconds}"], ()
    if name == "stunnel":
        certificate(folder)
    template, command = {
        "weir": (WEIR_CONF, [args.weir, "-c", path]),
        "haproxy": (HAPROXY_CONF, ["haproxy", "-db", "-q", "-f", path]),
        "nginx": (NGINX_CONF, ["nginx", "-p", folder, "-e", f"{folder}/error.log", "-c", path]),
        "stunnel": (STUNNEL_CONF, ["stunnel4", path]),
    }[name]
    with open(path, "w", encoding="ascii") as file:
        file.write(template.format(**values))
    return command, ()


class Running:
    """A proxy that runs and listens, and the port of the server behind it."""

    def __init__(self, name, args, folder, stack):
        self.name = name
        self.port = free_port()
        self.server = free_port()
        own = os.path.join(folder, name)
        os.mkdir(own)
        os.chmod(own, 0o755)
        values = {"ms": int(args.seconds * 1000), "s": max(round(args.seconds), 1), "port": self.port,
                  "server": self.server, "between": free_port(), "folder": own, "pairs": args.pairs + 100,
                  "fds": resource.getrlimit(resource.RLIMIT_NOFILE)[1], "module": NGINX_STREAM}
        command, fds = command_of(name, args, own, values, stack)
        stack.enter_context(running(name, command, self.port, stdout=sys.stderr,
                                    stderr=None if name in ("weir", "haproxy", "nginx") else subprocess.DEVNULL,
                                    pass_fds=fds))


@contextlib.contextmanager
def proxies_running(names, args, folder):
    """All proxies, running."""
    with contextlib.ExitStack() as stack:
        yield [Running(name, args, folder, stack) for name in names]


# ---- the suite ----

def value(what):
    """A value as a suite writes it."""
    return f'"{what}"' if isinstance(what, str) else f"{what}"


def group(options):
    """The inside of a group."""
    return " ".join(f"{key} = {value(what)};" for key, what in options.items())


def scenario_text(scenario, args):
    """One element of `scenarios`."""
    options = {"scenario": scenario.name, **scenario.options}
    if scenario.name == "idle":
        options["spread"] = f"{args.seconds * 800:.0f}ms"
    return f"    {{ {group(options)} }}"


def proxy_text(one, args):
    """One element of `proxies`, with the number of pairs that the proxy has in each scenario."""
    server = f"127.0.0.1:{one.server}"
    options = {"name": one.name, "target": f"127.0.0.1:{one.port}", "serve": server, "blackhole": server}
    if PROXIES[one.name].wait:
        options["wait"] = PROXIES[one.name].wait
    kinds = []
    for name in args.only:
        own = {"connections": SCENARIOS[name].count(args, one.name)}
        if name == "mixed":  # one busy pair, whatever the number of connections
            own["busy"] = 100 / own["connections"] * 1.001
        kinds.append(f"{name} = {{ {group(own)} }};")
    return f"    {{ {group(options)}\n      " + "\n      ".join(kinds) + " }"


def suite_text(proxies, args):
    """The text of the suite."""
    defaults = {"expect": f"{args.seconds * 1000:.0f}ms"}
    return (f"defaults = {{ {group(defaults)} }};\n"
            + "proxies = (\n" + ",\n".join(proxy_text(one, args) for one in proxies) + "\n);\n"
            + "scenarios = (\n" + ",\n".join(scenario_text(SCENARIOS[name], args) for name in args.only) + "\n);\n")
