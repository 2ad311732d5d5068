"""CompleteNode, FailNode and ReleaseNode: the holder of a lease ends its attempt.

The rule this file keeps: the lease that ended an attempt may say so again, and nothing happens,
until somebody else has to do with the node.
"""

from collections.abc import Mapping

import msgspec

from agentd.api import (
    NULL,
    CompleteNodeParams,
    FailNodeParams,
    LeaseParams,
    ReleaseNodeParams,
    or_default,
)
from agentd.decide.context import Context
from agentd.decide.failures import Failure, fail, retry_or_fail
from agentd.decide.leases import require_lease
from agentd.decide.state import (
    NodeState,
    next_status,
    require_node,
    require_not_cancelled,
    require_wanted,
)
from agentd.decide.usage import spends
from agentd.events import Amounts, Ending, NodeCompleted, NodeFailed, NodeReleased
from agentd.journal import Draft
from agentd.projections import NodeRow

_TRIGGERS: Mapping[type[Ending], str] = {
    NodeCompleted: "complete",
    NodeFailed: "fail",
    NodeReleased: "release",
}


def complete_node(state: NodeState, params: CompleteNodeParams, _context: Context) -> list[Draft]:
    """The node's end with a result; nothing when this very lease completed it before."""
    node = _node_to_end(state, params, NodeCompleted)
    if node is None:
        return []
    status, previous = next_status(node, "complete"), node.last_end_seq
    event = NodeCompleted(
        params.lease_id,
        status,
        node.attempt,
        previous,
        node.lease_owner,
        params.usage,
        _spends(state, params.usage),
    )
    return [Draft(event, node.node_id, or_default(params.payload, NULL))]


def fail_node(state: NodeState, params: FailNodeParams, context: Context) -> list[Draft]:
    """The end of an attempt with an error; nothing when this very lease failed it before."""
    node = _node_to_end(state, params, NodeFailed)
    if node is None:
        return []
    error = or_default(params.payload, NULL)
    spent = _spends(state, params.usage)
    failure = Failure(node, state.settings, error, "failed", params.kind, params.usage, spent)
    if not params.retryable:
        return [fail(failure)]
    return [retry_or_fail(failure, context, _milliseconds(params.retry_after_secs))]


def release_node(state: NodeState, params: ReleaseNodeParams, context: Context) -> list[Draft]:
    """The node is given back; nothing when this very lease gave it back before."""
    node = _node_to_end(state, params, NodeReleased)
    if node is None:
        return []
    status, previous = next_status(node, "release"), node.last_end_seq
    after = _milliseconds(params.after_secs)
    not_before = context.now + after if after else None
    event = NodeReleased(
        params.lease_id, status, node.attempt, previous, node.lease_owner, not_before
    )
    reason = None if params.reason is None else msgspec.json.encode(params.reason)
    return [Draft(event, node.node_id, reason)]


def _spends(state: NodeState, usage: Amounts) -> bool:
    return bool(usage) and spends(state, usage)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _node_to_end(state: NodeState, params: LeaseParams, kind: type[Ending]) -> NodeRow | None:
    """The node under its lease; None where this lease has ended it in this way already.

    Raises `TaskNotFound`, `NodeNotFound`, `TaskIsCancelled` and `StaleLease`, or leaves it to the
    machine to refuse.
    """
    node = require_node(state, params)
    if _has_ended_it(state, node, params.lease_id, kind):
        return None
    require_not_cancelled(state.task_id, state.cancelled)
    _require_lease_to_end(node, params.lease_id)
    if state.wanted_next is not None:  # both happen, or neither
        next_status(node, _TRIGGERS[kind])  # what is wrong with the ending itself is told first
        require_wanted(state.wanted_next)
    return node


def _has_ended_it(state: NodeState, node: NodeRow, lease_id: str, kind: type[Ending]) -> bool:
    if node.lease_id is not None or node.last_lease != lease_id:
        return False
    last = state.last_end
    by_its_holder = not isinstance(last, NodeFailed) or last.how == "failed"
    return isinstance(last, kind) and by_its_holder


def _require_lease_to_end(node: NodeRow, lease_id: str) -> None:
    """Raise `StaleLease` unless the lease is current, or none is in play: the machine judges then.

    None is in play for a node that was never acquired, and for one that this very lease has ended.
    """
    never_acquired = node.attempt == 0
    ended_by_this = node.result_seq is not None and node.last_lease == lease_id
    if not (never_acquired or ended_by_this):
        require_lease(node, lease_id)
