# SPDX-License-Identifier: ISC
"""A real terminal, in tmux: a test runs a program in it, sends keys to it and reads its screen."""

import os
import shlex
import subprocess
import uuid

from . import wait
from .daemon import without_systemd
from .settings import DEADLINE


class Terminal:
    """
    A shell in a terminal of `width` by `height`, for `with`. It starts in `folder`; its prompt is "ready>". It has its
    own tmux server, which ends with it.
    """

    def __init__(self, folder, width=100, height=30, shell=("bash", "--norc", "--noprofile"), env=None):
        self._tmux = ["tmux", "-S", os.path.join(folder, "tmux-" + uuid.uuid4().hex[:8]), "-f", "/dev/null"]
        self._folder = folder
        self._size = width, height
        # tmux runs this in another shell, which may remove PS1 from the environment.
        self._shell = ("env", "PS1=ready> ", *shell)
        self._env = {**without_systemd(), "LC_ALL": "C.UTF-8", "HISTFILE": "",
                     **(env or {})}
        self._env.pop("TMUX", None)

    def _run(self, *words):
        done = subprocess.run([*self._tmux, *words], env=self._env, timeout=DEADLINE, text=True, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True)
        assert done.returncode == 0, done
        return done.stdout

    def __enter__(self):
        width, height = self._size
        self._run("new-session", "-d", "-c", self._folder, "-x", str(width), "-y", str(height), shlex.join(self._shell))
        try:
            self.wait("ready>")
        except BaseException:
            self._run("kill-server")
            raise
        return self

    def __exit__(self, kind, problem, trace):
        if kind is not None:
            print(f"--- terminal\n{self.screen()}\n---")
        self._run("kill-server")

    def screen(self):
        return self._run("capture-pane", "-p")

    def ask(self, what):
        """The value of a tmux variable: "alternate_on", "pane_pid", ..."""
        return self._run("display-message", "-p", "#{" + what + "}").strip()

    def type(self, text):
        self._run("send-keys", "-l", text)

    def keys(self, *names):
        self._run("send-keys", *names)

    def line(self, text):
        """Types a line, then Enter."""
        self.type(text)
        self.keys("Enter")

    def resize(self, width, height):
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def wait(self, *texts, without=()):
        """Waits until all of these texts are on the screen, and none of `without`; returns the screen."""
        def look():
            screen = self.screen()
            return screen if all(text in screen for text in texts) and not any(
                text in screen for text in without) else None
        try:
            return wait.until(look, texts, every=0.05)
        except AssertionError:
            print(f"--- terminal\n{self.screen()}\n---")
            raise
