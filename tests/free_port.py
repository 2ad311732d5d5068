"""A TCP port of 127.0.0.1 that nobody listens on, for one that comes and goes.

The rule this file keeps: it lies below the ports that the system gives to those who connect. From
among these, one may be given to somebody else while its server is away, or to the very client that
tries to connect to it: then the client is connected to itself.
"""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 12_000, 31_999


def free_port() -> int:
    """One that could be listened on just now."""
    while True:
        port = random.SystemRandom().randint(LOWEST, HIGHEST)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
