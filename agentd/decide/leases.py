"""AcquireNextNode and HeartbeatNode: a lease begins, and lasts longer.

The rule this file keeps: one lease at a time holds a node, and only that one is current. None of an
attempt lasts longer than the attempt may.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace

from agentd.api import Acquisition, HeartbeatNodeParams, rfc3339
from agentd.decide.context import Context
from agentd.decide.due import settle_due
from agentd.decide.state import (
    HeldNode,
    KnownNode,
    NodesState,
    NodeState,
    TaskState,
    require_known,
    require_node,
    require_not_cancelled,
)
from agentd.errors import RequestRefused, StaleLease
from agentd.events import Amounts, LeaseExpired, LeaseExtended, NodeAcquired, NodeFailed
from agentd.journal import Draft
from agentd.lifecycle import step
from agentd.projections import NodeRow, is_runnable, with_strikes


class Place(NamedTuple):
    """A node that could be handed out, and where it stands among all: the least comes first."""

    rank: int
    added_seq: int
    node: KnownNode

    @property
    def order(self) -> tuple[int, int]:
        """By which places are compared."""
        return self.rank, self.added_seq


def acquire_next_node(state: TaskState, params: Acquisition, context: Context) -> list[Draft]:
    """What is due, then a lease on the first runnable node, if there is one.

    A task that is cancelled or paused, or has spent its budget, hands out none.
    """
    drafts = settle_due(state, params, context)
    if state.wanted is not None:
        require_known(state.wanted.row, state.task_id, state.wanted.name)
    first = _first_of(state, drafts)
    if first is not None:
        usage = state.usage.get(first.node.row.node_id, {})
        drafts.append(_grant_lease(first.node, params, context, usage))
    return drafts


def first_in_line(state: TaskState, context: Context) -> Place | None:
    """The node that is handed out next, once what is due is settled."""
    return _first_of(state, settle_due(state, None, context))


def _first_of(state: TaskState, settled: Sequence[Draft]) -> Place | None:
    """The first of those that were runnable, and of those that become so by what is settled."""
    if not state.hands_out:
        return None
    candidates = [*_given_back(state, settled), *_freed(state, settled)] if state.expired else []
    if state.wanted is not None and state.wanted.row is not None:
        wanted = state.wanted.row.node_id
        candidates = [each for each in candidates if each.node.row.node_id == wanted]
    if state.runnable is not None:
        candidates.append(_place(state.runnable.row.rank, state.runnable))
    return min(candidates, key=lambda place: place.order, default=None)


def _place(rank: int, node: KnownNode) -> Place:
    return Place(rank, node.row.added_seq, node)


def _given_back(state: TaskState, settled: Sequence[Draft]) -> Iterator[Place]:
    """Those whose lease ran out, and that wait for nothing, each with the rank that it has then."""
    for node, draft in zip(state.expired, settled, strict=False):
        event, row = draft.event, node.row
        if isinstance(event, LeaseExpired):
            yield _place(with_strikes(row.rank, row.strikes + 1), node)
        elif isinstance(event, NodeFailed) and event.status == "PENDING" and not event.not_before:
            yield _place(with_strikes(row.rank, 0), node)


def _freed(state: TaskState, settled: Sequence[Draft]) -> Iterator[Place]:
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
            yield _place(row.rank, node)


def _grant_lease(node: KnownNode, params: Acquisition, context: Context, usage: Amounts) -> Draft:
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


def heartbeat_node(state: NodeState, held: HeldNode, context: Context) -> list[Draft]:
    """A longer lease for its holder."""
    node = require_node(state, held)
    require_not_cancelled(state.task_id, state.cancelled)
    require_lease(node, held.lease_id)
    end = _lease_end(node.lease_ms, node.deadline_at, context)
    return [Draft(LeaseExtended(held.lease_id, end), node.node_id)]


def heartbeat(
    state: NodeState | NodesState, params: HeartbeatNodeParams, context: Context
) -> list[Draft]:
    """A longer lease for its holder, or several of one task."""
    if isinstance(state, NodesState):
        return heartbeat_nodes(state, params, context)
    return heartbeat_node(state, params.only, context)


def heartbeat_nodes(state: NodesState, _params: object, context: Context) -> list[Draft]:
    """A longer lease for each of a task's nodes that its holder still holds.

    One that is refused spoils no other.
    """
    drafts: list[Draft] = []
    for node, held in state.nodes:
        with suppress(RequestRefused):
            drafts += heartbeat_node(node, held, context)
    return drafts


def refused_heartbeat(state: NodeState, held: HeldNode, context: Context) -> RequestRefused | None:
    """Why the lease is not extended, if it is not."""
    try:
        heartbeat_node(state, held, context)
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
