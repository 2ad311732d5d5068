"""Projections in tables beside the real ones, to refold the journal into.

The rule this file keeps: rows are held in memory while they change, many times in a row; before a
question is asked that needs an index, they are written out.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from agentd.events import LockMode
from agentd.projections import EDGES, GateRow, Key, LockRow, Projection, StretchRow, WishRow
from agentd.store.sql.reader import SqlReader

_MOST_ROWS_IN_MEMORY = 50_000
"""Rows held in memory before they are written out; a row changes several times in a row."""


class SqlShadow(SqlReader):
    """See `Shadow`. An engine makes the tables, writes rows out, and swaps."""

    _held: dict[tuple[str, Key], Any]
    """Rows that are not written out, by projection and key; None for one that is removed."""

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Shadow.get`."""
        if (projection.name, key) in self._held:
            return self._held[projection.name, key]
        return super().get(projection, key)

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Shadow.put`."""
        if projection is EDGES and row is not None:
            self._put_edge(key, row)
            return
        self._held[projection.name, key] = row
        if len(self._held) >= _MOST_ROWS_IN_MEMORY:
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

    def flush(self) -> None:
        """Write the rows out that are held in memory."""
        raise NotImplementedError

    def _put_edge(self, key: Key, row: Struct) -> None:
        """Write an edge, which `dependents` finds at once."""
        raise NotImplementedError
