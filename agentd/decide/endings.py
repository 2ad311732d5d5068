"""CompleteNode and FailNode: the holder of a lease ends the node."""

from agentd.api import NULL, CompleteNodeParams, FailNodeParams, or_default
from agentd.decide.context import Context
from agentd.decide.leases import require_lease
from agentd.decide.state import NodeState, cancelled_refusal, next_status, require_node
from agentd.decide.usage import spends
from agentd.events import NodeCompleted, NodeFailed
from agentd.journal import Draft
from agentd.lifecycle import step
from agentd.projections import NodeRow


def complete_node(state: NodeState, params: CompleteNodeParams, _context: Context) -> list[Draft]:
    """The node's end with a result; nothing when this very lease completed it before."""
    return _end_node(state, params, "complete", NodeCompleted)


def fail_node(state: NodeState, params: FailNodeParams, _context: Context) -> list[Draft]:
    """The node's end with an error; nothing when this very lease failed it before."""
    return _end_node(state, params, "fail", NodeFailed)


def _end_node(
    state: NodeState,
    params: CompleteNodeParams | FailNodeParams,
    trigger: str,
    event: type[NodeCompleted | NodeFailed],
) -> list[Draft]:
    node = require_node(state, params)
    if node.last_lease == params.lease_id and node.status == step("RUNNING", trigger):
        return []
    if state.cancelled is not None:
        raise cancelled_refusal(state.task_id, state.cancelled)
    _require_lease_to_end(node, params.lease_id)
    status, usage = next_status(node, trigger), params.usage
    ending = event(params.lease_id, status, usage, bool(usage) and spends(state, usage))
    return [Draft(ending, node.node_id, or_default(params.payload, NULL))]


def _require_lease_to_end(node: NodeRow, lease_id: str) -> None:
    """Raise `StaleLease` unless the lease is current, or none is in play: the machine judges then.

    None is in play for a node that was never acquired, and for one that this very lease has ended.
    """
    never_acquired = node.lease_id is None and node.last_lease is None
    ended_by_this = node.result_seq is not None and node.last_lease == lease_id
    if not (never_acquired or ended_by_this):
        require_lease(node, lease_id)
