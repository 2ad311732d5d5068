"""What has arrived, held against the database that it comes from.

The rule this file keeps: nothing is believed. Every task, node, result, event, lease and lock of
the source is looked for in the journal, where it stands in its place and says the same; and as long
as nothing else is recorded of a task, its rows do so, too.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import UNSET, Raw

from agentd.earlier.content import Event, Lock, Node, Task
from agentd.earlier.reading import read_locks, read_tasks
from agentd.earlier.values import shown
from agentd.errors import JournalDamaged
from agentd.events import EventCommitted, LockAcquired, NodeAcquired, NodeAdded, TaskRegistered
from agentd.journal import Recorded
from agentd.progress import Advance
from agentd.projections import TASKS, TaskRow
from agentd.store import Reader
from agentd.store.sqlite.earlier import EarlierFile

_NULL = b"null"


def verify(
    file: EarlierFile, reader: Reader, taken: Iterable[Lock], now: int, advance: Advance
) -> None:
    """Raise `JournalDamaged` where something that `file` has is not here as it is there.

    Of its locks those that were `taken`, and others that are here. What is not here is judged as of
    the moment `now`, in Unix milliseconds.
    """
    try:
        _verify_tasks(file, reader, now, advance)
        _verify_locks(file, locks_here(reader), taken, now)
    except JournalDamaged as error:
        raise JournalDamaged(
            f"what is here is not what {file.path} has: {error}; where that has changed since it "
            "was taken over, take it over into an empty home (AGENTD_HOME)"
        ) from error


def _verify_tasks(file: EarlierFile, reader: Reader, now: int, advance: Advance) -> None:
    def moment_of(task_id: Any) -> int:
        row: TaskRow | None = reader.get(TASKS, (task_id,))
        return now if row is None else reader.record_at(row.registered_seq).at

    found = dict.fromkeys(("global_tasks", "dag_nodes", "event_journal"), 0)
    for task in read_tasks(file, moment_of):
        found["event_journal"] += _Stream(reader, task.task_id).verify(task)
        found["global_tasks"] += 1
        found["dag_nodes"] += len(task.nodes)
        advance(found["event_journal"])
    for table, number in found.items():
        if number != file.counts[table]:
            raise JournalDamaged(f"{number:,} of {file.counts[table]:,} rows of {table} were read")


def locks_here(reader: Reader) -> Mapping[str, Recorded]:
    """The records of locks that were ever taken, by their leases."""
    return {
        each.event.lease_id: each
        for each in reader.records_of_locks(reader.last_seq())
        if isinstance(each.event, LockAcquired)
    }


def _verify_locks(
    file: EarlierFile, here: Mapping[str, Recorded], taken: Iterable[Lock], now: int
) -> None:
    for lock in taken:
        if lock.lease_id not in here:
            raise JournalDamaged(f"the lock {shown(lock.key)} is not here")
    locks = read_locks(file, lambda lease_id: here[lease_id].at if lease_id in here else now)
    for lock in locks.held:
        recorded = here.get(lock.lease_id)
        if recorded is not None and not _is_lock(recorded, lock):
            raise JournalDamaged(
                f"the lock {shown(lock.key)} is another one here (seq {recorded.seq})"
            )


def _is_lock(recorded: Recorded, lock: Lock) -> bool:
    event = recorded.event
    return (
        isinstance(event, LockAcquired)
        and event.key == lock.key
        and (event.owner, event.provider, event.node_id)
        == (lock.owner, lock.provider, lock.node_id)
        and (event.acquired_at, event.updated_at) == (lock.acquired_at, lock.updated_at)
        and event.expires_at == lock.expires_at
        and recorded.payload == lock.metadata
    )


class _Stream:
    """The records of one task, as far as they were held against what they should be."""

    def __init__(self, reader: Reader, task_id: str) -> None:
        self._reader = reader
        self._task_id = task_id
        self._records: Iterator[Recorded] = reader.journal(task_id=task_id)

    def verify(self, task: Task) -> int:
        """Follow the task from its registration to its last event; returns how many it has."""
        self._expect(
            _expected_registration(task), TaskRegistered, None, task.context, f"task {task.task_id}"
        )
        for node in task.nodes:
            name = f"node {node.node_id}"
            self._expect(_expected_node(node), NodeAdded, node.node_id, node.payload_schema, name)
        for node in task.nodes:
            if node.lease is not None:
                name = f"the lease of node {node.node_id}"
                self._expect(_expected_lease(node), NodeAcquired, node.node_id, None, name)
        events = 0
        for event in task.events:
            self._expect_event(event)
            events += 1
        if not any(not isinstance(each.event, LockAcquired) for each in self._records):
            self._verify_rows(task)
        return events

    def _expect(
        self,
        fields: Mapping[str, Any],
        kind: type[Any],
        node_id: str | None,
        payload: bytes | None,
        name: str,
    ) -> None:
        recorded = self._next(name)
        event = recorded.event
        if type(event) is not kind or recorded.node_id != node_id or recorded.payload != payload:
            raise self._differs(name, recorded)
        for field, value in fields.items():
            if getattr(event, field) != value:
                raise self._differs(f"{name}: its {field}", recorded)

    def _expect_event(self, expected: Event) -> None:
        recorded = self._next(f"event {expected.event_id}")
        event = recorded.event
        if (
            not isinstance(event, EventCommitted)
            or recorded.event_id != expected.event_id
            or recorded.node_id != expected.node_id
            or event.action_type != expected.action_type
            or event.noted_at != expected.noted_at
            or recorded.payload != expected.payload
        ):
            raise self._differs(f"event {expected.event_id}", recorded)

    def _verify_rows(self, task: Task) -> None:
        rows = self._reader.nodes(task.task_id)
        for node, row in zip(task.nodes, rows, strict=True):
            lease = node.lease
            held = None if lease is None else (lease.lease_id, lease.owner, lease.expires_at)
            found = (row.lease_id, row.lease_owner, row.lease_expires_at)
            if (row.node_id, row.status) != (node.node_id, node.status) or (
                found != (held or (None, None, None))
            ):
                raise JournalDamaged(
                    f"the row of node {node.node_id} (task {task.task_id}) is not as it is there"
                )

    def _next(self, name: str) -> Recorded:
        recorded = next(self._records, None)
        if recorded is None:
            raise JournalDamaged(f"{name} (task {self._task_id}) is not here")
        return recorded

    def _differs(self, name: str, recorded: Recorded) -> JournalDamaged:
        return JournalDamaged(
            f"{name} (task {self._task_id}) is not here as it is there (seq {recorded.seq})"
        )


def _expected_registration(task: Task) -> dict[str, Any]:
    return {
        "goal": task.goal,
        "node_count": len(task.nodes),
        "imported_from": task.source,
        "created_at": task.created_at,
    }


def _expected_node(node: Node) -> dict[str, Any]:
    result = None if node.result == _NULL else node.result  # which is as good as nothing
    return {
        "dependencies": node.dependencies,
        "status": "PENDING" if node.status == "RUNNING" else node.status,
        "result": UNSET if result is None else Raw(result),
        "updated_at": node.updated_at,
    }


def _expected_lease(node: Node) -> dict[str, Any]:
    lease = node.lease
    assert lease is not None  # noqa: S101 - only nodes that have one are asked
    return {
        "lease_id": lease.lease_id,
        "lease_owner": lease.owner,
        "lease_expires_at": lease.expires_at,
        "acquired_at": lease.acquired_at,
    }
