# SPDX-License-Identifier: ISC
"""Drains by hand over the control socket, and the state that weir then shows."""

import socket

from . import peers, wait
from .asking import ask, get


def drain(weir, **wanted):
    """Starts a drain, which must succeed; returns its answer."""
    answer = ask(weir, "POST", "/v1/drain", wanted)
    assert answer.status == 200, answer.text
    assert set(answer.json) == {"state", "grace_ms", "left_ms", "pairs_open", "end_pairs", "kept"}
    return answer.json


def undrain(weir):
    answer = ask(weir, "POST", "/v1/undrain")
    assert answer.status == 200, answer.text
    assert (answer.json["state"], answer.json["grace_ms"], answer.json["end_pairs"]) == ("running", None, False)
    return answer.json


def state(weir):
    """The state of /v1/status, which /readyz and the metrics must agree with."""
    status = get(weir, "/v1/status")
    ready = ask(weir, "GET", "/readyz")
    assert (ready.status == 200) == status["ready"] == ready.json["ready"] == (status["state"] == "running")
    assert f"\nweir_ready {int(status['ready'])}\n" in ask(weir, "GET", "/metrics").text
    assert ready.json["state"] == status["state"]
    assert (status["drain"] is None) == status["ready"]
    return status["state"]


def is_refused(to):
    try:
        peers.connect(to).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


def take(to):
    """Listens on the address as another process would; weir closes its own socket a moment after its last accept."""
    def listens():
        sock = to.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(to.sockaddr)
            sock.listen()
        except OSError:
            sock.close()
            return None
        return sock

    return wait.until(listens, f"{to} to be free")
