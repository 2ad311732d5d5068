"""Copying a database while others work on it, and making the one that is replaced stand alone.

The rule this file keeps: a copy is one moment of the database, whatever is written meanwhile, and
nobody who writes waits for it. One read transaction is held from the first page to the last:
without it, every commit of another connection would begin the copy anew
(https://sqlite.org/c3ref/backup_finish.html).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import apsw

from agentd.database_files import index_path, journal_path, wal_path
from agentd.errors import Failure
from agentd.store.sqlite.checkpointing import set_aside_damaged, set_aside_foreign
from agentd.store.sqlite.driver_errors import raise_failures
from agentd.store.sqlite.migrate import migrate
from agentd.store.sqlite.opening import open_another_reader, prepare_writer, refuse_foreign_wal
from agentd.store.sqlite.place import DatabasePlace
from agentd.store.sqlite.renewal import renew_wal
from agentd.store.sqlite.untouched import file_uri, open_untouched, wal_size

STEP_PAGES = 256
"""Pages of 4 KiB between two reports: a step is 1 MiB."""

Report = Callable[[int, int], None]
"""Is told how many pages are copied, of how many."""

_READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI


def copy(database: Path, target: Path, report: Report) -> None:
    """Copy a database into the empty file `target`, beside its daemon or without one.

    Raises `Failure`; what `target` holds then is worth nothing.
    """
    _copy(_open_source(database), database, target, report)


def copy_untouched(source: Path, target: Path, report: Report) -> None:
    """As `copy`, from a file that nobody is at work on, without a trace of the reading."""
    _copy(open_untouched(source), source, target, report)


def copy_open(database: Path, target: Path, report: Report) -> None:
    """As `copy`, for the process that has the database open for writing."""
    _copy(closing(open_another_reader(database)), database, target, report)


def migrate_copy(path: Path, at: int) -> None:
    """Migrate a copy that is not in use. `at` is the time to record, in Unix milliseconds."""
    with raise_failures(path, str(path.parent)), _open(path) as connection:
        prepare_writer(connection)
        migrate(connection, at)


def settle_wal(path: Path) -> None:
    """Copy the WAL into a database that is about to be replaced; then no file is left beside it.

    Raises `DatabaseRefused` where SQLite cannot make sense of it, `AlreadyRunning` while a daemon
    works on it under another name, and `Failure` while another program has it open.
    """
    wal, index, journal = wal_path(path), index_path(path), journal_path(path)
    if not (wal.exists() or index.exists() or journal.exists()):
        return
    place = DatabasePlace.claimed(path)
    with raise_failures(path, str(path.parent)), closing(place):
        set_aside_damaged(path)
        set_aside_foreign(path)
        with _open(path) as connection:
            connection.pragma("fullfsync", 1)
            connection.pragma("checkpoint_fullfsync", 1)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            renew_wal(place, connection)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        place.tidy_up(ours=True)
    if wal.exists() or index.exists():  # the last one to close it would have removed them
        raise Failure(f"another program has {path} open: let it end, or stop it, and repeat")


def _copy(
    opened: AbstractContextManager[apsw.Connection], source: Path, target: Path, report: Report
) -> None:
    with (
        raise_failures(source, str(target.parent)),
        opened as reader,
        closing(_open_target(target)) as writer,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # begins the snapshot
        with writer.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(STEP_PAGES)
                report(backup.page_count - backup.remaining, backup.page_count)


def _open(path: Path) -> closing[apsw.Connection]:
    return closing(apsw.Connection(file_uri(path), flags=_READ_WRITE))


def _open_target(target: Path) -> apsw.Connection:
    """A connection to an empty file that is fsynced as a whole later, or thrown away."""
    connection = apsw.Connection(file_uri(target), flags=_READ_WRITE)
    connection.pragma("journal_mode", "off")
    connection.pragma("synchronous", "off")
    return connection


@contextmanager
def _open_source(database: Path) -> Iterator[apsw.Connection]:
    """A reader that others know of, so that a daemon may start and work beside it."""
    connection = _reader(database)
    try:
        yield connection
    finally:
        if wal_size(database):  # a daemon's by now: it is not this one's to copy
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close()


def _reader(database: Path) -> apsw.Connection:
    refuse_foreign_wal(database)
    if wal_path(database).exists() or not os.access(database.parent, os.W_OK):
        return open_another_reader(database)
    # The WAL that any reader makes is removed again by one that could write, as it closes.
    connection = apsw.Connection(file_uri(database), flags=_READ_WRITE)
    connection.pragma("query_only", 1)
    return connection
