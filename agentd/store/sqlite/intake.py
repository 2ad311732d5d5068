"""A database file that is filled from another database.

The rule this file keeps: it has another name until it is finished, so no daemon finds it before.
What was filled in stays under that name when its writer is killed.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from agentd.answers import Answered
from agentd.database_files import MARK, NOTE, SQLITE_FILES, beside
from agentd.errors import DatabaseRefused
from agentd.journal import Recorded
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.copying import migrate_copy
from agentd.store.sqlite.reader import SqliteReader
from agentd.store.sqlite.shadow import SqliteShadow


class SqliteIntake:
    """See `Intake`; the file is put in its place by whoever has it filled."""

    def __init__(self, path: Path, store: SqliteStore) -> None:
        self._path = path
        self._store = store

    @classmethod
    def open(cls, path: Path, at: int) -> "SqliteIntake":
        """The file at `path`: one that was not finished, or an empty one, made where there is none.

        `at` is the time to record, in Unix milliseconds. Raises `Failure`.
        """
        path.touch(0o600)
        if path.stat().st_size == 0:
            migrate_copy(path, at)
        return cls(path, SqliteStore.open_existing(path))

    def read(self) -> AbstractContextManager[SqliteReader]:
        """See `Intake.read`."""
        return self._store.read()

    def shadow(self) -> AbstractContextManager[SqliteShadow]:
        """See `Intake.shadow`."""
        return self._store.shadow()

    def add(self, records: Sequence[Recorded]) -> None:
        """See `Intake.add`."""
        with self._store.write() as tx:
            tx.adopt(records)
        self._store.checkpoint()

    def finish(self, answered: Iterable[Answered]) -> None:
        """See `Intake.finish`: the file stands alone from here on."""
        with self._store.write() as tx:
            tx.adopt_answered(answered)
        self.close()
        if any(self._beside(SQLITE_FILES)):
            raise DatabaseRefused(f"another program has {self._path} open: let it end, and repeat")

    def close(self) -> None:
        """See `Intake.close`: what a daemon keeps beside a database goes, unless a WAL is there."""
        self._store.close()
        if not any(self._beside(SQLITE_FILES)):
            for file in self._beside((MARK, NOTE)):
                file.unlink()

    def _beside(self, suffixes: Iterable[str]) -> list[Path]:
        return [file for each in suffixes if (file := beside(self._path, each)).exists()]
