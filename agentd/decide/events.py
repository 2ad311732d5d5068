"""CommitEvent: what an agent writes into the journal about a node."""

from msgspec.structs import replace

from agentd.api import NULL, CommitEventParams, or_default
from agentd.decide.context import Context
from agentd.decide.leases import require_lease
from agentd.decide.state import NodeState, require_node, require_not_cancelled
from agentd.decide.usage import spends
from agentd.errors import LeaseRequired
from agentd.events import EventCommitted
from agentd.journal import Draft


def commit_event(state: NodeState, params: CommitEventParams, _context: Context) -> list[Draft]:
    """A note about a node, by the holder of its lease while there is one."""
    node = require_node(state, params)
    if params.lease_id is not None:
        require_not_cancelled(state.task_id, state.cancelled)
        require_lease(node, params.lease_id)
    elif node.lease_id is not None:
        raise LeaseRequired(
            f"node {node.node_id} is {node.status}: send the lease_id that its holder acquired",
            node_id=node.node_id,
        )
    elif params.checkpoint:
        raise LeaseRequired(
            f"node {node.node_id} is {node.status}: only who holds a node sets its checkpoint; "
            "acquire it, and send the lease_id",
            node_id=node.node_id,
        )
    payload, usage = or_default(params.payload, NULL), params.usage
    noted = EventCommitted(params.action_type, usage, bool(usage) and spends(state, usage))
    if params.checkpoint:
        noted = replace(noted, checkpoint=True, attempt=node.attempt, previous=node.checkpoint_seq)
    return [Draft(noted, node.node_id, payload)]
