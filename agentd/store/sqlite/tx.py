"""The write transaction.

The rule this file keeps: what is written is what is read, at once. What is asked for by key comes
from memory; before an index is asked, the rows and records that it must know of are written. So
most rows are written once, together, at the end, however often they changed.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import apsw
from msgspec import Struct
from msgspec.structs import astuple

from agentd.answers import KEPT_MS, Answered
from agentd.errors import Conflict
from agentd.journal import Draft, Head, Recorded, record
from agentd.projections import EDGES, NODES, PROJECTIONS, TASKS, Key, NodeRow, Projection, TaskRow
from agentd.store.sqlite.kept import Kept
from agentd.store.sqlite.mark import Mark
from agentd.store.sqlite.reader import SqliteReader
from agentd.store.sqlite.statements import JOURNAL_COLUMNS

_APPEND = f"INSERT INTO journal ({JOURNAL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = 11

_REMEMBER = "INSERT INTO requests (request_id, digest, seq, event_limit, at) VALUES (?, ?, ?, ?, ?)"
# Two for every new one, so that forgetting keeps up and no commit pays for a day of requests. What
# lies far ahead was remembered under a clock that was wrong.
_FORGET = (
    "DELETE FROM requests WHERE number IN (SELECT number FROM "
    "(SELECT number, at FROM requests ORDER BY number LIMIT ?1) WHERE at NOT BETWEEN ?2 AND ?3)"
)

_AHEAD = 16
"""Runnable nodes that are read at a time."""

_NEVER = sys.maxsize


class SqliteTx(SqliteReader):
    """One transaction on the write connection; `SqliteStore.write` begins and ends it."""

    def __init__(self, connection: apsw.Connection, kept: Kept) -> None:
        super().__init__(connection)
        kept.begin()
        self._kept = kept
        self._tails = kept.tails
        self._rows = kept.rows
        self._heads = kept.heads
        self._executemany = connection.executemany
        self._changed: dict[str, dict[Key, None]] = {p.name: {} for p in PROJECTIONS}
        self._appended: list[Recorded] = []
        self._answered: dict[str, Answered] = {}
        self.last: Mark | None = None  # of the records that this transaction appended
        self._runnable = kept.runnable
        if kept.last_seq is None:
            kept.last_seq = super().last_seq()
        self._committed = kept.last_seq

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

    def next_runnable(self, task_id: str) -> NodeRow | None:
        """See `Reader.next_runnable`: read ahead, because workers come in crowds."""
        rows, ahead = self._rows[NODES.name], self._runnable.get(task_id)
        while ahead:
            node: NodeRow | None = rows[ahead[0],]
            if node is not None and node.status == "PENDING":
                return node
            ahead.popleft()
        self._write_tasks()
        found = self.runnable(task_id, _AHEAD)
        self._runnable[task_id] = deque(node.node_id for node in found)
        rows.update(((node.node_id,), node) for node in found)
        return found[0] if found else None

    def nodes(self, task_id: str) -> Iterator[NodeRow]:
        """See `Reader.nodes`."""
        self._write_rows(NODES.name)
        return super().nodes(task_id)

    def tasks(self, prefix: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.tasks`."""
        self._write_tasks()
        return super().tasks(prefix, before, limit)

    def runnable_tasks(self, prefix: str, after: int, limit: int) -> list[TaskRow]:
        """See `Reader.runnable_tasks`."""
        self._write_tasks()
        return super().runnable_tasks(prefix, after, limit)

    def dependents(self, node_id: str) -> list[str]:
        """See `Reader.dependents`."""
        self._write_rows(EDGES.name)
        return super().dependents(node_id)

    def expired(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.expired`: while the first lease still runs, there is nothing to ask."""
        kept = self._kept
        if kept.first_end is None:
            kept.first_end = self.next_expiry(-1) or _NEVER
        if until < kept.first_end:
            return []
        kept.first_end = None  # whoever asks is about to roll these back
        self._write_rows(NODES.name)
        return super().expired(after, until, task_id)

    def next_expiry(self, after: int) -> int | None:
        """See `Reader.next_expiry`."""
        self._write_rows(NODES.name)
        return super().next_expiry(after)

    def taken(self, node_ids: Sequence[str]) -> list[str]:
        """See `Reader.taken`."""
        self._write_rows(NODES.name)
        return super().taken(node_ids)

    def last_seq(self) -> int:
        """See `Reader.last_seq`."""
        return self._kept.last_seq or 0

    def last_at(self) -> int:
        """See `Reader.last_at`."""
        self._write_journal()
        return super().last_at()

    def head(self, task_id: str) -> Head:
        """See `Reader.head`."""
        if task_id not in self._heads:
            self._heads[task_id] = super().head(task_id)
        return self._heads[task_id]

    def recorded(self, seq: int) -> Recorded:
        """See `Reader.recorded`."""
        recorded = self._kept.records.get(seq)
        if recorded is None:
            if seq > self._committed:
                self._write_journal()
            recorded = super().recorded(seq)
            self._kept.keep_record(recorded)
        return recorded

    def tail(self, task_id: str, limit: int, until: int | None = None) -> list[Recorded]:
        """See `Reader.tail`."""
        if until is not None and until < self.head(task_id).version:
            self._write_journal()
            return super().tail(task_id, limit, until)
        tail = self._tails.get(task_id, limit)
        if tail is None:
            self._write_journal()
            tail = super().tail(task_id, limit)
            self._tails.keep(task_id, limit, tail)
        return tail

    def shown(self, task_id: str, after: int | None, limit: int) -> Iterator[Recorded]:
        """See `Reader.shown`."""
        self._write_journal()
        return super().shown(task_id, after, limit)

    def journal(
        self, after: int = 0, task_id: str | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `Reader.journal`."""
        self._write_journal()
        return super().journal(after, task_id, limit)

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
        recorded = record(head, self.last_seq() + 1, task_id, drafts, at, new_id)
        if recorded:
            last = recorded[-1]
            self._appended += recorded
            self._tails.add(recorded)
            self._kept.last_seq = last.seq
            self._heads[task_id] = Head(last.version, last.hash)
            self.last = Mark(last.seq, last.hash)
        return recorded

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Tx.put`."""
        self._rows[projection.name][key] = row
        self._changed[projection.name][key] = None
        if isinstance(row, NodeRow):
            self._note(row)

    def remember(self, answered: Answered) -> None:
        """See `Tx.remember`."""
        self._answered[answered.request_id] = answered

    def flush(self) -> None:
        """Write what waits for the end of the transaction."""
        self._write_journal()
        for projection in PROJECTIONS:
            self._write_rows(projection.name)
        self._write_answered()

    def answered(self, request_id: str) -> Answered | None:
        """See `Reader.answered`."""
        return self._answered.get(request_id) or super().answered(request_id)

    def _write_answered(self) -> None:
        if self._answered:
            now = max(answered.at for answered in self._answered.values())
            self._executemany(_REMEMBER, [astuple(a) for a in self._answered.values()])
            self._execute(_FORGET, (2 * len(self._answered), now - KEPT_MS, now + KEPT_MS))

    def _note(self, row: NodeRow) -> None:
        """What was read ahead of runnable nodes and leases, where this row is news to it."""
        if row.status == "PENDING" and row.waiting_on == 0:
            self._runnable.pop(row.task_id, None)
        ends, first = row.lease_expires_at, self._kept.first_end
        if ends is not None and first is not None and ends < first:
            self._kept.first_end = ends

    def _write_journal(self) -> None:
        if self._appended:
            self._executemany(_APPEND, [astuple(r)[:_COLUMNS] for r in self._appended])
            self._appended.clear()

    def _write_tasks(self) -> None:
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
