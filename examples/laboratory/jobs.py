#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
The client of docs/LABORATORY.md: takes three jobs from a list in Redis, with pauses between them.

    jobs.py PORT [KEEP]

It keeps its connection, and uses it again if it was idle for less than KEEP seconds (default 10). That
default is its bug.
"""
import socket
import sys
import time

PAUSES_S = (0, 0.3, 1.5)


class Redis:
    """A connection to Redis that is made anew when it was idle for too long."""

    def __init__(self, port, keep_s):
        self.port = port
        self.keep_s = keep_s
        self.sock = None
        self.used = 0

    def ask(self, command):
        """Sends an inline command, and returns the lines of the answer."""
        if self.sock is None or time.monotonic() - self.used > self.keep_s:
            self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        self.sock.sendall(command.encode() + b"\r\n")
        answer = self.sock.recv(4096)
        if not answer:
            raise ConnectionError("Redis is gone")
        self.used = time.monotonic()
        return answer.decode().splitlines()


def main():
    redis = Redis(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 10)
    for number, pause_s in enumerate(PAUSES_S, 1):
        time.sleep(pause_s)
        try:
            print(f"after {pause_s} s: took {redis.ask('LPOP jobs')[-1]}", flush=True)
        except OSError as error:
            sys.exit(f"after {pause_s} s: job {number} FAILED: {error}")


if __name__ == "__main__":
    main()
