# SPDX-License-Identifier: ISC
"""A real DNS server: unbound, on a port of loopback, with the records that the test gives it."""

import contextlib
import os
import socket
import subprocess
import tempfile

from . import wait

UNBOUND = "/usr/sbin/unbound"


def _free_port():
    """A port that is free for UDP and TCP; others may take it before it is used."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                tcp.bind(udp.getsockname())
                return udp.getsockname()[1]


class NameServer:
    """
    Answers for the zone "test." alone:

    set("app.test", "1 A 127.0.0.2", "1 A 127.0.0.3")    these are all its records
    set("app.test")                                      NXDOMAIN
    mood("app.test", "refuse")                           REFUSED; with "deny" no answer; with "transparent"
                                                         SERVFAIL, as for names of other zones; with "" it
                                                         answers again
    """

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self._folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-dns-"))
        for _ in range(10):
            self.port = _free_port()
            if self._start():
                return
        raise RuntimeError("unbound does not start")

    def _start(self):
        path = os.path.join(self._folder, "unbound.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"""
server:
    interface: 127.0.0.1@{self.port}
    port: {self.port}
    username: ""
    chroot: ""
    directory: "{self._folder}"
    pidfile: ""
    use-syslog: no
    logfile: "{self._folder}/log"
    num-threads: 1
    module-config: "iterator"
    do-not-query-localhost: no
    root-hints: ""
    local-zone: "test." static
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@1
remote-control:
    control-enable: yes
    control-use-cert: no
    control-interface: "{self._folder}/control"
""")
        self._process = subprocess.Popen((UNBOUND, "-d", "-c", path), stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(self._end, self._process)

        def is_up():
            return self._process.poll() is not None or self._control("status", check=False) == 0
        wait.until(is_up, "unbound answers", every=0.05)
        return self._process.poll() is None

    @staticmethod
    def _end(process):
        process.kill()
        process.wait()

    def _control(self, *command, check=True, given=""):
        done = subprocess.run((f"{UNBOUND}-control", "-c", os.path.join(self._folder, "unbound.conf"), *command),
                              input=given, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert not check or done.returncode == 0, done.stdout
        return done.returncode

    def set(self, name, *records):
        """Replaces the records of this name. unbound adds them one by one: an answer meanwhile may have only some."""
        self._control("local_data_remove", name)
        if records:
            self._control("local_datas", given="".join(f"{name} {record}\n" for record in records))

    def mood(self, name, kind):
        """Sets how this name is answered, whether it has records or not."""
        self._control(*(("local_zone", name, kind) if kind else ("local_zone_remove", name)))

    def __str__(self):
        return f"127.0.0.1:{self.port}"

    def close(self):
        self._stack.close()


@contextlib.contextmanager
def serving(**names):
    """serving(app=["1 A 127.0.0.2"]): a NameServer that knows "app.test"."""
    server = NameServer()
    with contextlib.closing(server):
        for name, records in names.items():
            server.set(f"{name}.test", *records)
        yield server
