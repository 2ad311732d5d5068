"""AcquireNextNode and HeartbeatNode: a lease begins, and lasts longer.

The rule this file keeps: one lease at a time holds a node, and only that one is current. None of an
attempt lasts longer than the attempt may.
"""

from agentd.api import AcquireNextNodeParams, HeartbeatNodeParams, rfc3339
from agentd.decide.context import Context
from agentd.decide.due import settle_due
from agentd.decide.state import KnownNode, NodeState, TaskState, require_known, require_node
from agentd.errors import StaleLease
from agentd.events import LeaseExpired, LeaseExtended, NodeAcquired
from agentd.journal import Draft
from agentd.lifecycle import step
from agentd.projections import NodeRow, with_strikes


def acquire_next_node(
    state: TaskState, params: AcquireNextNodeParams, context: Context
) -> list[Draft]:
    """What is due, then a lease on the first runnable node, if there is one."""
    drafts = settle_due(state, params, context)
    if state.wanted is not None:
        require_known(state.wanted.row, state.task_id, state.wanted.name)
    node = _first_runnable(state, drafts)
    if node is not None:
        drafts.append(_grant_lease(node, params, context))
    return drafts


def _first_runnable(state: TaskState, due: list[Draft]) -> KnownNode | None:
    """What is rolled back was runnable before, so it is runnable again."""
    if not state.expired:
        return state.runnable
    rolled_back = {draft.node_id for draft in due if isinstance(draft.event, LeaseExpired)}
    candidates = [node for node in state.expired if node.row.node_id in rolled_back]
    if state.wanted is not None:
        candidates = [node for node in candidates if node.row == state.wanted.row]
    ranked = [(with_strikes(n.row.rank, n.row.strikes + 1), n.row.added_seq, n) for n in candidates]
    if state.runnable is not None:
        ranked.append((state.runnable.row.rank, state.runnable.row.added_seq, state.runnable))
    return min(ranked, key=lambda each: each[:2])[2] if ranked else None


def _grant_lease(node: KnownNode, params: AcquireNextNodeParams, context: Context) -> Draft:
    settings, row = node.settings, node.row
    asked = None if params.lease_secs is None else params.lease_secs * 1000
    lease_ms = settings.lease_ms if asked is None else asked
    deadline = None if settings.timeout_ms is None else context.now + settings.timeout_ms
    event = NodeAcquired(
        context.new_id(),
        params.lease_owner,
        _lease_end(lease_ms, deadline, context),
        step("PENDING", "acquire"),
        row.attempt + 1,
        deadline,
        lease_ms,
    )
    return Draft(event, row.node_id)


def _lease_end(lease_ms: int | None, deadline: int | None, context: Context) -> int:
    end = context.now + (context.lease_ms if lease_ms is None else lease_ms)
    return end if deadline is None else min(end, deadline)


def heartbeat_node(state: NodeState, params: HeartbeatNodeParams, context: Context) -> list[Draft]:
    """A longer lease for its holder."""
    node = require_node(state, params)
    require_lease(node, params.lease_id)
    end = _lease_end(node.lease_ms, node.deadline_at, context)
    return [Draft(LeaseExtended(params.lease_id, end), node.node_id)]


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
