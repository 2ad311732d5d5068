"""What the earlier agentd left becomes part of this one's journal.

The rule this file keeps: a task arrives whole, in one transaction with its locks, or not at all,
and one that is here is left as it is; so whoever takes over may be killed at any moment, and do it
again. All of it is decided, and recorded, as of one moment.
"""

from collections.abc import Iterable, Iterator

from msgspec import UNSET, Raw

from agentd.api import (
    AddNodesParams,
    ImportedEventSpec,
    ImportedNodeSpec,
    ImportTaskParams,
    NoParams,
    Params,
)
from agentd.decide import Context, LiveLease, LiveLock, TakeOver
from agentd.earlier.content import Event, Lease, Lock, Node, Task
from agentd.earlier.planning import Plan, is_here
from agentd.earlier.reading import read_tasks
from agentd.methods.growth import ADD_NODES
from agentd.methods.imports import take_over_lock, take_over_task
from agentd.methods.method import Command
from agentd.progress import Advance
from agentd.store import ServedStore, Tx
from agentd.store.sqlite.earlier import EarlierFile
from agentd.transact import Call, transact

SOURCE_OF_LOCKS = "earlier agentd"
"""The name that the records of locks have for where they came from."""

_RECORDS_AT_ONCE = 10_000
"""With the task with which a transaction has as many records, it ends."""

_EVENTS_AT_ONCE = 2_000
_BYTES_AT_ONCE = 2**22
"""Events of one decision, and bytes of their payloads: memory holds them."""


def take(
    file: EarlierFile, store: ServedStore, plan: Plan, context: Context, advance: Advance
) -> None:
    """Bring all that the plan found, which was made as of the context's moment.

    Raises `StorageError`, `RequestRefused`; what was brought until then stays.
    """
    locks = _Locks(plan.locks)
    tasks = read_tasks(file, lambda _task_id: context.now)
    noted = 0
    while (records := _take_some(store, tasks, locks, context)) is not None:
        noted += records
        advance(noted)
        store.checkpoint()
    with store.write() as tx:
        locks.take_rest(tx, context)


def _take_some(
    store: ServedStore, tasks: Iterator[Task], locks: "_Locks", context: Context
) -> int | None:
    """The number of records that were made; None where there are no more tasks."""
    records = 0
    with store.write() as tx:
        for task in tasks:
            if is_here(tx, task):
                continue
            records += _take_task(tx, task, context)
            locks.take_those_of(tx, task.task_id, context)
            if records >= _RECORDS_AT_ONCE:
                return records
    return records or None


def _take_task(tx: Tx, task: Task, context: Context) -> int:
    """Bring one task; returns how many records that made."""
    leases = {node.node_id: _live_lease(node.lease) for node in task.nodes if node.lease}
    changed = {node.node_id: node.updated_at for node in task.nodes}
    params = ImportTaskParams(
        goal=task.goal,
        source=task.source,
        nodes=[*map(_node_spec, task.nodes)],
        context=Raw(task.context),
        created_at=task.created_at / 1000,
        events=_some_events(task),
    )
    records = _run(tx, take_over_task(TakeOver(task.task_id, changed, leases)), params, context)
    tx.last_at()  # writes what was recorded: memory need not hold it
    while more := _some_events(task):
        noted = AddNodesParams(task_id=task.task_id, nodes=[], events=[*more])
        records += _run(tx, ADD_NODES, noted, context)
        tx.last_at()
    return records


def _run(tx: Tx, command: Command, params: Params, context: Context) -> int:
    """Carry out a command; returns how many records it made."""
    return len(transact(tx, Call(command, params), context).recorded)


def _node_spec(node: Node) -> ImportedNodeSpec:
    """The node as it begins here; a lease is taken over behind it."""
    return ImportedNodeSpec(
        id=node.node_id,
        dependencies=[*node.dependencies],
        payload_schema=Raw(node.payload_schema),
        status=None if node.status == "RUNNING" else node.status,
        result_payload=UNSET if node.result is None else Raw(node.result),
    )


def _live_lease(lease: Lease) -> LiveLease:
    return LiveLease(lease.lease_id, lease.owner, lease.expires_at, lease.acquired_at)


def _some_events(task: Task) -> list[ImportedEventSpec]:
    """The next ones, as many as one decision is made on; none behind the last."""
    some: list[ImportedEventSpec] = []
    size = 0
    for event in task.events:
        some.append(_event_spec(event))
        size += len(event.payload)
        if len(some) == _EVENTS_AT_ONCE or size > _BYTES_AT_ONCE:
            break
    return some


def _event_spec(event: Event) -> ImportedEventSpec:
    return ImportedEventSpec(
        id=event.event_id,
        node_id=event.node_id,
        action_type=event.action_type,
        payload=Raw(event.payload),
        timestamp=event.noted_at / 1000,
    )


def _live_lock(lock: Lock) -> LiveLock:
    return LiveLock(
        lock.key,
        lock.lease_id,
        lock.owner,
        lock.expires_at,
        lock.acquired_at,
        lock.updated_at,
        lock.provider,
        lock.task_id,
        lock.node_id,
        lock.metadata,
        source=SOURCE_OF_LOCKS,
    )


class _Locks:
    """Locks that are to be taken, each once."""

    def __init__(self, locks: Iterable[Lock]) -> None:
        self._left: dict[str | None, list[Lock]] = {}
        for lock in locks:
            self._left.setdefault(lock.task_id, []).append(lock)

    def take_those_of(self, tx: Tx, task_id: str, context: Context) -> None:
        """Take what is held for the task."""
        self._take(tx, self._left.pop(task_id, ()), context)

    def take_rest(self, tx: Tx, context: Context) -> None:
        """Take all that are left."""
        for locks in self._left.values():
            self._take(tx, locks, context)

    def _take(self, tx: Tx, locks: Iterable[Lock], context: Context) -> None:
        for lock in locks:
            _run(tx, take_over_lock(_live_lock(lock)), NoParams(), context)
