"""The write transaction.

The rule this file keeps: what is written is what is read, at once. Node rows and edges are written
through, because their indexes are asked in the same transaction. The journal's records and the counts
of tasks and totals are only looked up by key until the end, so they are kept and written together.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apsw
from msgspec import Struct
from msgspec.structs import astuple

from agentd.errors import Conflict
from agentd.journal import Draft, Head, Recorded, record
from agentd.projections import NODES, PROJECTIONS, TASKS, TOTALS, Key, NodeRow, Projection
from agentd.store.sqlite.reader import SqliteReader
from agentd.store.sqlite.statements import JOURNAL_COLUMNS
from agentd.store.sqlite.tails import Tails

_APPEND = f"INSERT INTO journal ({JOURNAL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = 11
_WRITTEN_LAST = frozenset({TASKS.name, TOTALS.name})


class SqliteTx(SqliteReader):
    """One transaction on the write connection; `SqliteStore.write` begins and ends it."""

    def __init__(self, connection: apsw.Connection, tails: Tails) -> None:
        super().__init__(connection)
        self._tails = tails
        self._executemany = connection.executemany
        self._rows: dict[str, dict[Key, Any]] = {p.name: {} for p in PROJECTIONS}
        self._heads: dict[str, Head] = {}
        self._records: dict[int, Recorded] = {}
        self._appended: list[Recorded] = []
        self._changed: dict[tuple[str, Key], None] = {}
        self._none_expired: tuple[int, int] | None = None
        self._seq = super().last_seq()

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`: what this transaction has read or written once is not read again."""
        rows = self._rows[projection.name]
        if key not in rows:
            rows[key] = super().get(projection, key)
        return rows[key]

    def next_runnable(self, task_id: str) -> NodeRow | None:
        """See `Reader.next_runnable`."""
        node = super().next_runnable(task_id)
        if node is not None:
            self._rows[NODES.name][node.node_id,] = node
        return node

    def expired(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.expired`: usually there are none, and then all of a batch need not ask."""
        if self._none_expired == (after, until):
            return []
        if not super().expired(after, until):
            self._none_expired = (after, until)
            return []
        return super().expired(after, until, task_id)

    def last_seq(self) -> int:
        """See `Reader.last_seq`."""
        return self._seq

    def head(self, task_id: str) -> Head:
        """See `Reader.head`."""
        if task_id not in self._heads:
            self._heads[task_id] = super().head(task_id)
        return self._heads[task_id]

    def recorded(self, seq: int) -> Recorded:
        """See `Reader.recorded`."""
        if seq not in self._records:
            self._records[seq] = super().recorded(seq)
        return self._records[seq]

    def tail(self, task_id: str, limit: int) -> list[Recorded]:
        """See `Reader.tail`."""
        tail = self._tails.get(task_id, limit)
        if tail is None:
            self._write_journal()
            tail = super().tail(task_id, limit)
            self._tails.keep(task_id, limit, tail)
        return tail

    def journal(self, after: int = 0, task_id: str | None = None) -> Iterator[Recorded]:
        """See `Reader.journal`."""
        self._write_journal()
        return super().journal(after, task_id)

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
        if recorded:
            self._appended += recorded
            self._records.update((r.seq, r) for r in recorded)
            self._tails.add(recorded)
            self._seq = recorded[-1].seq
            self._heads[task_id] = Head(recorded[-1].version, recorded[-1].hash)
        return recorded

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Tx.put`."""
        self._rows[projection.name][key] = row
        if projection.name in _WRITTEN_LAST:
            self._changed[projection.name, key] = None
            return
        self._write(projection.name, key, row)
        if isinstance(row, NodeRow) and self._none_expired is not None:
            self._none_expired = _still_none(self._none_expired, row)

    def flush(self) -> None:
        """Write what waits for the end of the transaction."""
        self._write_journal()
        for name, key in self._changed:
            self._write(name, key, self._rows[name][key])
        self._changed.clear()

    def _write_journal(self) -> None:
        self._executemany(_APPEND, [astuple(r)[:_COLUMNS] for r in self._appended])
        self._appended.clear()

    def _write(self, name: str, key: Key, row: Struct | None) -> None:
        if row is None:
            self._execute(self._tables.remove[name], key)
        else:
            self._execute(self._tables.put[name], astuple(row))


def _still_none(bounds: tuple[int, int], row: NodeRow) -> tuple[int, int] | None:
    """The bounds between which no lease ends, if none of them is this row's."""
    ends = row.lease_expires_at
    return None if ends is not None and bounds[0] < ends <= bounds[1] else bounds
