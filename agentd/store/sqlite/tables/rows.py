"""Rows of projections, by key: what the questions of every noun stand on.

The rule this file keeps: what is asked for by key comes from memory in a write transaction; before
an index is asked, the rows that it must know of are written. So most rows are written once,
together, at the end, however often they changed.
"""

from collections.abc import Callable, Iterator
from typing import Any

import apsw
from msgspec import Struct
from msgspec.structs import astuple

from agentd.projections import NODES, TASKS, Key, NodeRow, Projection, TaskStateRow
from agentd.store.sqlite.cache import Cache
from agentd.store.sqlite.statements import MAIN, Statements


class RowReader:
    """One connection's view; consistent while a transaction is open on it."""

    def __init__(self, connection: apsw.Connection, tables: Statements = MAIN) -> None:
        self._execute = connection.execute
        self._cursor = connection.cursor()
        self._tables = tables

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`."""
        rows = self._all(self._tables.get[projection.name], key)
        return projection.row(*rows[0]) if rows else None

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """See `Reader.rows`."""
        return (projection.row(*row) for row in self._execute(self._tables.rows[projection.name]))

    def _all(self, sql: str, bindings: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """All rows at once, so that one cursor serves every question: to make one costs as much."""
        return self._cursor.execute(sql, bindings).fetchall()


class RowTx(RowReader):
    """Rows in a write transaction. `SqliteTx` makes what is declared here."""

    _cache: Cache
    _rows: dict[str, dict[Key, Any]]  # the cache's
    _changed: dict[str, dict[Key, None]]  # by projection: what is not written yet
    _executemany: Callable[..., object]

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`: what was read or written once is not read again."""
        rows = self._rows[projection.name]
        if key not in rows:
            rows[key] = super().get(projection, key)
        return rows[key]

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """See `Reader.rows`."""
        self._write_rows(projection.name)
        return super().rows(projection)

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Tx.put`."""
        rows = self._rows[projection.name]
        before = rows.get(key)
        rows[key] = row
        self._changed[projection.name][key] = None
        if isinstance(row, NodeRow):
            self._cache.note_node(row)
        elif isinstance(row, TaskStateRow):
            self._cache.note_task(row, before)

    def _write_tasks_and_nodes(self) -> None:
        self._write_rows(TASKS.name)
        self._write_rows(NODES.name)

    def _write_rows(self, name: str) -> None:
        changed = self._changed[name]
        if not changed:
            return
        rows = self._rows[name]
        self._executemany(
            self._tables.put[name], [astuple(rows[key]) for key in changed if rows[key] is not None]
        )
        if gone := [key for key in changed if rows[key] is None]:
            self._executemany(self._tables.remove[name], gone)
        changed.clear()
