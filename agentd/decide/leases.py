"""AcquireNextNode and HeartbeatNode: a lease begins, and lasts longer.

The rule this file keeps: one lease at a time holds a node, and only that one is current. None of an
attempt lasts longer than the attempt may.
"""

from collections.abc import Iterator
from contextlib import suppress

from agentd.api import EMPTY_OBJECT, Acquisition, HeartbeatNodeParams, rfc3339
from agentd.decide.context import Context
from agentd.decide.state import (
    HeldNode,
    KnownNode,
    LeaseState,
    NodesState,
    NodeState,
    require_node,
    require_not_cancelled,
    require_wanted,
)
from agentd.errors import RequestRefused, StaleLease
from agentd.events import LeaseExtended, LockAcquired, NodeAcquired
from agentd.journal import Draft
from agentd.lifecycle import step
from agentd.projections import NodeRow, is_runnable


def check_wanted(state: LeaseState, _params: object, _context: Context) -> list[Draft]:
    """Nothing, but a refusal where the task or the node that is named is not there."""
    require_wanted(state)
    return []


def acquire_next_node(state: LeaseState, params: Acquisition, context: Context) -> list[Draft]:
    """A lease on the node, if it is runnable.

    A task that is cancelled or paused, or has spent its budget, hands out none, and a limit that is
    closed or full neither. The node's own locks begin with its lease, all or none.
    """
    require_wanted(state)
    task, node = state.task, state.node
    if task is None or node is None or not task.hands_out or not is_runnable(node.row):
        return []
    if not all(limit.has_room(context.now) for limit in state.limits):
        return []
    lease = _grant_lease(state, node, params, context)
    granted = Draft(lease, node.row.node_id)
    if not node.settings.locks:
        return [granted]
    return [*_grant_locks(node, lease, context), granted]


def _grant_locks(node: KnownNode, lease: NodeAcquired, context: Context) -> Iterator[Draft]:
    """The node's own locks: as it is runnable, none is in their way."""
    for lock in node.settings.locks or ():
        event = LockAcquired(
            lock.key,
            context.new_id(),
            lease.lease_owner,
            lease.lease_expires_at,
            lock.mode,
            None,
            node.row.node_id,
            lease.lease_id,
        )
        yield Draft(event, node.row.node_id, EMPTY_OBJECT)


def _grant_lease(
    state: LeaseState, node: KnownNode, params: Acquisition, context: Context
) -> NodeAcquired:
    settings, row = node.settings, node.row
    asked = None if params.lease_secs is None else params.lease_secs * 1000
    lease_ms = settings.lease_ms if asked is None else asked
    deadline = None if settings.timeout_ms is None else context.now + settings.timeout_ms
    return NodeAcquired(
        context.new_id(),
        params.lease_owner,
        _lease_end(lease_ms, deadline, context),
        step("PENDING", "acquire"),
        row.attempt + 1,
        deadline,
        lease_ms,
        state.used,
        tuple(limit.row.name for limit in state.limits),
        tuple(params.labels),
    )


def _lease_end(lease_ms: int | None, deadline: int | None, context: Context) -> int:
    end = context.now + (context.lease_ms if lease_ms is None else lease_ms)
    return end if deadline is None else min(end, deadline)


def _extend_lease(
    state: NodeState, held: HeldNode, context: Context, task_id: str | None = None
) -> Draft:
    """A longer lease for its holder; the draft says of which task where that is said here."""
    node = require_node(state, held)
    require_not_cancelled(state.task_id, state.cancelled)
    require_lease(node, held.lease_id)
    end = _lease_end(node.lease_ms, node.deadline_at, context)
    return Draft(LeaseExtended(held.lease_id, end), node.node_id, task_id=task_id)


def heartbeat(
    state: NodeState | NodesState, params: HeartbeatNodeParams, context: Context
) -> list[Draft]:
    """A longer lease for its holder, or for each of several that he still holds.

    One that is refused spoils no other.
    """
    if isinstance(state, NodeState):
        return [_extend_lease(state, params.only, context)]
    drafts: list[Draft] = []
    for node, held in state.nodes:
        with suppress(RequestRefused):
            drafts.append(_extend_lease(node, held, context, node.task_id))
    return drafts


def refused_heartbeat(state: NodeState, held: HeldNode, context: Context) -> RequestRefused | None:
    """Why the lease is not extended, if it is not."""
    try:
        _extend_lease(state, held, context)
    except RequestRefused as refusal:
        return refusal
    return None


def require_lease(node: NodeRow, lease_id: str) -> None:
    """Raise `StaleLease` unless the node is held under this very lease."""
    if node.lease_id == lease_id:
        return
    raise StaleLease(
        f"lease {lease_id} is no longer current: {_why_stale(node, lease_id)}; acquire again",
        node_id=node.node_id,
        lease_id=lease_id,
        status=node.status,
    )


def _why_stale(node: NodeRow, lease_id: str) -> str:
    when = rfc3339(node.updated_at)
    if node.lease_id is not None:
        return f"node {node.node_id} is held by {node.lease_owner!r} under another lease"
    if node.result_seq is not None:
        return f"node {node.node_id} is {node.status} since {when}"
    if node.last_lease == lease_id:
        was = "was rolled back" if node.strikes else "became PENDING again"
        return f"node {node.node_id} {was} at {when}"
    return f"nobody holds node {node.node_id}, it is {node.status} since {when}"
