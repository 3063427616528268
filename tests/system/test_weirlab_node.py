# SPDX-License-Identifier: ISC
"""weirlab with a client that is not ours: toxiproxy-node-client, pinned by version and hash."""

import base64
import hashlib
import io
import json
import pathlib
import shutil
import subprocess
import tarfile
import urllib.request

import pytest

from weirtest import peers
from weirtest.lab import Lab
from weirtest.settings import DEADLINE, LATE

NAME, VERSION = "toxiproxy-node-client", "4.1.0"
TARBALL = f"https://registry.npmjs.org/{NAME}/-/{NAME}-{VERSION}.tgz"
SHA512 = "hdCvgbS6fUtzxPzrbvvE7MZ7dl5dt+c4c0d4T2G1I+clz3QEmjEvIpzObyojUY3WNdDuoYI7sT4kcTqgUVyXAQ=="
SCRIPT = pathlib.Path(__file__).with_name("weirlab_client.js")


def fetch(folder):
    """The client's folder. If it cannot be downloaded or run, the test is skipped, and says why."""
    if not shutil.which("node"):
        pytest.skip(f"{NAME} {VERSION} is not tried: there is no node")
    try:
        with urllib.request.urlopen(TARBALL, timeout=2 * DEADLINE) as answer:
            tarball = answer.read()
    except OSError as error:
        pytest.skip(f"{NAME} {VERSION} is not tried: the registry cannot be reached: {error}")
    digest = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    assert digest == SHA512, "the tarball is not the one that was looked at"
    with tarfile.open(fileobj=io.BytesIO(tarball)) as tar:
        tar.extractall(folder)
    return folder / "package"


def test_its_calls_work_and_its_toxics_bite(tmp_path):
    client = fetch(tmp_path)
    server = peers.Server("tcp4", None, peers.echo)
    with Lab("-seed", "1") as lab:
        done = subprocess.run(["node", SCRIPT, client, f"http://127.0.0.1:{lab.port}", str(server.address)],
                              capture_output=True, text=True, timeout=4 * DEADLINE, check=False)
    server.close()
    assert done.returncode == 0, done.stderr
    said = {line["step"]: line["value"] for line in map(json.loads, done.stdout.splitlines())}
    toxic = {"name": "slow", "type": "latency", "stream": "downstream", "toxicity": 1,
             "attributes": {"latency": 200, "jitter": 0}}
    assert json.loads(said["version"])["version"].startswith("2.")
    assert said["created"]["name"] == "one" and said["created"]["enabled"]
    assert said["plain"] < LATE * 1000
    assert said["toxic"] == said["got"] == toxic and 200 <= said["slow"] < LATE * 1000
    assert said["changed"]["attributes"]["latency"] == 50 and 50 <= said["faster"] < LATE * 1000
    assert "toxic not found" in said["removed"] or "404" in said["removed"]
    assert said["reset_peer"] == "ECONNRESET" and said["limit_data"] == said["timeout"] == "end"
    assert said["bandwidth"] >= 1 and isinstance(said["slicer"], float) and isinstance(said["slow_close"], float)
    assert said["down"] == [False, "ECONNREFUSED"] and said["reset"] == "number"
    assert said["populated"] == said["all"] == ["one", "two"]
    assert "proxy not found" in said["missing"] or "404" in said["missing"]
    assert "proxy already exists" in said["twice"] or "409" in said["twice"]
