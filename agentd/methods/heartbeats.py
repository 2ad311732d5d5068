"""HeartbeatNode: one lease, or all that a worker holds."""

from collections.abc import Mapping, Sequence

from agentd import decide, queries
from agentd.api import (
    HeartbeatError,
    HeartbeatNodeParams,
    HeartbeatNodeResult,
    HeartbeatNodesResult,
    HeartbeatOutcome,
    HeldLease,
    is_id,
)
from agentd.decide import Context, NodesState, NodeState
from agentd.events import LeaseExtended
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.methods.state import load_node
from agentd.store import Reader

_Lease = tuple[str, str | None, str]
"""The task, the node and the lease, by their ids."""


def _load(reader: Reader, params: HeartbeatNodeParams, context: Context) -> NodeState | NodesState:
    if params.leases is None:
        return load_node(reader, params.only, context)
    leases = sorted(params.leases, key=lambda held: held.task_id)  # a task's records are together
    nodes = [(load_node(reader, held, context), held) for held in leases]
    return NodesState(nodes, {node.task_id: node.version for node, _held in nodes})


def _show(
    reader: Reader, records: Sequence[Recorded], params: HeartbeatNodeParams, context: Context
) -> HeartbeatNodeResult | HeartbeatNodesResult:
    if params.leases is None:
        return HeartbeatNodeResult(ok=True, lease_expires_at=_end(records[-1]))
    ends = {_lease(recorded): _end(recorded) for recorded in records}
    return HeartbeatNodesResult([_outcome(reader, held, ends, context) for held in params.leases])


def _outcome(
    reader: Reader, held: HeldLease, ends: Mapping[_Lease, int], context: Context
) -> HeartbeatOutcome:
    end = ends.get((held.task_id, held.node_id, held.lease_id))
    if end is None and not is_id(held.node_id):
        end = ends.get((held.task_id, _id_of(reader, held), held.lease_id))
    if end is not None:
        return HeartbeatOutcome(ok=True, lease_expires_at=end)
    # What was judged is judged again: nothing has changed the node since.
    refusal = decide.refused_heartbeat(load_node(reader, held, context), held, context)
    assert refusal is not None  # noqa: S101 - it was not extended
    return HeartbeatOutcome(error=HeartbeatError(refusal.code, refusal.message, refusal.data))


def _id_of(reader: Reader, held: HeldLease) -> str | None:
    """The id of the node that is called so."""
    row = queries.node_row(reader, held.task_id, held.node_id)
    return None if row is None else row.node_id


def _lease(recorded: Recorded) -> _Lease:
    return recorded.task_id, recorded.node_id, _extension(recorded).lease_id


def _end(recorded: Recorded) -> int:
    return _extension(recorded).lease_expires_at // 1000


def _extension(recorded: Recorded) -> LeaseExtended:
    event = recorded.event
    assert isinstance(event, LeaseExtended)  # noqa: S101 - that is what heartbeats decide
    return event


HEARTBEAT_NODE = Command(_load, decide.heartbeat, show=_show)
