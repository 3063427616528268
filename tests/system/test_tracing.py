# SPDX-License-Identifier: ISC
"""The probes for tracers, and the example that uses them."""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

from weirtest import peers, wait
from weirtest.clock import within
from weirtest.rig import relay
from weirtest.settings import DEADLINE, ROOT, SANITIZER, WEIR

EXAMPLE = ROOT / "examples/tracing/ends.bt"
PROBES = {"pair_open": 4, "pair_close": 6, "timer_strike": 4}

pytestmark = pytest.mark.skipif(SANITIZER != "", reason="the probes are the same in each build")


def test_each_probe_is_in_the_program_with_its_arguments():
    notes = subprocess.run(["readelf", "--notes", WEIR], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"Provider: weir\s+Name: (\w+)\s+.*\s+Arguments: (.*)", notes)
    assert found and {name: len(arguments.split()) for name, arguments in found} == PROBES


class Tracer:
    """bpftrace with the example, attached to this process; it also prints each probe that is passed."""

    def __init__(self, folder, pid):
        path = os.path.join(folder, "ends.bt")
        with open(path, "w", encoding="ascii") as file:
            file.write(EXAMPLE.read_text(encoding="ascii").replace("/usr/sbin/weir", WEIR))
            for probe in PROBES:
                file.write(f'usdt:{WEIR}:weir:{probe} {{ printf("passed {probe}\\n"); }}\n')
        self.said = ""
        self._process = subprocess.Popen(["bpftrace", path, "-p", str(pid)], stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)
        while "Attaching" not in self.said:
            if not self._hear():
                pytest.skip(f"not on this machine: {self.said.strip()}")

    def _hear(self):
        line = self._process.stdout.readline()
        self.said += line
        return line

    def sees_all(self):
        """Whether every probe has been passed."""
        while select.select([self._process.stdout], [], [], 0)[0] and self._hear():
            pass
        return all(f"passed {probe}" in self.said for probe in PROBES)

    def end(self):
        self._process.send_signal(signal.SIGINT)
        return self.said + self._process.communicate(timeout=DEADLINE)[0]

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@pytest.mark.root
@pytest.mark.skipif(not shutil.which("bpftrace"), reason="bpftrace is not installed")
def test_the_example_tells_why_pairs_end_and_how_late_timers_were(folder):
    with relay(listener={"timeouts": {"idle": "300ms"}}) as rig, \
            contextlib.closing(Tracer(folder, rig.weir.pid)) as tracer:
        def idle_pair():
            with within(time.monotonic(), 0.3):
                client, server = rig.pair()
                client.sendall(b"hello")
                assert peers.read_exactly(server, 5) == b"hello"
            assert peers.end_of(client) == "fin"
            server.close()
            return tracer.sees_all()

        wait.until(idle_pair, "all probes to be attached")
        client, _ = rig.pair()
        peers.reset(client)
        rig.weir.close_line(reason="reset")
        said = tracer.end()
        assert re.search(r"@ends\[relay, weir, idle\]: [1-9]", said), said
        assert "@ends[relay, client, reset]: 1\n" in said, said
        assert re.search(r"@bytes\[relay\]: \d*[05]\n", said), said
        assert "@late_us[idle]:" in said and "@relayed_us[relay]:" in said, said
