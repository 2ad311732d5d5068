"""What the database is asked, one function per question, and what clients see of its rows.

The rule this file keeps: a query writes nothing and refuses only what does not exist.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import Raw, Struct

from agentd.api import (
    NULL,
    DatabaseMetrics,
    DependencyView,
    EventView,
    ListTasksParams,
    ListTasksResult,
    NodeContext,
    NodeView,
    RecordedEventView,
    TaskEventsParams,
    TaskEventsResult,
    TaskStatusResult,
    TaskSummary,
    TaskView,
    rfc3339,
)
from agentd.errors import JournalDamaged, TaskNotFound
from agentd.events import (
    STATUSES,
    EventCommitted,
    LeaseExpired,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    TaskRegistered,
)
from agentd.journal import Recorded
from agentd.projections import (
    COUNTS,
    NODES,
    TASKS,
    TOTALS,
    CountsRow,
    NodeRow,
    TaskRow,
    TotalsRow,
)
from agentd.projections.totals import EMPTY, SCOPE
from agentd.store import Reader

_REMEMBERED = 4_096
"""Encoded events that are remembered: every worker that acquires is shown the same newest ones."""

_LARGEST_REMEMBERED = 1_024
"""Bytes of payload up to which they are."""

_PAGE_BYTES = 1024 * 1024
"""JSON on one page of a list, unless its first entry has more; a line of it may be as long."""

_encoded: dict[bytes, Raw] = {}  # by the record's hash, which stands for all that it holds


def task_row(reader: Reader, task_id: str) -> TaskRow | None:
    """The task, or None."""
    row: TaskRow | None = reader.get(TASKS, (task_id,))
    return row


def node_row(reader: Reader, task_id: str, node_id: str) -> NodeRow | None:
    """The node, or None where this task has no such node."""
    row: NodeRow | None = reader.get(NODES, (node_id,))
    return row if row is not None and row.task_id == task_id else None


def task_status(reader: Reader, task_id: str) -> TaskStatusResult:
    """A task and all its nodes. Raises `TaskNotFound`."""
    row = task_row(reader, task_id)
    if row is None:
        raise TaskNotFound.of(task_id)
    nodes = [node_view(reader, node) for node in reader.nodes(task_id)]
    found = Counter(node.status for node in nodes)
    counts: dict[str, int] = {status: found[status] for status in STATUSES if found[status]}
    return TaskStatusResult(task_view(reader, row), counts, nodes)


def list_tasks(reader: Reader, params: ListTasksParams) -> ListTasksResult:
    """A page of the tasks."""
    limit = params.limit + 1  # one more, to see whether this page is the last
    if params.runnable:
        rows = reader.runnable_tasks(params.prefix, params.before or 0, limit)
    else:
        rows = reader.tasks(params.prefix, params.before, limit)
    page = _page(((row.registered_seq, _task_summary(reader, row)) for row in rows), params.limit)
    return ListTasksResult(page.shown, page.last if page.more else None)


def task_events(reader: Reader, params: TaskEventsParams) -> TaskEventsResult:
    """A page of a task's events. Raises `TaskNotFound`."""
    task_id, after, limit = params.task_id, params.after, params.limit
    if task_row(reader, task_id) is None:
        raise TaskNotFound.of(task_id)
    records = reader.records_without_heartbeats(
        task_id, after, limit if after is None else limit + 1
    )
    page = _page(((r.seq, RecordedEventView(*_seen(r), r.seq)) for r in records), limit)
    return TaskEventsResult(page.shown, page.last or after or 0, page.more)


def node_context(reader: Reader, acquired: Recorded, limit: int) -> NodeContext:
    """What the worker that acquired the node needs to know, with the newest `limit` events then."""
    task_id, node_id = acquired.task_id, acquired.node_id or ""
    task, row = task_row(reader, task_id), node_row(reader, task_id, node_id)
    # The row as it was then, whatever has become of the node since.
    then = NODES.reduce(row, acquired, (node_id,))
    if task is None or not isinstance(then, NodeRow):
        raise JournalDamaged(f"record {acquired.seq} acquired a node that has no row")
    view = node_view(reader, then)
    return NodeContext(
        task_view(reader, task),
        view,
        [_dependency_view(reader, dependency) for dependency in view.dependencies],
        limit,
        _event_journal(reader.tail(task_id, limit, acquired.version)),
    )


def database_metrics(reader: Reader, now: int) -> DatabaseMetrics:
    """What the database holds at `now` (Unix milliseconds)."""
    totals: TotalsRow = reader.get(TOTALS, (SCOPE,)) or EMPTY
    schema_version, latest = reader.schema()
    return DatabaseMetrics(
        schema_version=schema_version,
        latest_schema_version=latest,
        total_tasks=totals.tasks,
        total_nodes=totals.nodes,
        total_events=totals.events,
        running_leases=totals.running,
        expired_running_leases=len(reader.expired_leases(0, now)),
        active_resource_locks=0,
        expired_resource_locks=0,
        node_status_counts=_by_status(totals),
    )


def warnings(reader: Reader, task_id: str) -> tuple[str, ...]:
    """What the registrant of this task, which there is, was told."""
    row: TaskRow = reader.get(TASKS, (task_id,))
    return _registration(reader, row)[1].warnings


def task_view(reader: Reader, row: TaskRow) -> TaskView:
    """A task as clients see it."""
    recorded, event = _registration(reader, row)
    return TaskView(row.task_id, event.goal, _payload(recorded), rfc3339(row.created_at))


