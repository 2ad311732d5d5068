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

_OURS = re.compile(
    r"\.env|agents|artifacts|results|watch|serve\.log.*|tcp\.secret(\.new)?"
    r"|(agentd\.|agentd-draft-|agent_state\.db).*"
)
"""The names of files in a home."""

_OTHERS = 0o077
_ROOT = 0
_ELSEWHERE = "set AGENTD_HOME elsewhere"


def make_directory(directory: Path) -> None:
    """Make a directory, for this user only, where it is not there yet. Raises `Failure`."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the directory {directory}: {error.strerror}") from error


def make_private(home: Path) -> None:
    """Make the home, for this user only. Raises `Failure`."""
    make_directory(home)
    if (why := refusal(home)) is not None:
        raise Failure(": ".join(why))
    if home.stat().st_mode & _OTHERS:
        home.chmod(0o700)
        logger.warning("%s was open to other users: its mode is 0700 now", home)


def refuse_foreign(home: Path) -> None:
    """Raise `Failure` where the home is in another user's directory, and be it root who asks."""
    there = next(each for each in (home, *home.parents) if each.exists())
    owner = there.stat().st_uid
    if owner not in (os.geteuid(), _ROOT):
        raise Failure(
            f"{home} is another user's (uid {owner}): agentd starts no daemon there by itself; "
            f"run `agentd serve` as that user, or {_ELSEWHERE}"
        )


def refusal(home: Path) -> tuple[str, str] | None:
    """Why a directory may not be a home, and what to do; None where it may. Raises `OSError`."""
    found = home.stat()
    if found.st_mode & (_OTHERS | stat.S_ISVTX) == 0:
        return None
    if found.st_uid != os.getuid():
        whose = f"{home} belongs to another user (uid {found.st_uid}) and is open to others"
        return whose, _ELSEWHERE
    others = (entry.name for entry in home.iterdir() if not _OURS.fullmatch(entry.name))
    other = next(others, None)
    if found.st_mode & (0o022 | stat.S_ISVTX):
        told = f"{home} is shared with other users (mode {stat.S_IMODE(found.st_mode):04o})"
        # Of what others put things into, a person is told no way to shut them out.
        is_public = found.st_mode & stat.S_ISVTX or other is not None
        closing = "" if is_public else ", or run `chmod 700` on it if it is for agentd alone"
        return told, _ELSEWHERE + closing
    if other is not None:
        told = f"{home} is open to other users and holds more than agentd's files ({other!r}, say)"
        return told, _ELSEWHERE
    return None
