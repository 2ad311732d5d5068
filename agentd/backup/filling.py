"""Where a database is brought to: a new file, or an empty database on a server.

The rule this file keeps: what is whole already is compared and left as it is. A file has its name
once it is whole, and never in the place of another one.
"""

import os
from contextlib import closing
from pathlib import Path

from agentd.backup.draft import already_exists, cannot_write, sync_names
from agentd.database_files import FILLED, beside
from agentd.move import Moved, find_moved, move
from agentd.progress import Progress
from agentd.store import Reader
from agentd.store.sqlite.intake import SqliteIntake
from agentd.store.sqlite.opening import refuse_unusable
from agentd.store.sqlite.viewing import View


def fill_file(path: Path, source: Reader, at: int, progress: Progress) -> Moved:
    """Make a file of all that `source` shows; it goes on where it was cut off.

    The lock beside `path` is held. `at` is the time to record, in Unix milliseconds. Raises
    `Failure`, `StorageError`.
    """
    if path.exists():
        refuse_unusable(path)
        with View(path).read() as whole:
            return find_moved(source, whole)
    filled = beside(path, FILLED)
    try:
        intake = SqliteIntake.open(filled, at)
    except OSError as error:
        raise cannot_write(path, error) from error
    with closing(intake):
        moved = move(source, intake, progress)
    _put(filled, path)
    return moved


def _put(filled: Path, path: Path) -> None:
    try:
        os.link(filled, path)
    except FileExistsError:
        raise already_exists(path) from None
    except OSError as error:
        raise cannot_write(path, error) from error
    filled.unlink()
    sync_names(path.parent)


def fill_server(url: str, source: Reader, progress: Progress) -> Moved:
    """Bring all that `source` shows into the database at `url`; it goes on where it was cut off.

    Raises `Failure`, `StorageError`.
    """
    from agentd.store.postgres import PostgresStore  # noqa: PLC0415 - it needs an extra
    from agentd.store.postgres.intake import (  # noqa: PLC0415 - it needs an extra
        PostgresIntake,
        has_events,
        refuse_daemons,
    )

    if has_events(url):
        with closing(PostgresStore.open_existing(url)) as store, store.read() as whole:
            return find_moved(source, whole)
    refuse_daemons(url)
    with closing(PostgresIntake.open(url)) as intake:
        return move(source, intake, progress)
