"""The directories that agentd keeps its files in.

The rule this file keeps: a home is for its user only, and a directory that is somebody else's, or
that holds other things, is refused rather than closed to the others.
"""

import os
import re
import stat
from pathlib import Path

from agentd.daemon.log import logger
from agentd.errors import Failure

_OURS = re.compile(r"\.env|artifacts|(agentd\.|agentd-draft-|agent_state\.db).*")
"""The names of files in a home."""


def make(directory: Path) -> None:
    """Make a directory, for this user only, where it is not there yet. Raises `Failure`."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the directory {directory}: {error.strerror}") from error


def make_private(home: Path) -> None:
    """Make the home, for this user only. Raises `Failure`."""
    make(home)
    if is_open(home):
        home.chmod(0o700)
        logger.warning("%s was open to other users: its mode is 0700 now", home)


def is_open(home: Path) -> bool:
    """Whether others may enter a home that may be closed to them. Raises `Failure`: it may not."""
    found = home.stat()
    if found.st_mode & (0o077 | stat.S_ISVTX) == 0:
        return False
    if found.st_uid != os.getuid():
        raise Failure(
            f"{home} belongs to another user (uid {found.st_uid}) and is open to others: "
            "set AGENTD_HOME elsewhere"
        )
    if found.st_mode & (0o022 | stat.S_ISVTX):
        raise Failure(
            f"{home} is shared with other users (mode {stat.S_IMODE(found.st_mode):04o}): "
            f"set AGENTD_HOME elsewhere, or run `chmod 700` on it if it is for agentd alone"
        )
    if not all(_OURS.fullmatch(entry.name) for entry in home.iterdir()):
        raise Failure(
            f"{home} is open to other users and holds more than agentd's files: "
            f"set AGENTD_HOME elsewhere, or run `chmod 700` on it if it is for you alone"
        )
    return True
