"""The directories that agentd keeps its files in.

The rule this file keeps: a home is for its user only, and a directory that is somebody else's, or
that holds other things, is refused rather than closed to the others.
"""

import os
from pathlib import Path

from agentd.daemon.log import logger
from agentd.errors import Failure

_OURS = ("agentd", "agent_state", "artifacts", ".env")
"""How the names of files in a home begin."""


def make(directory: Path) -> None:
    """Make a directory, for this user only, where it is not there yet. Raises `Failure`."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the directory {directory}: {error.strerror}") from error


def make_private(home: Path) -> None:
    """Make the home, for this user only. Raises `Failure`."""
    make(home)
    found = home.stat()
    if found.st_mode & 0o077 == 0:
        return
    if found.st_uid != os.getuid():
        raise Failure(
            f"{home} belongs to another user (uid {found.st_uid}) and is open to others: "
            "set AGENTD_HOME elsewhere"
        )
    if {entry.name for entry in home.iterdir() if not entry.name.startswith(_OURS)}:
        raise Failure(
            f"{home} is open to other users and holds more than agentd's files: "
            f"run `chmod 700` on it, or set AGENTD_HOME elsewhere"
        )
    home.chmod(0o700)
    logger.warning("%s was open to other users: its mode is 0700 now", home)
