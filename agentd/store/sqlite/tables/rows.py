"""Rows of projections, by key: what the questions of every noun stand on.

The rule this file keeps: what is asked for by key comes from memory in a write transaction; before
an index is asked, the rows that it must know of are written. So most rows are written once,
together, at the end, however often they changed.
"""

from collections.abc import Callable, Iterator
from typing import Any

import apsw
from msgspec import Struct
from msgspec.structs import astuple, replace

from agentd.projections import (
    EDGES,
    LOCKS,
    NODES,
    PROJECTIONS,
    QUEUE,
    Key,
    Projection,
)
from agentd.store.sqlite.cache import Cache
from agentd.store.sqlite.statements import MAIN, Statements

_COUNTERS = {p.name: p.counters for p in PROJECTIONS if p.counters}


class RowReader:
    """One connection's view; consistent while a transaction is open on it."""

    def __init__(
        self,
        connection: apsw.Connection,
        tables: Statements = MAIN,
        cursor: apsw.Cursor | None = None,
    ) -> None:
        """`cursor` is one of the connection's that nobody else uses meanwhile."""
        self._execute = connection.execute
        self._cursor = cursor or connection.cursor()
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
    _changed: dict[str, dict[Key, Any]]  # the cache's
    _executemany: Callable[..., object]

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`: what was read or written once is not read again."""
        rows = self._rows[projection.name]
        try:
            return rows[key]
        except KeyError:
            row = rows[key] = super().get(projection, key)
            return row

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """See `Reader.rows`."""
        self._write_rows(projection.name)
        return super().rows(projection)

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Tx.put`."""
        rows = self._rows[projection.name]
        self._changed[projection.name].setdefault(key, rows.get(key))
        rows[key] = row
        if projection is NODES:
            self._cache.note_node(row)  # type: ignore[arg-type]  # NODES holds NodeRows
        elif projection is EDGES:
            self._cache.dependents.pop(key[0], None)
        elif projection is QUEUE:
            self._cache.note_stretch(key, row)  # type: ignore[arg-type]  # so does QUEUE its own
        elif projection is LOCKS:
            self._cache.note_lock(row)  # type: ignore[arg-type]  # and LOCKS

    def _write_all_rows(self) -> None:
        for name, changed in self._changed.items():
            if changed:
                self._write_changed(name, changed)

    def _write_rows(self, name: str) -> None:
        if changed := self._changed[name]:
            self._write_changed(name, changed)

    def _write_changed(self, name: str, changed: dict[Key, Any]) -> None:
        rows, tables = self._rows[name], self._tables
        put, update, remove = tables.put[name], tables.update[name], tables.remove[name]
        writes: dict[str, list[tuple[Any, ...]]] = {}
        for key, before in changed.items():
            row = rows[key]
            if row is None:
                writes.setdefault(remove, []).append(key)
            elif before is None:  # it may be new
                writes.setdefault(put, []).append(astuple(row))
            elif before != row and update is not None:  # else it changed, and changed back
                if (counts := _counts(name, before, row)) is not None:
                    writes.setdefault(tables.count[name], []).append((*counts, *key))
                else:
                    writes.setdefault(update, []).append(astuple(row))
        for sql, bindings in writes.items():
            self._write(sql, bindings)
        changed.clear()

    def _write(self, sql: str, bindings: list[tuple[Any, ...]]) -> None:
        if len(bindings) == 1:  # the one cursor is at hand
            self._cursor.execute(sql, bindings[0])
        else:
            self._executemany(sql, bindings)


def _counts(name: str, before: Struct, row: Struct) -> list[int] | None:
    """The counters of the row, where nothing but they has changed; None where something has."""
    counters = _COUNTERS.get(name)
    if counters is None:
        return None
    counts = {counter: getattr(row, counter) for counter in counters}
    return [*counts.values()] if replace(before, **counts) == row else None
