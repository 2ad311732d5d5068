"""Start, as far as the locks.

The rule this file keeps: the order. Settings, home, locks, and then what `run` does under them. It
imports little before it holds the locks: of daemons that are started together all but one go, and
they go before they have cost the one anything.
"""

import os
import signal
import sys
from pathlib import Path

from agentd.config import Settings
from agentd.daemon.lock import database_lock, home_lock, socket_lock
from agentd.daemon.log import logger, set_up
from agentd.errors import Failure

_OURS = ("agentd", "agent_state", "artifacts", ".env")
"""How the names of files in a home begin."""


def serve(settings: Settings) -> None:
    """Run the daemon in the foreground until SIGTERM or SIGINT. Raises `Failure` instead."""
    set_up(settings.log_level)
    for number in (signal.SIGTERM, signal.SIGINT):  # until the loop takes over
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    os.umask(0o077)  # database, WAL, lock and socket are for this user only
    _make_private(settings.home)
    for directory in (settings.database.parent, settings.socket_path.parent):
        _make(directory)
    with (
        home_lock(settings.home),
        database_lock(settings.database),
        socket_lock(settings.socket_path),
    ):
        for warning in settings.warnings:
            logger.warning("%s", warning)
        from agentd.daemon.run import run  # noqa: PLC0415 - the locks come first

        run(settings)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the directory {directory}: {error.strerror}") from error


def _make_private(home: Path) -> None:
    """Make the home, for this user only."""
    _make(home)
    found = home.stat()
    if found.st_mode & 0o077 == 0:
        return
    strangers = {entry.name for entry in home.iterdir() if not entry.name.startswith(_OURS)}
    if found.st_uid != os.getuid() or strangers:  # somebody else's, or no home of agentd's at all
        raise Failure(
            f"{home} is open to other users and holds more than agentd's files: "
            f"run `chmod 700` on it, or set AGENTD_HOME elsewhere"
        )
    home.chmod(0o700)
    logger.warning("%s was open to other users: its mode is 0700 now", home)
