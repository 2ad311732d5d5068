"""AcquireNextNode and AcquireNodes, and what is due without anybody asking."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import UnsetType
from msgspec.structs import replace

from agentd import decide, queries
from agentd.api import (
    AcquireNextNodeParams,
    AcquireNextNodeResult,
    AcquireNodesParams,
    AcquireNodesResult,
    Acquisition,
    fractional_seconds,
)
from agentd.decide import Context, NamedNode, TaskState
from agentd.events import Amounts, NodeAcquired
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.methods.state import MOST_DUE, find_task, known_node, load_task
from agentd.projections import NodeRow, TaskStateRow, is_runnable
from agentd.store import Reader

MOST_BYTES = 16 * 1024 * 1024
"""Bytes of the contexts of several nodes that are handed out together, unless it is one."""

MOST_UNSETTLED = 64
"""Tasks in which something is due at which somebody looks who wants a node of any."""


def _load_queue(reader: Reader, wanted: Acquisition, context: Context) -> TaskState:
    """The task that is named with its node to hand out, or the one whose node is the first."""
    task_id = wanted.task_id
    if isinstance(task_id, UnsetType):
        return _first_queue(reader, context)
    return _queue_of(reader, task_id, context, wanted)


def _first_queue(reader: Reader, context: Context) -> TaskState:
    """The task whose node is the first of all, once what is due in it is settled.

    What is due is settled within a second by itself, so of the tasks that wait for that no more are
    looked at than a few.
    """
    due = reader.expired_leases(context.honoured_until, context.now)
    due = [*due, *reader.due_nodes(context.now, MOST_DUE)]
    task_ids = list(dict.fromkeys(row.task_id for row in due))[:MOST_UNSETTLED]
    if (runnable := reader.next_runnable()) is not None and runnable.task_id not in task_ids:
        task_ids.append(runnable.task_id)
    queues = [_queue_of(reader, task_id, context) for task_id in task_ids]
    if queues and not due:  # nearly always
        return queues[0]
    firsts = [(decide.first_in_line(queue, context), queue) for queue in queues]
    found = [(place.order, queue) for place, queue in firsts if place is not None]
    first = min(found, key=lambda each: each[0], default=None)
    return TaskState("", 0, None) if first is None else first[1]


def _queue_of(
    reader: Reader, task_id: str, context: Context, wanted: Acquisition | None = None
) -> TaskState:
    """The task with what is due in it, and the node to hand out."""
    state = find_task(reader, task_id, context)
    task, due = state.task, state.due
    if task is None:
        return state
    named = None if wanted is None else find_wanted(reader, task_id, wanted)
    if not task.hands_out:
        return replace(state, wanted=named)
    row = reader.next_runnable(task_id) if named is None else named.row
    first = _first_runnable(row, due if named is None else [each for each in due if each == row])
    runnable = None if first is None else known_node(reader, first)
    found = replace(state, runnable=runnable, wanted=named)
    return replace(found, usage=_usage(reader, found, task)) if task.has_usage else found


def _first_runnable(row: NodeRow | None, due: Sequence[NodeRow]) -> NodeRow | None:
    """The first of them that waits for nothing, those that are due no longer for their moment."""
    rows = [replace(each, not_before=None) for each in due]
    rows += [] if row is None else [row]
    return min(filter(is_runnable, rows), key=_order, default=None)


def find_wanted(reader: Reader, task_id: str, wanted: Acquisition) -> NamedNode | None:
    """The one node that is wanted and no other, if it is so."""
    if wanted.node_id is None:
        return None
    return NamedNode(wanted.node_id, queries.node_row(reader, task_id, wanted.node_id))


def _usage(reader: Reader, state: TaskState, task: TaskStateRow) -> Mapping[str, Amounts]:
    """What those nodes have used that may be handed out."""
    nodes = [*state.expired, *(freed for node in state.expired for freed in node.dependents)]
    if state.runnable is not None:
        nodes.append(state.runnable)
    node_ids = [node.row.node_id for node in nodes]
    return {node_id: queries.usage_of_node(reader, task, node_id) for node_id in node_ids}


def _order(row: NodeRow) -> tuple[int, int]:
    return row.rank, row.added_seq


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


def _acquire_more(
    reader: Reader, wanted: AcquireNodesParams, context: Context, recorded: Sequence[Recorded]
) -> Iterator[tuple[Command, AcquireNextNodeParams]]:
    """One after the other, while there are any and the answer does not become too large."""
    if not recorded or not isinstance(recorded[-1].event, NodeAcquired):
        return
    bounds = _bounds(wanted, context)
    size = queries.context_size(reader, recorded[-1].node_id or "", bounds)
    for _ in range(wanted.count - 1):
        place = decide.first_in_line(_load_queue(reader, wanted, context), context)
        if place is None:
            return
        size += queries.context_size(reader, place.node.row.node_id, bounds)
        if size > MOST_BYTES:
            return
        yield ACQUIRE_NEXT_NODE, wanted


def _may_come(reader: Reader, wanted: AcquireNextNodeParams) -> bool:
    """Whether the wait makes sense: not for a node of a task that has ended."""
    if not wanted.wait_secs:
        return False
    return isinstance(wanted.task_id, UnsetType) or not queries.has_ended(reader, wanted.task_id)


ACQUIRE_NEXT_NODE = Command(
    _load_queue, decide.acquire_next_node, show=show_lease, worth_waiting=_may_come
)
ACQUIRE_NODES = Command(
    _load_queue,
    decide.acquire_next_node,
    show=_show_leases,
    more=_acquire_more,
    worth_waiting=_may_come,
)

SETTLE_DUE = Command(load_task, decide.settle_due)
"""The daemon's own command; it stands in no client's list."""
