# SPDX-License-Identifier: ISC
"""A real terminal, of tmux: a program in it, keys for it, and what stands on its screen."""

import os
import shlex
import subprocess
import uuid

from . import wait
from .daemon import without_systemd
from .settings import DEADLINE


class Terminal:
    """
    For `with`: in the folder, a shell of `width` by `height` that says "ready>" where it waits for a line. Its server is its own, and
    ends with it.
    """

    def __init__(self, folder, width=100, height=30, shell=("bash", "--norc", "--noprofile"), env=None):
        self._tmux = ["tmux", "-S", os.path.join(folder, "tmux-" + uuid.uuid4().hex[:8]), "-f", "/dev/null"]
        self._folder = folder
        self._size = width, height
        # A shell on the way to this one may take the prompt out of the environment.
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
        """What tmux knows of it: "alternate_on", "pane_pid", ..."""
        return self._run("display-message", "-p", "#{" + what + "}").strip()

    def type(self, text):
        self._run("send-keys", "-l", text)

    def keys(self, *names):
        self._run("send-keys", *names)

    def line(self, text):
        """Types a line for the shell."""
        self.type(text)
        self.keys("Enter")

    def resize(self, width, height):
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def wait(self, *texts, without=()):
        """Until all of these stand on the screen, and none of `without`; the screen."""
        def look():
            screen = self.screen()
            return screen if all(text in screen for text in texts) and not any(
                text in screen for text in without) else None
        try:
            return wait.until(look, texts, every=0.05)
        except AssertionError:
            print(f"--- terminal\n{self.screen()}\n---")
            raise
