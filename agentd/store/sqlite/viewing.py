"""A database that is only looked at, to tell whether it is whole.

The rule this file keeps: looking leaves no trace (see `untouched`), so that it is harmless on a
backup, on a database that may be corrupt, and beside a daemon. The folds of a check live in
SQLite's temporary files.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw

from agentd.database_files import index_path, lost_path, mark_path, wal_path
from agentd.errors import Failure
from agentd.store.sqlite.driver_errors import raise_failures
from agentd.store.sqlite.mark import Mark, is_reached, read_mark
from agentd.store.sqlite.migrate import schema_version
from agentd.store.sqlite.opening import prepare_writer
from agentd.store.sqlite.reader import SqliteReader
from agentd.store.sqlite.shadow import SqliteShadow
from agentd.store.sqlite.untouched import open_untouched, wal_size

_MOST_FINDINGS = 20
"""Findings of one integrity check; more would hide the first ones."""

_LEVELS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
"""https://sqlite.org/pragma.html#pragma_synchronous."""

_TEMPORARY_FILES = "the directory of temporary files (TMPDIR)"

_PULSE_STEPS = 1_000_000
"""Steps of SQLite's between two signs of life."""


class View:
    """The database at `path`. Errors of the driver are told as `Failure` of `name`."""

    def __init__(self, path: Path, name: Path | None = None) -> None:
        self.path = path
        self._name = name or path

    @contextmanager
    def read(self) -> Iterator[SqliteReader]:
        """See `Store.read`."""
        with raise_failures(self._name, _TEMPORARY_FILES), open_untouched(self.path) as connection:
            connection.execute("BEGIN")
            yield SqliteReader(connection)

    @contextmanager
    def shadow(self) -> Iterator[SqliteShadow]:
        """See `Store.shadow`."""
        with raise_failures(self._name, _TEMPORARY_FILES), open_untouched(self.path) as connection:
            yield SqliteShadow(connection)

    def integrity(self, pulse: Callable[[], None]) -> list[str]:
        """What SQLite finds wrong: https://sqlite.org/pragma.html#pragma_integrity_check.

        `pulse` is called now and then; what it raises ends the check.
        """
        lines: list[str] = []

        def go_on() -> bool:
            pulse()
            return False

        with raise_failures(self._name, _TEMPORARY_FILES), open_untouched(self.path) as connection:
            connection.set_progress_handler(go_on, _PULSE_STEPS)
            try:
                for (text,) in connection.execute(f"PRAGMA integrity_check({_MOST_FINDINGS})"):
                    lines += str(text).splitlines()
            except apsw.CorruptError as error:  # it may stumble over what it looks for
                lines.append(str(error))
        return [line for line in lines if line != "ok" and not line.startswith("***")]

    def schema(self) -> int:
        """The number of the last migration applied; this program's questions fit `LATEST`."""
        with raise_failures(self._name, _TEMPORARY_FILES), open_untouched(self.path) as connection:
            return schema_version(connection)

    def reaches(self, mark: Mark) -> bool:
        """Whether the journal has the record that the mark stands for."""
        with raise_failures(self._name, _TEMPORARY_FILES), open_untouched(self.path) as connection:
            return is_reached(connection, mark)


def has_lost_events(database: Path) -> bool:
    """Whether recorded events are missing: the mark is not reached, or was not at some start."""
    database = database.resolve()
    if lost_path(database).exists():
        return True
    mark = read_mark(mark_path(database))
    try:
        return mark is not None and database.exists() and not View(database).reaches(mark)
    except Failure:  # what cannot be read is another matter, and whoever reads it says so
        return False


def durability(database: Path) -> tuple[str, str]:
    """The `journal_mode` and `synchronous` of a connection as the daemon prepares its own.

    It is one to the database itself where that has a WAL; else to one that is made for the
    question. Raises `DatabaseRefused` where they are not as they must be.
    """
    with raise_failures(database, _TEMPORARY_FILES), _connection_to_prepare(database) as connection:
        prepare_writer(connection)
        return connection.pragma("journal_mode"), _LEVELS[connection.pragma("synchronous")]


@contextmanager
def _connection_to_prepare(database: Path) -> Iterator[apsw.Connection]:
    wal, index = wal_path(database), index_path(database)
    # Without an index an empty WAL is passed over, and then the mode reads as another.
    if database.is_file() and wal.exists() and (wal_size(database) or index.exists()):
        with open_untouched(database) as connection:
            yield connection
        return
    with TemporaryDirectory(prefix="agentd-") as place:
        connection = apsw.Connection(f"{place}/{database.name}")
        try:
            yield connection
        finally:
            connection.close()
