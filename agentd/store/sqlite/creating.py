"""Making an empty database.

The rule this file keeps: it is built under another name and renamed, so that a crash never leaves
half of one. The other name is like nobody else's, because what is left under it is removed.
"""

import os
import re
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import apsw

from agentd.database_files import DRAFT, SQLITE_FILES, wal_path
from agentd.durable import sync_directory
from agentd.errors import DatabaseRefused
from agentd.store.sqlite.migrate import migrate
from agentd.store.sqlite.opening import prepare_writer, refuse_old_sqlite
from agentd.store.sqlite.untouched import wal_size


def create_where_missing(path: Path, at: int) -> None:
    """Make an empty database at `path`, where there is nothing. Raises `DatabaseRefused`.

    `at` is the time to record, in Unix milliseconds. The lock beside `path` is held.
    """
    refuse_old_sqlite()
    if path.exists():
        return
    if wal_size(path):
        raise DatabaseRefused(
            f"{path} is gone but {wal_path(path).name} is still there: restore it"
        )
    try:
        _remove_leftovers(path)
        _create(path, at)
    except (apsw.Error, OSError) as error:
        with suppress(OSError):
            _remove_leftovers(path)
        full = isinstance(error, apsw.FullError)
        why = "the disk is full; free some and repeat" if full else error
        raise DatabaseRefused(f"{path} cannot be created: {why}") from error


def _create(path: Path, at: int) -> None:
    file, name = tempfile.mkstemp(prefix=f"{path.name}{DRAFT}-", dir=path.parent)
    os.close(file)
    draft = Path(name)
    with closing(apsw.Connection(name)) as connection:
        prepare_writer(connection)
        migrate(connection, at)
        # The file has to stand alone. Closing checkpoints, too, but says nothing where it cannot.
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    draft.rename(path)
    sync_directory(path.parent)


def _remove_leftovers(path: Path) -> None:
    """Remove what a start has left that was killed: as many letters as tempfile.mkstemp adds."""
    name, suffixes = re.escape(path.name + DRAFT), "|".join(SQLITE_FILES)
    draft = re.compile(rf"{name}-[a-z0-9_]{{8}}({suffixes})?")
    for file in path.parent.iterdir():
        if draft.fullmatch(file.name):
            file.unlink(missing_ok=True)
