"""A daemon that stops, is started anew, or is busy: what is said of it, and by it.

The rule this file keeps: a verb that goes on for long waits for such a daemon, and ends with
whatever else it is told.
"""

import sys

from agentd.errors import (
    ConnectionLost,
    NoAnswer,
    NobodyListens,
    NoSocket,
    StorageError,
    TooManyConnections,
)
from agentd.text import printable

AWAY = (NoSocket, NobodyListens, NoAnswer, ConnectionLost, TooManyConnections, StorageError)


def say(words: str) -> None:
    """Say something beside the output, as the program says things."""
    print(printable(f"agentd: {words}"), file=sys.stderr, flush=True)
