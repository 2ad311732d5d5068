"""Start, as far as the locks.

The rule this file keeps: the order. Settings, home, locks, and then what `run` does under them. It
imports little before it holds the locks: of daemons that are started together all but one go, and
they go before they have cost the one anything.
"""

import os
import signal
import sys

from agentd.config import Settings
from agentd.daemon.home import make, make_private
from agentd.daemon.lock import database_lock, home_lock, socket_lock
from agentd.daemon.log import logger, set_up
from agentd.daemon.stops import stops
from agentd.errors import BadSetting
from agentd.peers import too_long


def serve(settings: Settings) -> None:
    """Run the daemon in the foreground until it is told to stop. Raises `Failure` instead."""
    set_up(settings.log_level)
    if (told := too_long(settings.socket_path)) is not None:
        raise BadSetting(told)
    for number in stops():  # until the loop takes over
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    os.umask(0o077)  # database, WAL, lock and socket are for this user only
    make_private(settings.home)
    for directory in (settings.database.parent, settings.socket_path.parent):
        make(directory)
    with (
        home_lock(settings.home),
        database_lock(settings.database),
        socket_lock(settings.socket_path),
    ):
        for warning in settings.warnings:
            logger.warning("%s", warning)
        from agentd.daemon.run import run  # noqa: PLC0415 - the locks come first

        run(settings)
