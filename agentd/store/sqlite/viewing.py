"""A database that is only looked at, to tell whether it is whole.

The rule this file keeps: looking leaves no trace (see `untouched`), so that it is harmless on a
backup, on a database that may be corrupt, and beside a daemon. The folds of a check live in
SQLite's temporary files.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agentd.store.sqlite.copying import told
from agentd.store.sqlite.migrate import LATEST, schema_version
from agentd.store.sqlite.reader import SqliteReader
from agentd.store.sqlite.shadow import SqliteShadow
from agentd.store.sqlite.untouched import untouched

_TOLD = 20
"""Findings of one integrity check; more would hide the first ones."""

_ROOM = "the directory of temporary files (TMPDIR)"

_PULSE_STEPS = 1_000_000
"""Steps of SQLite's between two signs of life."""


class View:
    """The database at `path`. Errors of the driver are told as `Failure`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def read(self) -> Iterator[SqliteReader]:
        """See `Store.read`."""
        with told(self._path, _ROOM), untouched(self._path) as connection:
            connection.execute("BEGIN")
            yield SqliteReader(connection)

    @contextmanager
    def shadow(self) -> Iterator[SqliteShadow]:
        """See `Store.shadow`."""
        with told(self._path, _ROOM), untouched(self._path) as connection:
            yield SqliteShadow(connection)

    def integrity(self, pulse: Callable[[], None]) -> list[str]:
        """What SQLite finds wrong with the file: https://sqlite.org/pragma.html#pragma_integrity_check.

        `pulse` is called now and then; what it raises ends the check.
        """

        def go_on() -> bool:
            pulse()
            return False

        with told(self._path, _ROOM), untouched(self._path) as connection:
            connection.set_progress_handler(go_on, _PULSE_STEPS)
            found = connection.execute(f"PRAGMA integrity_check({_TOLD})").fetchall()
        return [str(text) for (text,) in found if text != "ok"]

    def schema_is_latest(self) -> bool:
        """Whether this program's questions fit the database's tables."""
        with told(self._path, _ROOM), untouched(self._path) as connection:
            return schema_version(connection) == LATEST
