"""AcquireNextNode, HeartbeatNode, and what is due without anybody asking."""

from collections.abc import Mapping

from msgspec.structs import replace

from agentd import decide, queries
from agentd.api import (
    AcquireNextNodeParams,
    AcquireNextNodeResult,
    HeartbeatNodeResult,
    fractional_seconds,
)
from agentd.decide import Context, KnownNode, NamedNode, TaskState
from agentd.events import Amounts, LeaseExtended, NodeAcquired
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.methods.state import load_node, load_task
from agentd.projections import NodeRow, TaskStateRow, is_runnable
from agentd.store import Reader


def _load_queue(reader: Reader, params: AcquireNextNodeParams, context: Context) -> TaskState:
    """The task with what is due in it, and the node to hand out."""
    state = load_task(reader, params, context)
    if state.task is None:
        return state
    if params.node_id is None:
        wanted, row = None, reader.next_runnable(state.task_id) if state.hands_out else None
    else:
        row = queries.node_row(reader, state.task_id, params.node_id)
        wanted = NamedNode(params.node_id, row)
    if not state.hands_out:
        return replace(state, wanted=wanted)
    rows = [] if row is None else [row]
    now_due = [due for due in state.due if wanted is None or due == row]
    rows += [replace(due, not_before=None) for due in now_due]
    first = min(filter(is_runnable, rows), key=_order, default=None)
    runnable = None if first is None else KnownNode(first, queries.node_settings(reader, first))
    found = replace(state, runnable=runnable, wanted=wanted)
    if not state.task.has_usage:
        return found
    return replace(found, usage=_usage(reader, found, state.task))


def _usage(reader: Reader, state: TaskState, task: TaskStateRow) -> Mapping[str, Amounts]:
    """What those nodes have used that may be handed out."""
    nodes = [*state.expired, *(freed for node in state.expired for freed in node.dependents)]
    if state.runnable is not None:
        nodes.append(state.runnable)
    node_ids = [node.row.node_id for node in nodes]
    return {node_id: queries.usage_of_node(reader, task, node_id) for node_id in node_ids}


def _order(row: NodeRow) -> tuple[int, int]:
    return row.rank, row.added_seq


def _show_lease(
    reader: Reader, recorded: Recorded, context: Context
) -> AcquireNextNodeResult | None:
    event = recorded.event
    if not isinstance(event, NodeAcquired):  # leases were rolled back, and nothing is runnable
        return None
    found = queries.node_context(reader, recorded, context.event_limit)
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


def _show_extension(_reader: Reader, recorded: Recorded, _context: Context) -> HeartbeatNodeResult:
    event = recorded.event
    assert isinstance(event, LeaseExtended)  # noqa: S101 - that is what heartbeat_node decides
    return HeartbeatNodeResult(ok=True, lease_expires_at=event.lease_expires_at // 1000)


def _show_nothing(_reader: Reader, _recorded: Recorded, _context: Context) -> None:
    return None


ACQUIRE_NEXT_NODE = Command(_load_queue, decide.acquire_next_node, _show_lease)
HEARTBEAT_NODE = Command(load_node, decide.heartbeat_node, _show_extension)

SETTLE_DUE = Command(load_task, decide.settle_due, _show_nothing)
"""The daemon's own command; it stands in no client's list."""
