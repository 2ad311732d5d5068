"""A look at a database that leaves no trace: no byte changes, and nothing appears beside it.

The rule this file keeps: a file that is looked at, refused or copied is as it was, its WAL too.
SQLite's own read-only mode is not that: it makes a WAL and an index where there are none and cannot
remove them, and it writes the index that a crash left anew. So the way in depends on what is there.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import apsw

from agentd.database_files import index_path, wal_path
from agentd.store.sqlite.checkpoint_note import has_foreign_wal

_READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
_READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
_COUNT_ONLY = -1
"""SQLITE_CHECKPOINT_NOOP: https://sqlite.org/c3ref/c_checkpoint_full.html."""

_SMALLEST = 512
"""Bytes of the smallest page."""

_WAL_HEADER = struct.Struct(">8I")
"""Magic, version, page size, counter, two salts, two checksums: https://sqlite.org/fileformat.html."""

_WAL_MAGIC = 0x377F0682  # its last bit says in which order of bytes the checksums are made
_PATIENCE_MS = 1_000
"""How long a look waits for another program's lock."""


def file_uri(path: Path) -> str:
    """The name of a file for SQLite, whatever bytes it is made of: https://sqlite.org/uri.html."""
    return f"file:{quote(os.fsencode(path))}"


def wal_size(path: Path) -> int:
    """Bytes of the WAL beside the database; what is in it is not in the file yet."""
    try:
        return wal_path(path).stat().st_size
    except FileNotFoundError:
        return 0


def file_state(path: Path) -> list[tuple[int, int, int]]:
    """Changes when the database at `path` does, or its WAL."""
    files = (path, wal_path(path))
    found = [file.stat() for file in files if file.exists()]
    return [(status.st_ino, status.st_size, status.st_mtime_ns) for status in found]


@contextmanager
def open_untouched(path: Path) -> Iterator[apsw.Connection]:
    """A connection that reads the database at `path`, its WAL included. Raises apsw's errors."""
    # SQLite keeps the WAL beside the file, not beside a link to it.
    with closing(_open(Path(os.path.realpath(path)))) as connection:
        yield connection


def _open(path: Path) -> apsw.Connection:
    wal, index = wal_path(path), index_path(path)
    size = wal_size(path)
    if size and has_foreign_wal(path):
        return _connect(path, "immutable=1")
    if wal.exists() and index.exists() and (not size or _has_header(wal)):
        return _open_with_index(path)  # a daemon's, at work or killed
    if size:  # a copy of database and WAL, without the index, or a WAL that is cut off or damaged
        return _open_without_locks(path)
    return _connect(path, "immutable=1")


def count_whole_frames(path: Path) -> int:
    """How many frames of the WAL are as they were written, up to the last commit that is whole.

    SQLite counts by the chain of checksums, and reads the database's first page only: the others
    may not fit together. Below 0 where it cannot tell. Raises apsw's errors.
    """
    if path.stat().st_size < _SMALLEST:
        raise apsw.NotADBError(f"{path} is no database")  # beside an empty one SQLite removes a WAL
    with closing(_open_without_locks(path, _READ_WRITE)) as connection:
        with suppress(apsw.CorruptError):  # that page does not fit either
            connection.pragma("schema_version")
        frames, _ = connection.wal_checkpoint(mode=_COUNT_ONLY)
        return frames


def _has_header(wal: Path) -> bool:
    """Whether SQLite finds a header and something behind it in the WAL.

    Where not, and the index is dead, it would try for 10 s to make one in memory. To close the file
    drops no lock: those are on the database and on the index.
    """
    try:
        with wal.open("rb") as file:
            head, more = file.read(_WAL_HEADER.size), file.read(1)
    except PermissionError:
        return True  # SQLite is asked, and says so in its own words
    if not more or _WAL_HEADER.unpack(head)[0] & ~1 != _WAL_MAGIC:
        return False
    order = ">" if head[3] & 1 else "<"
    first = second = 0
    for even, odd in struct.iter_unpack(f"{order}2I", head[:24]):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return (first, second) == _WAL_HEADER.unpack(head)[6:]


def _open_with_index(path: Path) -> apsw.Connection:
    """With an index that is there: it is read where it is alive, and made in memory where not."""
    connection = _connect(path, "readonly_shm=1")
    try:
        connection.execute("PRAGMA schema_version").fetchall()
    except apsw.ReadOnlyError:  # alive, without a place for a reader who may not write to it
        connection.close()
        return _connect(path, "")
    except BaseException:
        connection.close()
        raise
    return connection


def _open_without_locks(path: Path, flags: int = _READ_ONLY) -> apsw.Connection:
    """With an index in memory: https://sqlite.org/wal.html#use_of_wal_without_shared_memory."""
    connection = _connect(path, "vfs=unix-none", flags)  # without locks: nobody else is there
    connection.pragma("locking_mode", "exclusive")
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    return connection


def _connect(path: Path, options: str, flags: int = _READ_ONLY) -> apsw.Connection:
    connection = apsw.Connection(f"{file_uri(path)}?{options}", flags=flags)
    connection.set_busy_timeout(_PATIENCE_MS)
    return connection
