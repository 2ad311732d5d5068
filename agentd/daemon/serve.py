"""Start, as far as the locks.

The rule this file keeps: the order. Settings, home, locks, and then what `run` does under them. It
imports little before it holds the locks: of daemons that are started together all but one go, and
they go before they have cost the one anything.
"""

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from agentd.config import Settings
from agentd.daemon.home import make_directory, make_private
from agentd.daemon.lock import Lock, database_lock, home_lock, socket_lock
from agentd.daemon.log import logger, set_up
from agentd.daemon.stop_signals import stop_signals
from agentd.daemon.supervision import Supervision
from agentd.database_files import index_path, wal_path
from agentd.errors import BadSetting, Failure
from agentd.loopback import Ports
from agentd.socket_path import too_long


def serve(settings: Settings, *, backup: bool, ports: Ports, supervision: Supervision) -> None:
    """Run the daemon in the foreground until it is told to stop. Raises `Failure` instead.

    `backup`: before a database of an earlier agentd is migrated, a copy is left beside it. `ports`:
    where to listen besides the socket.
    """
    os.environ["AGENTD_AUTOSTART"] = "0"  # what it starts must not start another when it stops
    set_up(settings.log_level, settings.log_format)
    if (told := too_long(settings.socket_path)) is not None:
        raise BadSetting(told)
    for number in stop_signals():  # until the loop takes over
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    refuse_collisions(settings)
    os.umask(0o077)  # database, WAL, lock and socket are for this user only
    make_private(settings.home)
    make_directory(settings.socket_path.parent)
    files = () if settings.server is not None else (_file_lock(settings.database),)
    with ExitStack() as held:
        for lock in (home_lock(settings.home), *files, socket_lock(settings.socket_path)):
            held.enter_context(lock)
        for warning in settings.warnings:
            logger.warning("%s", warning)
        from agentd.daemon.run import run  # noqa: PLC0415 - the locks come first

        run(settings, backup=backup, ports=ports, supervision=supervision)


def _file_lock(path: Path) -> Lock:
    """The lock beside the database at `path`.

    Raises `DatabaseRefused` where the file is not agentd's, before a lock is made beside it.
    """
    make_directory(path.parent)
    database, lock = path.resolve(), database_lock(path)
    if database.exists() and not lock.path.exists():
        from agentd.store.sqlite.header import refuse_header  # noqa: PLC0415 - it is rarely needed

        refuse_header(database)
    return lock


def refuse_collisions(settings: Settings) -> None:
    """Raise `Failure` where two of agentd's files would have one name."""
    whose: dict[Path, str] = {}
    for what, name in _names(settings).items():
        if name in whose:
            raise Failure(
                f"{name} would be {whose[name]} and {what}: choose another name in "
                "AGENTD_DATABASE_URL or AGENTD_SOCKET_PATH"
            )
        whose[name] = what


def _names(settings: Settings) -> dict[str, Path]:
    """What is at which path."""
    path = settings.socket_path.resolve()
    names = {
        "the socket": path,
        "the home's lock": home_lock(settings.home).path.resolve(),
        "the socket's lock": socket_lock(path).path,
    }
    if settings.server is not None:
        return names
    database = settings.database.resolve()
    files = {
        "the database": database,
        "the database's WAL": wal_path(database),
        "the database's index": index_path(database),
    }
    return {**files, **names, "the database's lock": database_lock(database).path}
