"""The write transaction.

The rule this file keeps: what is put is what is got, at once. Node rows are written through, because
the runnable and lease indexes are asked in the same transaction. The task's and the database's counts
change with every event and are looked up by key only, so they are written once, at the end.
"""

from collections.abc import Callable, Iterable
from typing import Any

import apsw
from msgspec import Struct
from msgspec.structs import astuple

from agentd.errors import Conflict
from agentd.journal import Draft, Head, Recorded, record
from agentd.projections import PROJECTIONS, TASKS, TOTALS, Key, Projection
from agentd.store.sqlite.reader import SqliteReader
from agentd.store.sqlite.statements import JOURNAL_COLUMNS

_APPEND = f"INSERT INTO journal ({JOURNAL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_WRITTEN_LAST = frozenset({TASKS.name, TOTALS.name})


class SqliteTx(SqliteReader):
    """One transaction on the write connection; `SqliteStore.write` begins and ends it."""

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection)
        self._rows: dict[str, dict[Key, Any]] = {p.name: {} for p in PROJECTIONS}
        self._heads: dict[str, Head] = {}
        self._changed: dict[tuple[str, Key], None] = {}
        self._seq = super().last_seq()

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`: what this transaction has read or written once is not read again."""
        rows = self._rows[projection.name]
        if key not in rows:
            rows[key] = super().get(projection, key)
        return rows[key]

    def last_seq(self) -> int:
        """See `Reader.last_seq`."""
        return self._seq

    def head(self, task_id: str) -> Head:
        """See `Reader.head`."""
        if task_id not in self._heads:
            self._heads[task_id] = super().head(task_id)
        return self._heads[task_id]

    def append(
        self,
        task_id: str,
        expected_version: int,
        drafts: Iterable[Draft],
        at: int,
        new_id: Callable[[], str],
    ) -> list[Recorded]:
        """See `Tx.append`."""
        head = self.head(task_id)
        if head.version != expected_version:
            raise Conflict(f"task {task_id} is at {head.version}, not at {expected_version}")
        recorded = record(head, self._seq + 1, task_id, drafts, at, new_id)
        execute = self._execute
        for r in recorded:
            execute(
                _APPEND,
                (r.seq, r.event_id, r.task_id, r.version, r.node_id, r.kind, r.schema, r.at)
                + (r.data, r.payload, r.hash),
            )
        if recorded:
            self._seq = recorded[-1].seq
            self._heads[task_id] = Head(recorded[-1].version, recorded[-1].hash)
        return recorded

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Tx.put`."""
        self._rows[projection.name][key] = row
        if projection.name in _WRITTEN_LAST:
            self._changed[projection.name, key] = None
        else:
            self._write(projection.name, key, row)

    def flush(self) -> None:
        """Write what waits for the end of the transaction."""
        for name, key in self._changed:
            self._write(name, key, self._rows[name][key])
        self._changed.clear()

    def _write(self, name: str, key: Key, row: Struct | None) -> None:
        if row is None:
            self._execute(self._tables.remove[name], key)
        else:
            self._execute(self._tables.put[name], astuple(row))