def _registration(reader: Reader, row: TaskRow) -> tuple[Recorded, TaskRegistered]:
    recorded = reader.record_at(row.registered_seq)
    if not isinstance(recorded.event, TaskRegistered):
        raise JournalDamaged(f"record {recorded.seq} is not the registration of {row.task_id}")
    return recorded, recorded.event


def node_view(reader: Reader, row: NodeRow) -> NodeView:
    """A node as clients see it."""
    added = reader.record_at(row.added_seq)
    if not isinstance(added.event, NodeAdded):
        raise JournalDamaged(f"record {added.seq} did not add node {row.node_id}")
    return NodeView(
        row.node_id,
        row.task_id,
        row.status,
        list(added.event.dependencies),
        _payload(added),
        _payload(reader.record_at(row.result_seq)) if row.result_seq is not None else Raw(NULL),
        _seconds(row.acquired_at),
        row.lease_id,
        row.lease_owner,
        _seconds(row.lease_expires_at),
        row.updated_at // 1000,
    )


class _Page(NamedTuple):
    """Entries, encoded; the place of the last one, and whether there are more behind it."""

    shown: list[Any]
    last: int
    more: bool


def _page(entries: Iterable[tuple[int, Struct]], limit: int) -> _Page:
    """As many of the entries, each with its place, as fit; nothing behind them is looked at."""
    shown: list[Any] = []
    last = size = 0
    for place, entry in entries:
        encoded = _json(entry)
        size += len(encoded)
        if len(shown) == limit or (shown and size > _PAGE_BYTES):
            return _Page(shown, last, more=True)
        shown.append(encoded)
        last = place
    return _Page(shown, last, more=False)


def _task_summary(reader: Reader, row: TaskRow) -> TaskSummary:
    task = task_view(reader, row)
    counts: CountsRow | None = reader.get(COUNTS, (row.task_id,))
    if counts is None:
        raise JournalDamaged(f"the nodes of task {row.task_id} are not counted")
    runnable = reader.next_runnable(row.task_id) is not None
    return TaskSummary(task.id, task.goal, task.created_at, _by_status(counts), runnable)


def _by_status(counts: CountsRow | TotalsRow) -> dict[str, int]:
    """Only the statuses that occur, in their order."""
    numbers = (counts.pending, counts.running, counts.completed, counts.failed)
    return {status: number for status, number in zip(STATUSES, numbers, strict=True) if number}


def _seen(recorded: Recorded) -> tuple[str, str, Any, str, Raw, str]:
    """The fields of an event as clients see it, under the name that existing clients know."""
    action_type, payload = _shown(recorded)
    moment = rfc3339(recorded.at)
    return recorded.event_id, recorded.task_id, recorded.node_id, action_type, payload, moment


def _event_journal(tail: list[Recorded]) -> list[EventView]:
    """The tail as clients see it, each event encoded once for all the contexts that show it."""
    encoded = [_encoded.get(recorded.hash) or _encode(recorded) for recorded in tail]
    return cast("list[EventView]", encoded)  # what is encoded already is encoded as it is


def _encode(recorded: Recorded) -> Raw:
    """The event as JSON, remembered if it is small."""
    encoded = _json(EventView(*_seen(recorded)))
    if recorded.payload is None or len(recorded.payload) <= _LARGEST_REMEMBERED:
        if len(_encoded) >= _REMEMBERED:
            _encoded.clear()
        _encoded[recorded.hash] = encoded
    return encoded


def _shown(recorded: Recorded) -> tuple[str, Raw]:
    """The action type that clients know the event by, and its payload for them."""
    event = recorded.event
    match event:
        case EventCommitted():
            shown = event.action_type, _payload(recorded)
        case NodeCompleted():
            shown = "COMPLETE_NODE", _wrapped(b"result", recorded)
        case NodeFailed():
            shown = "FAIL_NODE", _wrapped(b"error", recorded)
        case NodeAcquired():
            shown = "ACQUIRE_NODE", _lease(event)
        case LeaseExpired():
            shown = "TIMEOUT_ROLLBACK", _lease(event)
        case NodeAdded():
            shown = "ADD_NODE", _json({"dependencies": event.dependencies})
        case TaskRegistered():
            shown = "REGISTER_TASK", _json({"goal": event.goal, "node_count": event.node_count})
        case _:
            raise JournalDamaged(f"record {recorded.seq} is a {recorded.kind}: never shown")
    return shown


def _wrapped(name: bytes, recorded: Recorded) -> Raw:
    return Raw(b'{"%b":%b}' % (name, recorded.payload or NULL))


def _lease(event: NodeAcquired | LeaseExpired) -> Raw:
    return _json(
        {"lease_owner": event.lease_owner, "lease_expires_at": event.lease_expires_at // 1000}
    )


def _dependency_view(reader: Reader, node_id: str) -> DependencyView:
    row: NodeRow | None = reader.get(NODES, (node_id,))
    if row is None or row.result_seq is None:
        raise JournalDamaged(f"dependency {node_id} of a runnable node has no result")
    return DependencyView(node_id, _payload(reader.record_at(row.result_seq)))


def _payload(recorded: Recorded) -> Raw:
    return Raw(recorded.payload or NULL)


def _json(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))


def _seconds(at: int | None) -> int | None:
    return None if at is None else at // 1000
