"""AcquireNextNode and HeartbeatNode: a lease begins, and lasts longer.

The rule this file keeps: one lease at a time holds a node, and only that one is current. None of an
attempt lasts longer than the attempt may.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from agentd.api import AcquireNextNodeParams, HeartbeatNodeParams, rfc3339
from agentd.decide.context import Context
from agentd.decide.due import settle_due
from agentd.decide.state import (
    KnownNode,
    NodeState,
    TaskState,
    cancelled_refusal,
    require_known,
    require_node,
)
from agentd.errors import StaleLease
from agentd.events import Amounts, LeaseExpired, LeaseExtended, NodeAcquired, NodeFailed
from agentd.journal import Draft
from agentd.lifecycle import step
from agentd.projections import NodeRow, is_runnable, with_strikes


def acquire_next_node(
    state: TaskState, params: AcquireNextNodeParams, context: Context
) -> list[Draft]:
    """What is due, then a lease on the first runnable node, if there is one.

    A task that is cancelled or paused, or has spent its budget, hands out none.
    """
    drafts = settle_due(state, params, context)
    if state.wanted is not None:
        require_known(state.wanted.row, state.task_id, state.wanted.name)
    node = _first_runnable(state, drafts)
    if node is not None:
        usage = state.usage.get(node.row.node_id, {})
        drafts.append(_grant_lease(node, params, context, usage))
    return drafts


def _first_runnable(state: TaskState, settled: Sequence[Draft]) -> KnownNode | None:
    """The first of those that were runnable, and of those that become so by what is settled."""
    if not state.expired or not state.hands_out:
        return state.runnable
    candidates = [*_given_back(state, settled), *_freed(state, settled)]
    if state.wanted is not None and state.wanted.row is not None:
        wanted = state.wanted.row.node_id
        candidates = [each for each in candidates if each[1].row.node_id == wanted]
    if state.runnable is not None:
        candidates.append((state.runnable.row.rank, state.runnable))
    first = min(candidates, key=lambda each: (each[0], each[1].row.added_seq), default=None)
    return None if first is None else first[1]


def _given_back(state: TaskState, settled: Sequence[Draft]) -> Iterator[tuple[int, KnownNode]]:
    """Those whose lease ran out, and that wait for nothing, each with the rank that it has then."""
    for node, draft in zip(state.expired, settled, strict=False):
        event, row = draft.event, node.row
        if isinstance(event, LeaseExpired):
            yield with_strikes(row.rank, row.strikes + 1), node
        elif isinstance(event, NodeFailed) and event.status == "PENDING" and not event.not_before:
            yield with_strikes(row.rank, 0), node


def _freed(state: TaskState, settled: Sequence[Draft]) -> Iterator[tuple[int, KnownNode]]:
    """Those that waited for nothing but what has failed now, and is no longer waited for."""
    waited: Counter[str] = Counter()
    known: dict[str, KnownNode] = {}
    for node, draft in zip(state.expired, settled, strict=False):
        if isinstance(draft.event, NodeFailed) and draft.event.satisfies:
            known.update((each.row.node_id, each) for each in node.dependents)
            waited.update(each.row.node_id for each in node.dependents)
    for node_id, node in known.items():
        row = node.row if node.row not in state.due else replace(node.row, not_before=None)
        if is_runnable(replace(row, waiting_on=row.waiting_on - waited[node_id])):
            yield row.rank, node


def _grant_lease(
    node: KnownNode, params: AcquireNextNodeParams, context: Context, usage: Amounts
) -> Draft:
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
        usage,
    )
    return Draft(event, row.node_id)


def _lease_end(lease_ms: int | None, deadline: int | None, context: Context) -> int:
    end = context.now + (context.lease_ms if lease_ms is None else lease_ms)
    return end if deadline is None else min(end, deadline)


def heartbeat_node(state: NodeState, params: HeartbeatNodeParams, context: Context) -> list[Draft]:
    """A longer lease for its holder."""
    node = require_node(state, params)
    if state.cancelled is not None:
        raise cancelled_refusal(state.task_id, state.cancelled)
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
