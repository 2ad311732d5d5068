"""The smallest correct store: dictionaries. Tests measure the real engine against it.

The rule this file keeps: say what each operation means in the plainest way, however slow.
"""

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from agentd.answers import KEPT_MS, Answered
from agentd.errors import Conflict, JournalDamaged
from agentd.events import HIDDEN, TOLD
from agentd.journal import GENESIS, Draft, Head, Recorded, record
from agentd.projections import (
    EDGES,
    NODES,
    PROJECTIONS,
    TASK_STATES,
    TASKS,
    USAGE,
    Key,
    NodeRow,
    Projection,
    TaskRow,
    TaskStateRow,
    UsageRow,
    is_runnable,
)


class MemoryTx:
    """Reader and write transaction in one: a copy of the whole database."""

    def __init__(
        self,
        records: dict[int, Recorded] | None = None,
        tables: dict[str, dict[Key, Struct]] | None = None,
        requests: dict[str, Answered] | None = None,
    ) -> None:
        self.records = records or {}
        self.requests = requests or {}
        self.tables = tables or {projection.name: {} for projection in PROJECTIONS}

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`."""
        return self.tables[projection.name].get(key)

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """See `Reader.rows`."""
        table = self.tables[projection.name]
        return (table[key] for key in sorted(table))

    def next_runnable(self, task_id: str | None = None) -> NodeRow | None:
        """See `Reader.next_runnable`."""
        nodes = self._open_nodes() if task_id is None else self.nodes(task_id)
        runnable = filter(is_runnable, nodes)
        return min(runnable, key=lambda node: (node.rank, node.added_seq), default=None)

    def due_nodes(self, until: int, limit: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.due_nodes`."""
        waiting = [node for node in self._waiting() if task_id in (None, node.task_id)]
        due = [node for node in waiting if (node.not_before or 0) <= until]
        return sorted(due, key=lambda node: (node.not_before, node.added_seq))[:limit]

    def next_due(self, after: int) -> int | None:
        """See `Reader.next_due`."""
        moments = (node.not_before or 0 for node in self._waiting())
        return min((moment for moment in moments if moment > after), default=None)

    def has_ready(self, task_id: str) -> bool:
        """See `Reader.has_ready`."""
        return any(n.status == "PENDING" and not n.waiting_on for n in self.nodes(task_id))

    def nodes(self, task_id: str, after: int = -1, limit: int | None = None) -> Iterator[NodeRow]:
        """See `Reader.nodes`."""
        nodes = (n for n in self._nodes() if n.task_id == task_id and n.position > after)
        return itertools.islice(sorted(nodes, key=lambda node: node.position), limit)

    def node_named(self, task_id: str, name: str) -> NodeRow | None:
        """See `Reader.node_named`."""
        return next((node for node in self.nodes(task_id) if node.name == name), None)

    def failed_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.failed_nodes`."""
        return [node for node in self.nodes(task_id) if node.status == "FAILED"]

    def tasks(self, prefix: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.tasks`."""
        older = (t for t in self._tasks(prefix) if before is None or t.registered_seq < before)
        return sorted(older, key=lambda task: task.registered_seq, reverse=True)[:limit]

    def runnable_tasks(self, prefix: str, after: int, limit: int) -> list[TaskRow]:
        """See `Reader.runnable_tasks`."""
        newer = (task for task in self._tasks(prefix) if task.registered_seq > after)
        runnable = (task for task in newer if self.next_runnable(task.task_id) is not None)
        return sorted(runnable, key=lambda task: task.registered_seq)[:limit]

    def children(self, task_id: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.children`."""
        everything = self.tasks("", before, len(self.tables[TASKS.name]))
        return [task for task in everything if task.parent_task_id == task_id][:limit]

    def open_tasks(self, dedupe_key: str) -> list[TaskRow]:
        """See `Reader.open_tasks`."""
        states: list[TaskStateRow] = list(self.rows(TASK_STATES))  # type: ignore[arg-type]  # its rows
        found = {s.task_id for s in states if s.dedupe_key == dedupe_key and s.may_go_on}
        everything = self.tasks("", None, len(self.tables[TASKS.name]))
        return [task for task in everything if task.task_id in found]

    def overdue_tasks(self, after: int, until: int) -> list[TaskRow]:
        """See `Reader.overdue_tasks`."""
        timed = [task for task in self._tasks("") if after < (task.timeout_at or after) <= until]
        timed = [t for t in timed if self.get(TASK_STATES, (t.task_id,)).may_go_on]
        return sorted(timed, key=lambda task: (task.timeout_at, task.registered_seq))

    def next_timeout(self, after: int) -> int | None:
        """See `Reader.next_timeout`."""
        ends = (task.timeout_at or 0 for task in self._tasks("") if task.timeout_at is not None)
        return min((end for end in ends if end > after), default=None)

    def usage(self, scope: str) -> list[UsageRow]:
        """See `Reader.usage`."""
        rows: list[UsageRow] = list(self.rows(USAGE))  # type: ignore[arg-type]  # its rows
        return [row for row in rows if row.scope == scope]

    def dependents(self, node_id: str) -> list[str]:
        """See `Reader.dependents`."""
        return sorted(node for dependency, node in self.tables[EDGES.name] if dependency == node_id)

    def expired_leases(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.expired_leases`."""
        leased = [node for node in self._leased() if task_id in (None, node.task_id)]
        expired = [
            node
            for node in leased
            if after < (node.lease_expires_at or 0) <= until or _is_over(node.deadline_at, until)
        ]
        return sorted(expired, key=lambda node: (node.lease_expires_at, node.node_id))

    def leased_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.leased_nodes`."""
        return [node for node in self.nodes(task_id) if node.lease_expires_at is not None]

    def next_expiry(self, after: int) -> int | None:
        """See `Reader.next_expiry`."""
        ends = (end for node in self._leased() for end in (node.lease_expires_at, node.deadline_at))
        return min((end for end in ends if end is not None and end > after), default=None)

    def existing_nodes(self, node_ids: Sequence[str]) -> list[str]:
        """See `Reader.existing_nodes`."""
        return [node_id for node_id in node_ids if (node_id,) in self.tables[NODES.name]]

    def head(self, task_id: str) -> Head:
        """See `Reader.head`."""
        stream = list(self.journal(0, task_id))
        return Head(stream[-1].version, stream[-1].hash) if stream else GENESIS

    def schema(self) -> tuple[int, int]:
        """See `Reader.schema`: dictionaries have only one."""
        return 1, 1

    def last_seq(self) -> int:
        """See `Reader.last_seq`."""
        return max(self.records, default=0)

    def last_at(self) -> int:
        """See `Reader.last_at`."""
        return self.records[self.last_seq()].at if self.records else 0

    def record_at(self, seq: int) -> Recorded:
        """See `Reader.record_at`."""
        if seq not in self.records:
            raise JournalDamaged(f"the journal has no record {seq}")
        return self.records[seq]

    def tail(self, task_id: str, limit: int, until: int | None = None) -> list[Recorded]:
        """See `Reader.tail`."""
        stream = itertools.islice(self.journal(0, task_id), until)
        return _newest([r for r in stream if isinstance(r.event, TOLD)], limit)

    def tail_of_nodes(
        self, task_id: str, node_ids: Sequence[str], limit: int, until: int
    ) -> list[Recorded]:
        """See `Reader.tail_of_nodes`."""
        told = self.tail(task_id, len(self.records), until)
        return _newest([recorded for recorded in told if recorded.node_id in node_ids], limit)

    def payload_size(self, seq: int) -> int:
        """See `Reader.payload_size`."""
        return len(self.record_at(seq).payload or b"")

    def reach(self, after: int, entries: int, task_id: str | None = None) -> int:
        """See `Reader.reach`."""
        behind = [recorded.seq for recorded in self.journal(after, task_id)]
        return behind[entries - 1] if len(behind) > entries else max(after, self.last_seq())

    def records_of_kinds(
        self, after: int, until: int, task_id: str | None, kinds: Sequence[str]
    ) -> Iterator[Recorded]:
        """See `Reader.records_of_kinds`."""
        behind = self.journal(after, task_id)
        return (r for r in behind if r.seq <= until and r.kind in kinds)

    def records_without_heartbeats(
        self, task_id: str, after: int | None, limit: int
    ) -> Iterator[Recorded]:
        """See `Reader.records_without_heartbeats`."""
        stream = self.journal(after or 0, task_id)
        shown = [r for r in stream if not isinstance(r.event, HIDDEN)]
        return iter(_newest(shown, limit) if after is None else shown[:limit])

    def journal(
        self, after: int = 0, task_id: str | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `Reader.journal`."""
        found = (r for r in self.records.values() if r.seq > after and task_id in (None, r.task_id))
        return itertools.islice(found, limit)

    def answered_request(self, request_id: str) -> Answered | None:
        """See `Reader.answered_request`."""
        return self.requests.get(request_id)

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
        self.records.update({r.seq: r for r in recorded})
        return recorded

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Tx.put`."""
        if row is None:
            self.tables[projection.name].pop(key, None)
        else:
            self.tables[projection.name][key] = row

    def remember(self, answered: Answered) -> None:
        """See `Tx.remember`."""
        at = answered.at
        known = self.requests.items()
        self.requests = {i: kept for i, kept in known if abs(at - kept.at) <= KEPT_MS}
        self.requests[answered.request_id] = answered

    def _tasks(self, prefix: str) -> list[TaskRow]:
        tasks: list[TaskRow] = list(self.tables[TASKS.name].values())  # type: ignore[arg-type]
        return [task for task in tasks if task.task_id.startswith(prefix)]

    def _nodes(self) -> list[NodeRow]:
        return list(self.tables[NODES.name].values())  # type: ignore[arg-type]  # NODES holds NodeRows

    def _open_nodes(self) -> list[NodeRow]:
        return [n for n in self._nodes() if self.get(TASK_STATES, (n.task_id,)).hands_out]

    def _waiting(self) -> list[NodeRow]:
        return [node for node in self._nodes() if node.not_before is not None]

    def _leased(self) -> list[NodeRow]:
        return [node for node in self._nodes() if node.lease_expires_at is not None]


def _is_over(deadline: int | None, now: int) -> bool:
    return deadline is not None and deadline <= now


def _newest(records: list[Recorded], limit: int) -> list[Recorded]:
    return records[len(records) - min(limit, len(records)) :]


class MemoryStore:
    """A store that lives as long as the object."""

    def __init__(self) -> None:
        self._committed = MemoryTx()

    @contextmanager
    def write(self) -> Iterator[MemoryTx]:
        """See `Store.write`: what an exception interrupts has only changed the copy."""
        tx = self._snapshot()
        yield tx
        self._committed = tx

    @contextmanager
    def read(self) -> Iterator[MemoryTx]:
        """See `Store.read`."""
        yield self._snapshot()

    @contextmanager
    def shadow(self) -> Iterator["MemoryShadow"]:
        """See `Store.shadow`."""
        yield MemoryShadow(self)

    def close(self) -> None:
        """See `Store.close`."""

    def replace(self, tables: dict[str, dict[Key, Struct]]) -> None:
        """Other projections over the same journal."""
        self._committed = MemoryTx(self._committed.records, tables, self._committed.requests)

    def _snapshot(self) -> MemoryTx:
        # Records and rows are frozen, so copying the containers is enough.
        tables = {name: copy.copy(table) for name, table in self._committed.tables.items()}
        return MemoryTx(dict(self._committed.records), tables, dict(self._committed.requests))


class MemoryShadow(MemoryTx):
    """See `Shadow`."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self._store = store

    def swap(self) -> None:
        """See `Shadow.swap`."""
        self._store.replace(self.tables)
