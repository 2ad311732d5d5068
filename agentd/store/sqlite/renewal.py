"""Making what an earlier process left in the WAL certain, before anything is built on it.

The rule this file keeps: only bytes that are written again are synced again. A daemon that stopped
over a failed fsync leaves a WAL that the kernel counts as written and shows to everybody, and that
is not on the disk (https://wiki.postgresql.org/wiki/Fsync_Errors). To copy it into the database is
not enough: after a power cut an older WAL would be laid over the newer database.
"""

import os
from contextlib import suppress
from pathlib import Path

import apsw

from agentd.database_files import wal_path
from agentd.store.sqlite.checkpointing import copy_wal
from agentd.store.sqlite.place import DatabasePlace
from agentd.store.sqlite.untouched import wal_size

_PIECE = 1 << 20
"""Bytes that are written at a time."""


def renew_wal(place: DatabasePlace, connection: apsw.Connection) -> None:
    """Write the database's WAL to the disk again, then copy it into the database.

    Raises `OSError` and apsw's errors. Closing a descriptor of the WAL drops no lock: SQLite's are
    on the database and on the index.
    """
    if not wal_size(place.path):
        return
    connection.execute("BEGIN IMMEDIATE")  # nobody else writes meanwhile
    try:
        _write_again(wal_path(place.path))
    finally:
        connection.execute("ROLLBACK")
    # As far as readers and the room let it: what is left stays in a WAL that is on the disk.
    with suppress(apsw.FullError):
        copy_wal(place, connection, apsw.SQLITE_CHECKPOINT_PASSIVE)


def _write_again(wal: Path) -> None:
    file = os.open(wal, os.O_RDWR | os.O_CLOEXEC)
    try:
        at = 0
        while piece := os.pread(file, _PIECE, at):
            at += os.pwrite(file, piece, at)
        os.fsync(file)
    finally:
        os.close(file)
