"""AcquireNextNode, HeartbeatNode and the rollback: a lease begins, lasts longer, or runs out.

The rule this file keeps: one lease at a time holds a node, and only that one is current.
"""

from agentd.api import AcquireNextNodeParams, HeartbeatNodeParams, rfc3339
from agentd.decide.context import Context
from agentd.decide.state import (
    NodeState,
    TaskState,
    cancelled_refusal,
    next_status,
    require_node,
    require_task,
)
from agentd.errors import StaleLease
from agentd.events import LeaseExpired, LeaseExtended, NodeAcquired
from agentd.journal import Draft
from agentd.lifecycle import step
from agentd.projections import NodeRow


def acquire_next_node(
    state: TaskState, params: AcquireNextNodeParams, context: Context
) -> list[Draft]:
    """The rollbacks that are due, then a lease on the first runnable node, if there is one.

    A task that is cancelled or paused, or has spent its budget, hands out none.
    """
    drafts = roll_back_expired(state, params, context)
    node = _first_runnable(state)
    if node is not None:
        status = step("PENDING", "acquire")
        lease = NodeAcquired(
            context.new_id(),
            params.lease_owner,
            context.now + context.lease_ms,
            status,
            state.usage.get(node.node_id, {}),
        )
        drafts.append(Draft(lease, node.node_id))
    return drafts


def _first_runnable(state: TaskState) -> NodeRow | None:
    """What is rolled back was runnable before, so it is runnable again, in its old place."""
    if not state.expired or not state.hands_out:
        return state.runnable
    candidates = state.expired if state.runnable is None else (state.runnable, *state.expired)
    return min(candidates, key=lambda node: node.position)


def roll_back_expired(state: TaskState, _params: object, _context: Context) -> list[Draft]:
    """The end of every lease of the task that ran out."""
    require_task(state)
    return [
        Draft(
            LeaseExpired(
                node.lease_id or "",
                node.lease_owner or "",
                node.lease_expires_at or 0,
                next_status(node, "timeout_rollback"),
            ),
            node.node_id,
        )
        for node in state.expired
    ]


def heartbeat_node(state: NodeState, params: HeartbeatNodeParams, context: Context) -> list[Draft]:
    """A longer lease for its holder."""
    node = require_node(state, params)
    if state.cancelled is not None:
        raise cancelled_refusal(state.task_id, state.cancelled)
    require_lease(node, params.lease_id)
    return [Draft(LeaseExtended(params.lease_id, context.now + context.lease_ms), node.node_id)]


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
        return f"node {node.node_id} was rolled back at {when}"
    return f"nobody holds node {node.node_id}, it is {node.status} since {when}"
