"""A look at a database that leaves no trace: no byte changes, and nothing appears beside it.

The rule this file keeps: a file that is looked at, refused or copied is as it was, its WAL too.
SQLite's own read-only mode is not that: it makes a WAL and an index where there are none and cannot
remove them, and it writes the index that a crash left anew. So the way in depends on what is there.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import apsw

_READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
_PATIENCE_MS = 1_000
"""How long a look waits for another program's lock."""


def wal_size(path: Path) -> int:
    """Bytes of the WAL beside the database; what is in it is not in the file yet."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def untouched(path: Path) -> Iterator[apsw.Connection]:
    """A connection that reads the database at `path`, its WAL included. Raises apsw's errors."""
    with closing(_open(path)) as connection:
        connection.set_busy_timeout(_PATIENCE_MS)
        yield connection


def _open(path: Path) -> apsw.Connection:
    wal, index = (path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-shm"))
    if wal and index:  # a daemon's, at work or killed
        return _beside(path)
    if wal_size(path):  # a copy of database and WAL, without the index
        return _alone(path)
    return _connect(path, "immutable=1")


def _beside(path: Path) -> apsw.Connection:
    """With an index that is there: it is read where it is alive, and made in memory where not."""
    connection = _connect(path, "readonly_shm=1")
    try:
        connection.execute("PRAGMA schema_version").fetchall()
    except apsw.ReadOnlyError:  # alive, without a place for a reader who may not write to it
        connection.close()
        return _connect(path, "")
    except apsw.ProtocolError:  # dead, and so is the head of the WAL
        connection.close()
        return _alone(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _alone(path: Path) -> apsw.Connection:
    """With an index in memory: https://sqlite.org/wal.html#use_of_wal_without_shared_memory."""
    connection = _connect(path, "vfs=unix-none")  # which takes no locks: nobody else is there
    connection.pragma("locking_mode", "exclusive")
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    return connection


def _connect(path: Path, options: str) -> apsw.Connection:
    return apsw.Connection(f"file:{quote(str(path))}?mode=ro&{options}", flags=_READ_ONLY)
