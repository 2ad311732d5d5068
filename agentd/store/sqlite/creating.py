"""Making an empty database.

The rule this file keeps: it is built under another name and renamed, so that a crash never leaves
half of one, and nothing is removed for it that no start has left there.
"""

import os
import struct
from pathlib import Path

import apsw

from agentd.errors import DatabaseRefused
from agentd.store.sqlite.claim import HEADER_SIZE
from agentd.store.sqlite.migrate import APPLICATION_ID, migrate
from agentd.store.sqlite.opening import MAGIC, header_of, prepare, refuse_old_sqlite
from agentd.store.sqlite.untouched import wal_size

_FIRST_PAGE = 4_096
"""Bytes."""


def create_where_missing(path: Path, at: int) -> None:
    """Make an empty database at `path`, where there is nothing. Raises `DatabaseRefused`."""
    refuse_old_sqlite()
    if not path.exists():
        _create(path, at)


def _create(path: Path, at: int) -> None:
    """Build the database aside and rename it into place: there is never half of one."""
    if wal_size(path):
        raise DatabaseRefused(f"{path} is gone but {path.name}-wal is still there: restore it")
    draft = path.with_name(path.name + ".new")
    _refuse_what_is_no_draft(draft)
    _discard(draft)
    try:
        connection = apsw.Connection(str(draft))
        prepare(connection)
        migrate(connection, at)
        connection.close()  # the last connection's close checkpoints, so the file stands alone
        draft.rename(path)
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    except (apsw.Error, OSError) as error:
        _discard(draft)
        raise DatabaseRefused(f"{path} cannot be created: {error}") from error


def _refuse_what_is_no_draft(draft: Path) -> None:
    """Raise `DatabaseRefused` where the name is taken by what no start has left there."""
    if not draft.is_symlink() and not draft.exists():
        return
    if not draft.is_symlink() and draft.is_file():
        header = header_of(draft)
        (application_id,) = struct.unpack_from(">I", header.ljust(HEADER_SIZE, b"\0"), 68)
        # A draft is named agentd's only when it is whole; until then its WAL has the pages.
        young = not application_id and draft.stat().st_size <= _FIRST_PAGE
        if not header or (header.startswith(MAGIC) and (application_id == APPLICATION_ID or young)):
            return
    raise DatabaseRefused(
        f"{draft} is in the way, where the database would be made: move it away, or set "
        "AGENTD_DATABASE_URL to another name"
    )


def _discard(draft: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)
