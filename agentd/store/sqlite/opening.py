"""Opening a database file: is it ours, can we trust it, and is it set up as promised?

Two rules. Nothing here opens the file itself while this process has a connection to it: closing
any descriptor of a file drops the process's POSIX locks on it, and then another program may take
the WAL away (https://sqlite.org/howtocorrupt.html, section 2.2). And a file that is refused is not
changed by one byte. Whatever can be told from the header is told from the header; what needs SQLite
is asked on a read-only connection.
"""

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import apsw

from agentd.database_files import WAL
from agentd.errors import DatabaseRefused, DiskFailed, Failure
from agentd.store.sqlite.checkpoint_note import has_foreign_wal
from agentd.store.sqlite.checkpointing import (
    set_aside_damaged,
    set_aside_foreign,
    set_aside_unreadable,
)
from agentd.store.sqlite.claim import refuse_elsewhere
from agentd.store.sqlite.driver_errors import is_failed_sync
from agentd.store.sqlite.header import ANEW, refuse_header
from agentd.store.sqlite.migrate import (
    LATEST,
    BeforeMigration,
    migrate,
    no_preparation,
    schema_version,
)
from agentd.store.sqlite.place import DatabasePlace
from agentd.store.sqlite.renewal import renew_wal
from agentd.store.sqlite.untouched import open_untouched, wal_size

OLDEST_SQLITE = (3, 51, 3)
"""Older versions can lose data when the WAL is reset: https://sqlite.org/wal.html#walresetbug."""

BUSY_MS = 250
"""How long a connection waits for another program's lock; the daemon stands still meanwhile."""

_LOOKS = 3
"""How often a look is tried: another program may open or close the database meanwhile, and how to
look depends on who does.
"""

# What is cheap to read of a database of any size: both ends of the large tables, all of the small.
_ENDS = (
    *(
        f"SELECT * FROM {table} ORDER BY rowid {direction} LIMIT 1"
        for table in ("journal", "tasks", "nodes")
        for direction in ("ASC", "DESC")
    ),
    "SELECT * FROM edges LIMIT 1",
    "SELECT * FROM totals",
    "SELECT * FROM migrations",
)
_READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
_READ_WRITE = apsw.SQLITE_OPEN_READWRITE


def open_for_writing(
    place: DatabasePlace, at: int, before_migration: BeforeMigration = no_preparation
) -> apsw.Connection:
    """The write connection to the database at a place that is claimed, migrated where that is due.

    `at` is the time that new migrations are recorded with, in Unix milliseconds. Raises
    `DatabaseRefused`, `DiskFailed` where an fsync fails, and what `before_migration` raises.
    """
    refuse_old_sqlite()
    path = place.path
    try:
        _clear_the_way(path)
        connection = apsw.Connection(str(path), flags=_READ_WRITE)
    except (apsw.Error, OSError) as error:
        raise _refusal(path, error) from error
    try:
        _refuse_read_only(path, connection)
        prepare_writer(connection)
        renew_wal(place, connection)
        migrate(connection, at, before_migration)
        place.watch_wal()
    except BaseException as error:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # leave everything as it is
        connection.close()
        if isinstance(error, apsw.Error | OSError):
            raise _refusal(path, error) from error
        raise
    return connection


def _clear_the_way(path: Path) -> None:
    """Refuse the database, or set aside what is in its way. Raises `DatabaseRefused`, `OSError`."""
    set_aside_damaged(path)
    refuse_unusable(path)
    set_aside_foreign(path)
    set_aside_unreadable(path)


def _refuse_read_only(path: Path, connection: apsw.Connection) -> None:
    if connection.readonly("main"):
        raise DatabaseRefused(f"{path} cannot be written: change its mode, or its owner")


def _refusal(path: Path, error: apsw.Error | OSError) -> Failure:
    """Why the database cannot be written to."""
    match error:
        case apsw.CorruptError() | apsw.NotADBError():
            return DatabaseRefused(f"{path} is corrupt: {error}; {ANEW}")
        case apsw.BusyError():
            return DatabaseRefused(f"{path}: another program has locked it; let it end, or stop it")
    if is_failed_sync(error):
        return DiskFailed(f"the disk failed to keep what was written to {path}: check the disk")
    return DatabaseRefused(f"{path} cannot be opened for writing: {error}")


