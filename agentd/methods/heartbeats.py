"""HeartbeatNode: one lease, or all that a worker holds."""

from collections.abc import Iterator, Mapping, Sequence

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


def _load_one(
    reader: Reader, params: HeartbeatNodeParams, context: Context
) -> NodeState | NodesState:
    if params.leases is None:
        return load_node(reader, params.only, context)
    return NodesState("", 0, ())  # task by task, in `_heartbeat_all`


def _load_task(reader: Reader, leases: Sequence[HeldLease], context: Context) -> NodesState:
    task_id = leases[0].task_id
    nodes = [(load_node(reader, held, context), held) for held in leases]
    return NodesState(task_id, reader.head(task_id).version, nodes)


def _heartbeat_all(
    _reader: Reader, params: HeartbeatNodeParams, _context: Context, _recorded: Sequence[Recorded]
) -> Iterator[tuple[Command, Sequence[HeldLease]]]:
    by_task: dict[str, list[HeldLease]] = {}
    for held in params.leases or ():
        by_task.setdefault(held.task_id, []).append(held)
    for leases in by_task.values():
        yield _HEARTBEATS_OF_TASK, leases


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
    node_id = held.node_id if is_id(held.node_id) else _id_of(reader, held)
    end = ends.get((held.task_id, node_id, held.lease_id))
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


_HEARTBEATS_OF_TASK = Command(_load_task, decide.heartbeat_nodes)
HEARTBEAT_NODE = Command(_load_one, decide.heartbeat, show=_show, more=_heartbeat_all)
