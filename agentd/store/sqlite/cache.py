"""What the write connection has read and written lately, so that it need not read it again.

The rule this file keeps: it never answers differently from the database. It is changed by the one
writer only, and forgotten whole when a transaction is undone or somebody else has written.
"""

from collections import deque
from collections.abc import Sequence, Sized
from typing import Any

import apsw

from agentd.events import TOLD
from agentd.journal import Head, Recorded
from agentd.projections import PROJECTIONS, Key, NodeRow, TaskStateRow, is_runnable

_ROWS = 10_000
"""Rows and heads that are kept; with more of them all are forgotten, which costs a few reads."""

_TASKS = 64
_LARGEST_PAYLOAD = 4_096
"""Bytes. A task with larger payloads is read from the journal each time, so that memory stays
small.
"""

_LARGEST_RECORD = 512
"""Bytes of payload of the records that are kept one by one."""


class TailCache:
    """By task, the last `limit` records that are `TOLD`."""

    def __init__(self) -> None:
        self._tails: dict[str, deque[Recorded]] = {}

    def get(self, task_id: str, limit: int) -> list[Recorded] | None:
        """The tail of that length, oldest first, or None when it has to be read."""
        tail = self._tails.get(task_id)
        return list(tail) if tail is not None and tail.maxlen == limit else None

    def put(self, task_id: str, limit: int, tail: Sequence[Recorded]) -> None:
        """Remember a tail that was read."""
        if len(self._tails) >= _TASKS:
            del self._tails[next(iter(self._tails))]  # the one that was read first
        if all(map(_is_small, tail)):
            self._tails[task_id] = deque(tail, limit)

    def append(self, recorded: Sequence[Recorded]) -> None:
        """Lengthen the tail of the task by its new records."""
        task_id = recorded[0].task_id
        if (tail := self._tails.get(task_id)) is None:
            return
        for record in recorded:
            if isinstance(record.event, TOLD):
                if not _is_small(record):
                    del self._tails[task_id]
                    return
                tail.append(record)

    def clear(self) -> None:
        """Forget everything."""
        self._tails.clear()


def _is_small(recorded: Recorded) -> bool:
    return recorded.payload is None or len(recorded.payload) <= _LARGEST_PAYLOAD


class Cache:
    """Rows by projection and key (None where there is no such row), heads and tails by task.

    `records` has small records by seq; `runnable` has, by task and under None of all, the ids of
    the nodes to hand out next, as far as they were read ahead. No lease ends before
    `first_expiry`, and no node waits for a moment before `first_due` (Unix milliseconds).
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._version = -1
        self.tails = TailCache()
        self.rows: dict[str, dict[Key, Any]] = {p.name: {} for p in PROJECTIONS}
        self.heads: dict[str, Head] = {}
        self.runnable: dict[str | None, deque[str]] = {}
        self.records: dict[int, Recorded] = {}
        self.last_seq: int | None = None
        self.first_expiry: int | None = None
        self.first_due: int | None = None

    def drop_if_stale(self) -> None:
        """Forget everything if another connection has written.

        Call it inside the transaction: https://sqlite.org/pragma.html#pragma_data_version
        """
        version = self._connection.execute("PRAGMA data_version").get
        if version != self._version:
            self.clear()
            self._version = version

    def drop_if_too_large(self) -> None:
        """Forget everything if it is too much."""
        sizes: list[Sized] = [self.heads, self.runnable, self.records, *self.rows.values()]
        if sum(map(len, sizes)) > _ROWS:
            self.clear()

    def add_record(self, recorded: Recorded) -> None:
        """Remember a record, unless it is large."""
        if recorded.payload is None or len(recorded.payload) <= _LARGEST_RECORD:
            self.records[recorded.seq] = recorded

    def note_node(self, row: NodeRow) -> None:
        """A node's row was written: forget what was read ahead and does not know of it."""
        if is_runnable(row):
            self.runnable.pop(row.task_id, None)
            self.runnable.pop(None, None)
        moment, next_due = row.not_before, self.first_due
        if moment is not None and next_due is not None and moment < next_due:
            self.first_due = moment
        ends, first = row.lease_expires_at, self.first_expiry
        if ends is not None and first is not None and ends < first:
            self.first_expiry = ends

    def note_task(self, row: TaskStateRow, before: TaskStateRow | None) -> None:
        """A task's state was written: where it holds the task, or no more, the queue changes."""
        if before is not None and before.hands_out != row.hands_out:
            self.runnable.pop(None, None)

    def clear(self) -> None:
        """Forget everything."""
        self.tails.clear()
        self.heads.clear()
        self.runnable.clear()
        self.records.clear()
        self.last_seq = self.first_expiry = self.first_due = None
        for rows in self.rows.values():
            rows.clear()
