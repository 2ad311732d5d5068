"""AcquireNextNode and AcquireNodes, and what is due without anybody asking."""

from collections.abc import Sequence

from msgspec import UnsetType

from agentd import decide, queries
from agentd.api import (
    AcquireNextNodeParams,
    AcquireNextNodeResult,
    AcquireNodesParams,
    AcquireNodesResult,
    Acquisition,
    TaskParams,
    fractional_seconds,
)
from agentd.decide import Context, LeaseState, NamedNode
from agentd.events import NodeAcquired
from agentd.journal import Recorded
from agentd.methods.lock_endings import Steps, expire_first
from agentd.methods.method import Command
from agentd.methods.state import MOST_DUE, known_node, load_task
from agentd.projections import NodeRow, TaskStateRow, is_runnable
from agentd.store import Reader

MOST_BYTES = 16 * 1024 * 1024
"""Bytes of the contexts of several nodes that are handed out together, unless it is one."""

MOST_UNSETTLED = 64
"""Tasks in which something is due that is settled for who wants a node of any."""


def find_wanted(reader: Reader, task_id: str, wanted: Acquisition) -> NamedNode | None:
    """The one node that is wanted and no other, if it is so."""
    if wanted.node_id is None:
        return None
    return NamedNode(wanted.node_id, queries.node_row(reader, task_id, wanted.node_id))


def _load_lease(reader: Reader, wanted: Acquisition, context: Context) -> LeaseState:
    """The node that is wanted, or the first of those that its worker can take."""
    task_id = wanted.task_id
    if isinstance(task_id, UnsetType):
        row = queries.next_node(reader, None, wanted.labels, context.now)
        if row is None:
            return LeaseState("", 0)
        return _with_node(reader, row, queries.state_row(reader, row.task_id))
    task = queries.find_state_row(reader, task_id)
    if task is None:
        return LeaseState(task_id, 0)
    named = find_wanted(reader, task_id, wanted)
    if named is None:
        row = queries.next_node(reader, task_id, wanted.labels, context.now)
    else:
        row = named.row
    if row is None:
        return LeaseState(task_id, 0, task, named)
    return _with_node(reader, row, task, named)


def _with_node(
    reader: Reader, row: NodeRow, task: TaskStateRow, named: NamedNode | None = None
) -> LeaseState:
    """The node that may be handed out, and all that this depends on."""
    return LeaseState(
        row.task_id,
        reader.head(row.task_id).version,
        task,
        named,
        known_node(reader, row),
        queries.limits_of_node(reader, row) if row.demand else (),
        queries.usage_of_node(reader, task, row.node_id),
    )


def _settle_first(reader: Reader, wanted: Acquisition, context: Context) -> Steps:
    """What is due, where something is; but nothing where the command will be refused."""
    steps = _settle_due(reader, wanted, context)
    for step in steps:
        yield _CHECK_WANTED, wanted
        yield step
        break
    yield from steps


def _settle_due(reader: Reader, wanted: Acquisition, context: Context) -> Steps:
    """What is due in the task that is named, or anywhere where any would do.

    It is settled within a second by itself, so more tasks than a few are left to that.
    """
    if reader.expired_locks(context.now, 1):
        yield from expire_first(reader, context)
    named = None if isinstance(wanted.task_id, UnsetType) else wanted.task_id
    due = reader.expired_leases(context.honoured_until, context.now, named)
    if nodes := reader.due_nodes(context.now, MOST_DUE, named):
        due = [*due, *nodes]
    if due:
        for task_id in list(dict.fromkeys(row.task_id for row in due))[:MOST_UNSETTLED]:
            yield SETTLE_DUE, TaskParams(task_id=task_id)


def acquire_behind_ending(reader: Reader, wanted: Acquisition, context: Context) -> Steps:
    """A node, once all is settled that is due."""
    yield from _settle_due(reader, wanted, context)
    yield ACQUIRE_NEXT_NODE, wanted


def _acquire_more(
    reader: Reader, wanted: AcquireNodesParams, context: Context, recorded: Sequence[Recorded]
) -> Steps:
    """One after the other, while there are any and the answer does not become too large."""
    if not recorded or not isinstance(recorded[-1].event, NodeAcquired):
        return
    bounds = _bounds(wanted, context)
    size = queries.context_size(reader, recorded[-1].node_id or "", bounds)
    for _ in range(wanted.count - 1):
        node = _load_lease(reader, wanted, context).node
        if node is None or not is_runnable(node.row):
            return
        size += queries.context_size(reader, node.row.node_id, bounds)
        if size > MOST_BYTES:
            return
        yield ACQUIRE_NEXT_NODE, wanted


def show_lease(
    reader: Reader, records: Sequence[Recorded], wanted: Acquisition, context: Context
) -> AcquireNextNodeResult | None:
    """The lease with which the records end, if they do; else what was due was settled, no more."""
    if not records or not isinstance(event := records[-1].event, NodeAcquired):
        return None
    recorded = records[-1]
    found = queries.node_context(reader, recorded, _bounds(wanted, context))
    return AcquireNextNodeResult(
        recorded.task_id,
        recorded.node_id or "",
        event.lease_id,
        event.lease_owner,
        event.lease_expires_at // 1000,
        found,
        event.attempt,
        found.node.name,
        fractional_seconds(event.deadline_at),
    )


def _bounds(wanted: Acquisition, context: Context) -> queries.ContextBounds:
    return queries.ContextBounds(wanted.context_scope, context.event_limit, context.context_bytes)


def _show_leases(
    reader: Reader, records: Sequence[Recorded], wanted: AcquireNodesParams, context: Context
) -> AcquireNodesResult:
    found = [show_lease(reader, [record], wanted, context) for record in records]
    return AcquireNodesResult([lease for lease in found if lease is not None])


def _may_come(reader: Reader, wanted: AcquireNextNodeParams) -> bool:
    """Whether the wait makes sense: not for a node of a task that has ended."""
    if not wanted.wait_secs:
        return False
    return isinstance(wanted.task_id, UnsetType) or not queries.has_ended(reader, wanted.task_id)


ACQUIRE_NEXT_NODE = Command(
    _load_lease,
    decide.acquire_next_node,
    show=show_lease,
    first=_settle_first,
    worth_waiting=_may_come,
)
ACQUIRE_NODES = ACQUIRE_NEXT_NODE._replace(show=_show_leases, more=_acquire_more)

_CHECK_WANTED = Command(_load_lease, decide.check_wanted)
SETTLE_DUE = Command(load_task, decide.settle_due)
"""The daemon's own commands; they stand in no client's list."""
