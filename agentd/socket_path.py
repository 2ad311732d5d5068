"""Which path a Unix socket may have.

The rule this file keeps: it imports next to nothing, because a daemon that is sent away asks it.
"""

import os
import sys
from pathlib import Path

LONGEST_PATH = 107 if sys.platform == "linux" else 103
"""Bytes of a socket's path: `sun_path` of unix(7), its end left out."""


def too_long(path: Path | str) -> str | None:
    """What to say of a path that no socket can have, else None."""
    if (length := len(os.fsencode(path))) <= LONGEST_PATH:
        return None
    return (
        f"the socket's path {path} has {length} bytes, and may have at most {LONGEST_PATH}: "
        "set AGENTD_SOCKET_PATH to a shorter one"
    )
