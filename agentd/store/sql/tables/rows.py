"""Rows of projections, by key: what the questions of every noun stand on.

The rule this file keeps: what is asked for by key comes from memory in a write transaction; before
an index is asked, the rows that it must know of are written. So most rows are written once,
together, at the end, however often they changed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from agentd.projections import (
    EDGES,
    LOCKS,
    NODES,
    QUEUE,
    Key,
    Projection,
)
from agentd.store.sql.cache import Cache
from agentd.store.sql.session import Cursor, Session
from agentd.store.sql.statements import MAIN, Statements


class RowReader:
    """One connection's view; consistent while a transaction is open on it."""

    def __init__(
        self,
        session: Session,
        tables: Statements = MAIN,
        cursor: Cursor | None = None,
    ) -> None:
        """`cursor` is one of the session's that nobody else uses meanwhile."""
        self._execute = session.execute
        self._cursor = cursor or session.cursor()
        self._tables = tables

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`."""
        rows = self._all(self._tables.get[projection.name], key)
        return projection.row(*rows[0]) if rows else None

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """See `Reader.rows`."""
        return (projection.row(*row) for row in self._walk(self._tables.rows[projection.name]))

    def _walk(self, sql: str, bindings: tuple[object, ...] = ()) -> Iterable[Any]:
        """The rows one by one, however many there are; other questions may be asked meanwhile."""
        return self._execute(sql, bindings)

    def _all(self, sql: str, bindings: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """All rows at once, so that one cursor serves every question: to make one costs as much."""
        return self._cursor.execute(sql, bindings).fetchall()


class RowTx(RowReader, ABC):
    """Rows in a write transaction. `SqlTx` makes what is declared here."""

    _cache: Cache
    _rows: dict[str, dict[Key, Any]]  # the cache's
    _changed: dict[str, dict[Key, Any]]  # the cache's

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

    @abstractmethod
    def _write_changed(self, name: str, changed: dict[Key, Any]) -> None:
        """Write the rows that changed, by their keys as they were before; forget that they did."""
