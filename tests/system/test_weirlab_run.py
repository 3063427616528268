# SPDX-License-Identifier: ISC
"""weirlab --run: the steps of a scenario run on its clock, and an error names its file and line."""

import subprocess
import time

import pytest

from weirtest import address, peers, wait
from weirtest.clock import within
from weirtest.lab import WEIRLAB, Lab
from weirtest.peers import read_exactly
from weirtest.settings import DEADLINE, LATE


def run(path, deadline=DEADLINE):
    return subprocess.run([WEIRLAB, "-port", "0", "-run", str(path)], capture_output=True, text=True,
                          timeout=deadline, check=False)


def test_steps_are_taken_at_their_times_and_none_before(tmp_path):
    server = peers.Server("tcp4", None, peers.echo)
    file = tmp_path / "s"
    file.write_text(f"""# a scenario
0s POST /proxies {{"name": "p", "listen": "unix:{tmp_path}/lab", "upstream": "{server.address}"}}

600ms  POST /proxies/p/toxics {{"type": "latency",
         "attributes": {{"latency": 300}}}}
1.2s   DELETE /proxies/p/toxics/latency_downstream
1200ms say all is well
""")
    since = time.monotonic()
    with Lab("-run", str(file)) as lab:
        with within(since, 1.2):
            wait.until(lambda: "p" in lab.get("/proxies"), "the first step")
            wait.until(lambda: lab.get("/proxies/p/toxics"), "the second step", deadline=1.2)
            assert time.monotonic() - since >= 0.6
            assert lab.get("/proxies/p/toxics")[0]["attributes"]["latency"] == 300
        wait.until(lambda: lab.said(f"{file}:7: all is well"), "the last step")
        assert 1.2 <= time.monotonic() - since < LATE
        assert lab.get("/proxies/p/toxics") == []
        with peers.connect(address.unix(tmp_path / "lab")) as sock:
            sock.sendall(b"x")
            assert read_exactly(sock, 1) == b"x"
    server.close()


def test_each_path_of_the_api_may_be_asked(tmp_path):
    file = tmp_path / "s"
    file.write_text("\n".join(f"0s {step}" for step in (
        "GET /proxies", "GET /connections", "GET /version", "GET /metrics", "POST /populate []", "POST /reset", "end")))
    done = run(file)
    assert done.returncode == 0, done.stderr


def test_lines_may_end_with_crlf(tmp_path):
    file = tmp_path / "s"
    text = f"""# a scenario

0s
 POST
 /proxies
 {{"name": "p",
 "x": 1}}
0s POST /proxies {{"name": "p", "listen": "unix:{tmp_path}/lab",
  "upstream": "127.0.0.1:1"}}
0s say all is
  well
0s GET /proxies/q
"""
    file.write_bytes(text.replace("\n", "\r\n").encode())
    done = run(file)
    assert done.returncode == 1 and f"{file}:3: missing required field: upstream\n" in done.stderr
    file.write_bytes(text.replace("\n", "\r\n").replace('"x": 1', '"listen": "localhost:0", "upstream": "127.0.0.1:1"')
                     .replace('"name": "p", "listen": "unix', '"name": "r", "listen": "unix').encode())
    done = run(file)
    assert done.returncode == 1 and f"{file}:12: proxy not found\n" in done.stderr
    assert f"{file}:10: all is?  well\n" in done.stderr  # a control character is printed as "?", and there is only one
    assert done.stderr.count("?") == 1
    file.write_bytes(b'0s POST\r\n /proxies\r\n {"a": 1,\r\n "b": 2\r\n "c": 3}\r\n')
    done = run(file)
    assert done.returncode == 2 and done.stderr.startswith(f"weirlab: {file}:5: the JSON is wrong: ")


def test_end_ends_it_at_its_time(tmp_path):
    file = tmp_path / "s"
    file.write_text("300ms end\n")
    since = time.monotonic()
    done = run(file)
    assert done.returncode == 0 and 0.3 <= time.monotonic() - since < LATE


def test_a_step_that_fails_ends_it_and_is_named(tmp_path):
    file = tmp_path / "s"
    file.write_text('0s GET /version\n\n1ms DELETE /proxies/nobody\n10m end\n')
    done = run(file)
    assert done.returncode == 1 and f"{file}:3: proxy not found" in done.stderr


@pytest.mark.parametrize("text, says", (
    ("x end", ":1: x: "), ("5 end", ":1: 5: "), ("1s\n", ":1: "), ("# x\n\n2s end\n1s end", ":4: 1s is before"),
    ("0s dance", ":1: dance: write GET, POST"), ("0s GET proxies", ":1: proxies is no path"),
    ("0s GET /a//b", ":1: /a//b: "), ('0s POST /proxies {"a":\n  x}\n', ":2: the JSON is wrong: "),
    ('0s\n POST\n /proxies\n {"a": 1,\n "b": 2\n "c": 3}\n', ":6: the JSON is wrong: "),
    ('0s POST /proxies {"name": "a"} junk', ":1: the JSON is wrong: end of file expected near 'junk'"),
    ("0s POST\n /proxiez {}\n", ":2: POST /proxiez: the API has no such path"),
    ("0s end\n1s PUT /proxies {}", ":2: PUT /proxies: the API takes only these there: GET, POST"),
    (" 0s end\n", ":1: a line that begins with a blank goes on with the one before it, and there is none"),
    ("0s end\n\n 1s end\n", ":3: a line that begins with a blank"),
    ("0s", ":1: there is no step after the time; write GET"),
    ('0s end\n0s POST /proxies {\n', ":2: the JSON is wrong: unexpected EOF"), ("none end", ":1: none: a duration begins with a digit; write a number and a unit, like \"30s\" or \"0.5s\"\n"),
    ("-1s end", ":1: -1s: a duration cannot be negative; write it without '-'\n"),
    ("0s end\0", ":1: the file is no text")))
def test_a_wrong_file_is_told_by_line_before_the_first_step(tmp_path, text, says):
    file = tmp_path / "s"
    file.write_text(text)
    done = run(file)
    assert done.returncode == 2 and done.stderr.startswith(f"weirlab: {file}{says}") and done.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_told(tmp_path):
    done = run(tmp_path / "none")
    assert done.returncode == 2 and done.stderr == f"weirlab: {tmp_path}/none: No such file or directory\n"
