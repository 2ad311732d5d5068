"""The `nodes` table: each node's status, its lease, and how many dependencies it still waits for.

The rule this file keeps: rows are narrow. Dependencies, payload_schema and result stay in the
journal, and the row points at them by `seq`, so that a heartbeat never rewrites a payload.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from agentd.events import (
    Event,
    LeaseExpired,
    LeaseExtended,
    LeaseRevoked,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    Status,
)
from agentd.journal import Recorded
from agentd.projections.base import Dependents, Key, Projection


class NodeRow(Struct, frozen=True):
    """One node. Times are Unix milliseconds; `position` is its place in the registration, from 0.

    `waiting_on` counts the dependencies that are not COMPLETED yet: a PENDING node with none left
    is runnable. `added_seq` and `result_seq` point at the journal's NodeAdded and NodeCompleted or
    NodeFailed. `last_lease` is the lease that ended last, by a rollback or with the node.
    """

    node_id: str
    task_id: str
    position: int
    added_seq: int
    status: Status
    waiting_on: int
    updated_at: int
    acquired_at: int | None = None
    lease_id: str | None = None
    lease_owner: str | None = None
    lease_expires_at: int | None = None
    last_lease: str | None = None
    result_seq: int | None = None


def keys(recorded: Recorded, dependents: Dependents) -> list[Key]:
    """An event concerns the node it is about; a completion also the nodes that wait for it."""
    node_id = recorded.node_id
    if node_id is None or type(recorded.event) not in NODES.kinds:
        return []
    if type(recorded.event) is not NodeCompleted:
        return [(node_id,)]
    return [(node_id,), *((dependent,) for dependent in dependents(node_id))]


def reduce(row: NodeRow | None, recorded: Recorded, key: Key) -> NodeRow | None:
    """Fold one event into the row of its node, or of a node that waited for that one."""
    event = recorded.event
    if isinstance(event, NodeAdded):
        return _add_node(recorded, event)
    if row is None:
        return None
    if key[0] != recorded.node_id:
        return msgspec.structs.replace(row, waiting_on=row.waiting_on - 1)
    reducer = _REDUCERS.get(type(event))
    return row if reducer is None else reducer(row, recorded, event)


def _add_node(recorded: Recorded, event: NodeAdded) -> NodeRow:
    return NodeRow(
        recorded.node_id or "",
        recorded.task_id,
        event.position,
        recorded.seq,
        event.status,
        event.waiting_on,
        recorded.at,
    )


def _begin_lease(row: NodeRow, recorded: Recorded, event: NodeAcquired) -> NodeRow:
    return NodeRow(
        row.node_id,
        row.task_id,
        row.position,
        row.added_seq,
        event.status,
        row.waiting_on,
        recorded.at,
        recorded.at,
        event.lease_id,
        event.lease_owner,
        event.lease_expires_at,
        row.last_lease,
    )


def _extend_lease(row: NodeRow, recorded: Recorded, event: LeaseExtended) -> NodeRow:
    return msgspec.structs.replace(
        row, updated_at=recorded.at, lease_expires_at=event.lease_expires_at
    )


def _roll_back(row: NodeRow, recorded: Recorded, event: LeaseExpired | LeaseRevoked) -> NodeRow:
    return msgspec.structs.replace(
        row,
        status=event.status,
        updated_at=recorded.at,
        acquired_at=None,
        lease_id=None,
        lease_owner=None,
        lease_expires_at=None,
        last_lease=event.lease_id,
    )


def _end_node(row: NodeRow, recorded: Recorded, event: NodeCompleted | NodeFailed) -> NodeRow:
    return NodeRow(
        row.node_id,
        row.task_id,
        row.position,
        row.added_seq,
        event.status,
        row.waiting_on,
        recorded.at,
        row.acquired_at,
        last_lease=event.lease_id,
        result_seq=recorded.seq,
    )


_REDUCERS: dict[type[Event], Callable[[NodeRow, Recorded, Any], NodeRow]] = {
    NodeAcquired: _begin_lease,
    LeaseExtended: _extend_lease,
    LeaseExpired: _roll_back,
    NodeCompleted: _end_node,
    NodeFailed: _end_node,
    LeaseRevoked: _roll_back,
}

NODES = Projection(
    name="nodes",
    row=NodeRow,
    key=("node_id",),
    fixed=("node_id", "task_id", "position", "added_seq"),
    kinds=(NodeAdded, *_REDUCERS),
    keys=keys,
    reduce=reduce,
)
