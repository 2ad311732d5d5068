"""A daemon that starts: it has taken its lock, and nobody listens yet.

The rule this file keeps: such a daemon is waited for, a short while; where none starts, nothing is.
"""

import time
from collections.abc import Iterator

from agentd.holders import holder, socket_lock_path

NOT_THERE = (FileNotFoundError, ConnectionRefusedError)
"""How connecting fails where nobody listens."""

START_SECONDS = 2.0
"""How long a daemon that starts is waited for."""

_PAUSE_SECONDS = 0.02


def starting_pid(path: str) -> int | None:
    """The pid of whoever has the right to listen there, 0 where it is unknown, or None."""
    return holder(socket_lock_path(path))


def start_pauses(path: str, seconds: float = START_SECONDS) -> Iterator[float]:
    """Seconds to wait before each further attempt while a daemon starts; none where none does."""
    end = time.monotonic() + min(seconds, START_SECONDS)
    while starting_pid(path) is not None and time.monotonic() < end:
        yield _PAUSE_SECONDS
