# SPDX-License-Identifier: ISC
"""The file of results, and the machine and versions that it names."""
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

from benchlib.host import ROOT, SOCKET_PROXYD

FORMAT = 1
MEASURED = ("HAProxy", "nginx", "systemd-socket-proxyd", "iperf3", "wrk", "gcc")  # by bench/peers
VERSIONS = {  # the command that prints each version
    "HAProxy": ["haproxy", "-v"],
    "nginx": ["nginx", "-v"],
    "socat": ["socat", "-V"],
    "stunnel": ["stunnel4", "-version"],
    "systemd-socket-proxyd": [SOCKET_PROXYD, "--version"],
    "iperf3": ["iperf3", "--version"],
    "wrk": ["wrk", "-v"],
    "gcc": ["gcc", "-dumpfullversion"],
}


def output(command):
    """The output of a program, stdout and stderr; "" if the program is missing."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=10)
    except OSError:
        return ""
    return done.stdout


def first(pattern, text):
    """The group of the first match; "" without a match."""
    match = re.search(pattern, text, re.M)
    return match.group(1).strip() if match else ""


def machine():
    """The properties of this machine on which the figures depend."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = first(r"^model name\s*: (.*)", file.read())
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(first(r"^MemTotal:\s*(\d+)", file.read())) // 1024
    return {"cpu": cpu or platform.machine(), "cores": len(os.sched_getaffinity(0)),
            "memory_mib": memory, "kernel": f"Linux {platform.release()}",
            "system": first(r'^PRETTY_NAME="(.*)"',
                            pathlib.Path("/etc/os-release").read_text(encoding="utf-8"))}


def versions(names):
    """The versions of these peers and tools, as far as they are installed."""
    told = {name: first(r"(\d[\w.~+-]*)", output(VERSIONS[name])) for name in names}
    return {name: text for name, text in told.items() if text}


class Results:
    """The file of results: parts that are measured again replace what was there."""

    def __init__(self, folder):
        self.path = folder / "peers.json" if folder else None
        self.told = {"format": FORMAT, "machine": machine(), "versions": versions(MEASURED), "parts": {}}

    def load(self, whatever=False):
        """Continues the file that exists, if it is of this machine and these versions."""
        if not self.path or not self.path.exists():
            return
        kept = json.loads(self.path.read_text(encoding="utf-8"))
        if whatever or all(kept.get(key) == self.told[key]
                           for key in ("format", "machine", "versions")):
            self.told = kept
        else:
            print(f"{self.path} is of another machine or of other versions: begun anew",
                  file=sys.stderr)

    def keep(self, name, part):
        """Stores a part, and writes the file."""
        self.told["parts"][name] = part
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.told, indent=1) + "\n", encoding="utf-8")