def open_for_reading(path: Path) -> apsw.Connection:
    """A read-only connection to an existing database.

    Raises `DatabaseRefused`, and `AlreadyRunning` where a daemon works on it under another name.
    """
    refuse_old_sqlite()
    if not path.exists():
        raise DatabaseRefused(f"there is no database at {path}: start the daemon once to create it")
    refuse_elsewhere(path)
    refuse_unusable(path)
    refuse_foreign_wal(path)
    try:
        connection = open_another_reader(path)
        found = schema_version(connection)
    except apsw.Error as error:
        raise DatabaseRefused(f"{path} cannot be opened for reading: {error}") from error
    if found < LATEST:
        raise DatabaseRefused(
            f"{path} has schema {found}, this agentd reads schema {LATEST}: "
            "start the daemon once to bring it up to date"
        )
    return connection


def refuse_foreign_wal(path: Path) -> None:
    """Raise `DatabaseRefused` where the WAL beside the database belongs to another."""
    if wal_size(path) and has_foreign_wal(path):
        raise DatabaseRefused(
            f"{path} was replaced, and {path.name}{WAL} belongs to the database that was there "
            "before: start the daemon (again), which sets it aside"
        )


def refuse_unusable(path: Path, advice: str = ANEW) -> None:
    """Raise `DatabaseRefused` unless `path` is an agentd database that this program can use.

    `advice` is what to do where it is corrupt.
    """
    refuse_header(path, advice)
    found = _read_schema_version(path, advice)
    if found > LATEST:
        raise DatabaseRefused(
            f"{path} has schema {found}, newer than the {LATEST} this agentd knows: upgrade agentd"
        )


def _read_schema_version(path: Path, advice: str) -> int:
    """The version of the schema, when what is cheap to read was read."""
    for _ in range(_LOOKS - 1):
        with suppress(apsw.Error):
            return _try_to_read(path)
    try:
        return _try_to_read(path)
    except (apsw.BusyError, apsw.CantOpenError) as error:
        raise _refusal(path, error) from error
    except apsw.Error as error:
        raise DatabaseRefused(f"{path} is corrupt: {error}; {advice}") from error


def _try_to_read(path: Path) -> int:
    with open_untouched(path) as connection:
        found = schema_version(connection)
        for question in _ENDS if found == LATEST else ():
            # Text that is no text lets a database be opened: `replay --check` names it.
            with suppress(UnicodeDecodeError):
                connection.execute(question).fetchall()
        return found


def prepare_writer(connection: apsw.Connection) -> None:
    """Durability and memory settings of a connection that writes; durability is read back."""
    _set_common_options(connection)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("fullfsync", 1)  # macOS: fsync alone does not reach the disk there
    connection.pragma("checkpoint_fullfsync", 1)
    connection.pragma("wal_autocheckpoint", 0)  # the store checkpoints between batches
    connection.pragma("cache_size", -16_000)  # KiB when negative
    connection.pragma("trusted_schema", 0)
    mode, level = connection.pragma("journal_mode"), connection.pragma("synchronous")
    if (mode, level) != ("wal", 2):
        raise DatabaseRefused(
            f"SQLite keeps journal_mode={mode}, synchronous={level}; wal and 2 (FULL) are needed: "
            "is the database on a network file system?"
        )


def sqlite_version() -> str:
    """The version of SQLite that is used."""
    return apsw.sqlite_lib_version()


def refuse_old_sqlite() -> str:
    """The version of SQLite that is used. Raises `DatabaseRefused` when it can lose data."""
    version = sqlite_version()
    if tuple(map(int, version.split("."))) < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise DatabaseRefused(
            f"SQLite {version} is older than {needed} and can lose data when the WAL is reset: "
            "install a newer apsw"
        )
    return version


def open_another_reader(path: Path) -> apsw.Connection:
    """A read-only connection to a database that this process has open already."""
    # Where nothing can be written beside the file, SQLite may not look for what others write.
    frozen = not os.access(path.parent, os.W_OK) and not wal_size(path)
    options = "mode=ro&immutable=1" if frozen else "mode=ro"
    connection = apsw.Connection(f"file:{quote(str(path))}?{options}", flags=_READ_ONLY)
    _set_common_options(connection)
    return connection


def _set_common_options(connection: apsw.Connection) -> None:
    """Wait for locks, and plan a statement once: https://sqlite.org/queryplanner-ng.html#qpstab.

    Without the stability guarantee SQLite plans again for every new value of a parameter, which
    costs more than our statements themselves.
    """
    connection.set_busy_timeout(BUSY_MS)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
