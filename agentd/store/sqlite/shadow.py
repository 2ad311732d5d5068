"""Projections in temporary tables, to refold the journal beside the real ones.

The rule this file keeps: the real tables change in one transaction or not at all. Temporary tables
live in a private file that SQLite removes by itself, so a fold that is killed leaves nothing
behind, and a fold on a read-only connection writes nothing to the database.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
from msgspec import Struct
from msgspec.structs import astuple

from agentd.events import LockMode
from agentd.projections import (
    EDGES,
    PROJECTIONS,
    GateRow,
    Key,
    LockRow,
    Projection,
    StretchRow,
    WishRow,
)
from agentd.store.protocols.journal import JournalReader
from agentd.store.sql.statements import SHADOW, columns
from agentd.store.sqlite.driver_errors import raise_failures
from agentd.store.sqlite.reader import SqliteReader

FoldingPlace = apsw.Connection

_MOST_ROWS_IN_MEMORY = 50_000
"""Rows held in memory before they are written out; a row changes several times in a row."""


@contextmanager
def folding_place() -> Iterator[FoldingPlace]:
    """Temporary files to fold into where the real tables are elsewhere. Raises `Failure`."""
    with (
        raise_failures(Path("a fold"), "the directory of temporary files (TMPDIR)"),
        closing(apsw.Connection("")) as connection,
    ):
        yield connection


class SqliteShadow(SqliteReader):
    """See `Shadow`."""

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection, SHADOW)
        self._connection = connection
        self._rows: dict[tuple[str, Key], Any] = {}  # not written out; None for a row to remove
        for projection in PROJECTIONS:
            self._execute(f"DROP TABLE IF EXISTS temp.shadow_{projection.name}")
            self._execute(_create_table(projection))
            for column in projection.searched:
                self._execute(_create_index(projection, column))

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Shadow.get`."""
        if (projection.name, key) in self._rows:
            return self._rows[projection.name, key]
        return super().get(projection, key)

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Shadow.put`."""
        if projection is EDGES and row is not None:  # asked for by `dependents`, so never held back
            self._execute(self._tables.put[projection.name], astuple(row))
            return
        self._rows[projection.name, key] = row
        if len(self._rows) >= _MOST_ROWS_IN_MEMORY:
            self.flush()

    def stretches(self, task_id: str) -> Sequence[StretchRow]:
        """See `Shadow.stretches`."""
        self.flush()
        return super().stretches(task_id)

    def gates_in(self, task_id: str, stage: str) -> list[GateRow]:
        """See `Shadow.gates_in`."""
        self.flush()
        rows = [GateRow(*row) for row in self._all(self._tables.gates_in, (task_id, stage))]
        return sorted(rows, key=lambda row: row.node_id)

    def conflicting_locks(
        self, key: str, mode: LockMode, limit: int | None = None
    ) -> Sequence[LockRow]:
        """See `Shadow.conflicting_locks`."""
        self.flush()
        return super().conflicting_locks(key, mode, limit)

    def conflicting_wishes(self, key: str, mode: LockMode) -> Sequence[WishRow]:
        """See `Shadow.conflicting_wishes`."""
        self.flush()
        return super().conflicting_wishes(key, mode)

    def wishes_of(self, node_id: str) -> Sequence[WishRow]:
        """See `Shadow.wishes_of`."""
        self.flush()
        return super().wishes_of(node_id)

    def wishes_of_task(self, task_id: str) -> Sequence[WishRow]:
        """See `Shadow.wishes_of_task`."""
        self.flush()
        return super().wishes_of_task(task_id)

    def rows(self, projection: Projection) -> Any:
        """See `Shadow.rows`."""
        self.flush()
        return super().rows(projection)

    def hold(self) -> JournalReader:
        """See `Shadow.hold`: whoever folds a file anew has it for itself."""
        return self

    def swap(self) -> None:
        """See `Shadow.swap`."""
        self.flush()
        with self._connection:
            indexes = list(self._execute(_INDEXES))
            for name, _sql in indexes:
                self._execute(f"DROP INDEX main.{name}")
            for projection in PROJECTIONS:
                name, names = projection.name, columns(projection)
                self._execute(f"DELETE FROM main.{name}")
                self._execute(
                    f"INSERT INTO main.{name} ({names}) SELECT {names} FROM temp.shadow_{name}"
                )
            for _name, sql in indexes:  # filling an index at the end is faster than row by row
                self._execute(sql)

    def flush(self) -> None:
        """Write the rows that are held in memory."""
        for (name, key), row in self._rows.items():
            if row is None:
                self._execute(self._tables.remove[name], key)
            else:
                self._execute(self._tables.put[name], astuple(row))
        self._rows.clear()


_INDEXES = (
    "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL "
    f"AND tbl_name IN ({', '.join(repr(p.name) for p in PROJECTIONS)})"
)


def _create_table(projection: Projection) -> str:
    key = ", ".join(projection.key)
    return (
        f"CREATE TEMP TABLE shadow_{projection.name} "
        f"({columns(projection)}, PRIMARY KEY ({key})) WITHOUT ROWID"
    )


def _create_index(projection: Projection, column: str) -> str:
    name = projection.name
    return f"CREATE INDEX temp.shadow_{name}_{column} ON shadow_{name} ({column})"
