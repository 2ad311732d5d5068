"""What the write connection has read and written lately, so that it need not read it again.

The rule this file keeps: it never answers differently from the database. It is changed by the one
writer only, and forgotten whole when a transaction is undone or somebody else has written.
"""

from collections import deque
from collections.abc import Sequence, Sized
from typing import Any

from agentd.events import TOLD
from agentd.journal import Head, Recorded
from agentd.projections import PROJECTIONS, Key, LockRow, NodeRow, StretchRow, is_runnable
from agentd.projections.queue import stretch_of
from agentd.store.sql.session import Session

_ROWS = 10_000
"""Rows and heads that are kept; with more of them all are forgotten, which costs a few reads."""

_NEVER_CHANGE = [p.name for p in PROJECTIONS if set(p.fixed) == set(p.row.__struct_fields__)]
"""Projections whose rows stay as they were made."""

_TASKS = 64
_LARGEST_PAYLOAD = 4_096
"""Bytes. A task with larger payloads is read from the journal each time, so that memory stays
small.
"""

_LARGEST_RECORD = 1_024
"""Bytes of the records that are kept one by one: of payload, and of what the event says."""


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
        if all(map(is_small, tail)):
            self._tails[task_id] = deque(tail, limit)

    def append(self, recorded: Sequence[Recorded]) -> None:
        """Lengthen the tail of the task by its new records."""
        task_id = recorded[0].task_id
        if (tail := self._tails.get(task_id)) is None:
            return
        for record in recorded:
            if isinstance(record.event, TOLD):
                if not is_small(record):
                    del self._tails[task_id]
                    return
                tail.append(record)

    def forget(self, task_id: str) -> None:
        """Read the task's tail again when it is asked for."""
        self._tails.pop(task_id, None)

    def clear(self) -> None:
        """Forget everything."""
        self._tails.clear()


def is_small(recorded: Recorded) -> bool:
    """Whether a record may be kept in a task's tail."""
    return recorded.payload is None or len(recorded.payload) <= _LARGEST_PAYLOAD


class Cache:
    """Rows by projection and key (None where there is no such row), heads and tails by task.

    `changed` are the rows that are not written yet, as they were when they were written last.

    `records` has small records by seq, and `dependents` who depends on a node. `ahead` has by
    stretch the ids of the nodes to hand out next, as far as they were read ahead, `stretches` the
    keys of a task's, and `firsts` by demand that of the first that hands out, but for those in
    `unknown_firsts`; `firsts_in_order` are they all, sorted, unless one has changed since. No lease
    ends before `first_expiry`, no lock before `first_lock_expiry`, and no node waits for a moment
    before `first_due` (Unix milliseconds). `has_no_locks`: none is held at all, if that is known.
    """

    def __init__(self, session: Session) -> None:
        self.version: Any = None  # of the database that all this is of
        self.cursor = session.cursor()  # of the one write transaction that there is
        self.tails = TailCache()
        self.rows: dict[str, dict[Key, Any]] = {p.name: {} for p in PROJECTIONS}
        self.changed: dict[str, dict[Key, Any]] = {p.name: {} for p in PROJECTIONS}
        self.heads: dict[str, Head] = {}
        self.ahead: dict[Key, deque[str]] = {}
        self.dependents: dict[str, list[str]] = {}
        self.stretches: dict[str, dict[Key, None]] = {}
        self.firsts: dict[str, Key] | None = None
        self.unknown_firsts: set[str] = set()
        self.firsts_in_order: list[Key] | None = None
        self.records: dict[int, Recorded] = {}
        self.last_seq: int | None = None
        self.first_expiry: int | None = None
        self.first_due: int | None = None
        self.first_lock_expiry: int | None = None
        self.has_no_locks: bool | None = None

    def keep_only(self, version: Any) -> None:
        """Forget everything unless it is of this version of the database: somebody else wrote."""
        if version != self.version:
            self.clear()
            self.version = version

    def keep_what_never_changes(self) -> None:
        """Forget all but what nobody can have changed: records, and rows that are made once."""
        records = self.records.copy()
        rows = {name: self.rows[name].copy() for name in _NEVER_CHANGE}
        self.clear()
        self.records.update(records)
        for name, kept in rows.items():
            self.rows[name].update((key, row) for key, row in kept.items() if row is not None)

    def drop_if_too_large(self) -> None:
        """Forget everything if it is too much."""
        sizes: list[Sized] = [
            self.heads,
            self.ahead,
            self.dependents,
            self.stretches,
            self.records,
            *self.rows.values(),
        ]
        if sum(map(len, sizes)) > _ROWS:
            self.clear()

    def add_record(self, recorded: Recorded) -> None:
        """Remember a record, unless it is large."""
        if len(recorded.data) + len(recorded.payload or b"") <= _LARGEST_RECORD:
            self.records[recorded.seq] = recorded

    def note_node(self, row: NodeRow | None) -> None:
        """A node's row was written: forget what was read ahead and does not know of it."""
        if row is None:
            return
        if row.status == "PENDING" and is_runnable(row):
            self.ahead.pop(stretch_of(row), None)
        moment, next_due = row.not_before, self.first_due
        if moment is not None and next_due is not None and moment < next_due:
            self.first_due = moment
        ends, first = row.lease_expires_at, self.first_expiry
        if ends is not None and first is not None and ends < first:
            self.first_expiry = ends

    def note_lock(self, row: LockRow | None) -> None:
        """A lock was written: it may be the first to end, or the last that there was."""
        self.has_no_locks = None if row is None else False
        ends, first = None if row is None else row.expires_at, self.first_lock_expiry
        if ends is not None and first is not None and ends < first:
            self.first_lock_expiry = ends

    def note_stretch(self, key: Key, row: StretchRow | None) -> None:
        """A stretch was written: the task may have it or not, and it may be the first."""
        task_id, demand = key[:2]
        if (known := self.stretches.get(task_id)) is not None:
            if row is None:
                known.pop(key, None)
            else:
                known[key] = None
        if self.firsts is None or demand in self.unknown_firsts:
            return
        first = self.firsts.get(demand)
        if row is not None and row.hands_out:
            if first is None or key[2:] < first[2:]:
                self.firsts[demand] = key
                self.firsts_in_order = None
        elif first == key:
            del self.firsts[demand]
            self.unknown_firsts.add(demand)
            self.firsts_in_order = None

    def clear(self) -> None:
        """Forget everything."""
        self.tails.clear()
        self.heads.clear()
        self.ahead.clear()
        self.dependents.clear()
        self.stretches.clear()
        self.firsts = self.firsts_in_order = None
        self.unknown_firsts.clear()
        self.records.clear()
        self.last_seq = self.first_expiry = self.first_due = self.first_lock_expiry = None
        self.has_no_locks = None
        for rows in (*self.rows.values(), *self.changed.values()):
            rows.clear()
