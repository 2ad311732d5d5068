"""The `nodes` table: each node's status, its lease, and how many dependencies it still waits for.

The rule this file keeps: rows are narrow. Dependencies, payload_schema, settings and results stay
in the journal, and the row points at them by `seq`, so that a heartbeat never rewrites a payload.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from agentd.events import (
    DependenciesAdded,
    Ending,
    Event,
    EventCommitted,
    LeaseExpired,
    LeaseExtended,
    LeaseRevoked,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeDue,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    NodeSettings,
    NodeUpdated,
    Status,
)
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables
from agentd.projections.demands import NO_DEMAND, demand_of
from agentd.projections.rank import rank_of, with_strikes


class NodeRow(Struct, frozen=True):
    """One node. Times are Unix milliseconds; `position` is its place in the registration, from 0.

    `waiting_on` counts the dependencies that are not satisfied yet. `added_seq`, `result_seq` and
    `settings_seq` point at the journal's NodeAdded, at the NodeCompleted or NodeFailed that ended
    it (those of another task, where its own was forked from that; or at the NodeAdded that imported
    it as it had ended), and at what has its settings, where it has any. `last_lease` is the lease
    that ended last and may still say so, `last_end_seq` the ending of an attempt that came last.
    `attempt` is the number of the newest, `counted` says how many count, `strikes` how many leases
    in a row ran out. Nodes are handed out by `rank`, then by age; `not_before` is the moment that
    one waits for.
    `lease_ms` is what a heartbeat adds, where that is not the daemon's own. `demand` says what it
    takes to work on it (see `demands`). `batch` is the same for the nodes that one request added,
    and larger for those of a later one: the seq of the first of them. A `gate` is decided, and
    never handed out. `checkpoint_seq` points at its newest checkpoint. `locks_in_way` counts the
    locks of others that keep it from being handed out, `locks_held` those that end with its lease.
    `dependencies_seq` points at the newest DependenciesAdded, where it has any.
    `has_locks`: its lease holds locks of its own.
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
    name: str | None = None
    rank: int = 0
    attempt: int = 0
    counted: int = 0
    strikes: int = 0
    not_before: int | None = None
    deadline_at: int | None = None
    lease_ms: int | None = None
    last_end_seq: int | None = None
    settings_seq: int | None = None
    demand: str = NO_DEMAND
    batch: int = 0
    gate: bool = False
    checkpoint_seq: int | None = None
    locks_in_way: int = 0
    locks_held: int = 0
    dependencies_seq: int | None = None
    has_locks: bool = False


def is_ready(row: NodeRow) -> bool:
    """Whether the node waits for no other: at most for its moment."""
    return row.status == "PENDING" and row.waiting_on == 0


def is_runnable(row: NodeRow) -> bool:
    """Whether the node itself could be handed out now."""
    return (
        row.status == "PENDING"
        and row.waiting_on == 0
        and row.not_before is None
        and not row.gate
        and row.locks_in_way == 0
    )


def keys(recorded: Recorded, tables: Tables) -> list[Key]:
    """An event concerns the node it is about, and some also the nodes that wait for it."""
    node_id, event = recorded.node_id, recorded.event
    if node_id is None or (type(event) is EventCommitted and not event.checkpoint):
        return []
    if not _change_of_waiting(event):
        return [(node_id,)]
    return [(node_id,), *((dependent,) for dependent in tables.dependents(node_id))]


def _change_of_waiting(event: Any) -> int:
    """By how much the dependents' count of what they wait for changes."""
    kind = type(event)
    if kind is NodeCompleted or (kind is NodeFailed and event.satisfies):
        return -1
    return int(kind is NodeRetried and event.satisfied)


def reduce(row: NodeRow | None, recorded: Recorded, key: Key) -> NodeRow | None:
    """Fold one event into the row of its node, or of a node that waits for that one."""
    event = recorded.event
    if isinstance(event, NodeAdded):
        return _add_node(recorded, event)
    if row is None:
        return None
    if key[0] != recorded.node_id:
        return replace(row, waiting_on=row.waiting_on + _change_of_waiting(event))
    reducer = _REDUCERS.get(type(event))
    return row if reducer is None else reducer(row, recorded, event)


def _add_node(recorded: Recorded, event: NodeAdded) -> NodeRow:
    settings = event.settings or NodeSettings()
    ended_elsewhere = event.status in ("COMPLETED", "FAILED") and event.result_seq is None
    return NodeRow(
        recorded.node_id or "",
        recorded.task_id,
        event.position,
        recorded.seq,
        event.status,
        event.waiting_on,
        recorded.at if event.updated_at is None else event.updated_at,
        result_seq=recorded.seq if ended_elsewhere else event.result_seq,
        name=event.name,
        rank=rank_of(settings.priority),
        not_before=_if_ahead(settings.not_before, recorded),
        settings_seq=None if event.settings is None else recorded.seq,
        demand=demand_of(settings),
        batch=recorded.seq - (event.position if event.place is None else event.place),
        gate=settings.gate is not None,
        has_locks=bool(settings.locks),
    )


def _begin_lease(row: NodeRow, recorded: Recorded, event: NodeAcquired) -> NodeRow:
    taken_over = event.acquired_at is not None
    return replace(
        row,
        status=event.status,
        updated_at=row.updated_at if taken_over else recorded.at,
        acquired_at=event.acquired_at if taken_over else recorded.at,
        lease_id=event.lease_id,
        lease_owner=event.lease_owner,
        lease_expires_at=event.lease_expires_at,
        result_seq=None,
        attempt=row.attempt + 1,
        not_before=None,
        deadline_at=event.deadline_at,
        lease_ms=event.lease_ms,
    )


def _extend_lease(row: NodeRow, recorded: Recorded, event: LeaseExtended) -> NodeRow:
    return replace(row, updated_at=recorded.at, lease_expires_at=event.lease_expires_at)


def _end_lease(
    row: NodeRow,
    recorded: Recorded,
    event: Ending,
    *,
    counted: int = 0,
    strikes: int = 0,
    not_before: int | None = None,
) -> NodeRow:
    """The node without its lease; `counted` is 1 for an attempt that counts."""
    has_ended = event.status != "PENDING"
    return replace(
        row,
        status=event.status,
        updated_at=recorded.at,
        acquired_at=row.acquired_at if has_ended else None,
        lease_id=None,
        lease_owner=None,
        lease_expires_at=None,
        last_lease=event.lease_id,
        result_seq=recorded.seq if has_ended else None,
        rank=with_strikes(row.rank, strikes) if row.strikes or strikes else row.rank,
        counted=row.counted + counted,
        strikes=strikes,
        not_before=not_before,
        deadline_at=None,
        lease_ms=None,
        last_end_seq=recorded.seq,
    )


def _roll_back(row: NodeRow, recorded: Recorded, event: LeaseExpired) -> NodeRow:
    return _end_lease(row, recorded, event, counted=int(event.counts), strikes=row.strikes + 1)


def _fail_node(row: NodeRow, recorded: Recorded, event: NodeFailed) -> NodeRow:
    wait = _if_ahead(event.not_before, recorded)
    return _end_lease(row, recorded, event, counted=1, not_before=wait)


def _release_node(row: NodeRow, recorded: Recorded, event: NodeReleased) -> NodeRow:
    return _end_lease(row, recorded, event, not_before=_if_ahead(event.not_before, recorded))


def _revoke_lease(row: NodeRow, recorded: Recorded, event: LeaseRevoked) -> NodeRow:
    return _end_lease(row, recorded, event)


def _retry_node(row: NodeRow, recorded: Recorded, event: NodeRetried) -> NodeRow:
    return replace(
        row,
        status=event.status,
        updated_at=recorded.at,
        acquired_at=None,
        last_lease=None,
        result_seq=None,
        rank=with_strikes(row.rank, 0),
        counted=0,
        strikes=0,
    )


def _become_due(row: NodeRow, _recorded: Recorded, _event: NodeDue) -> NodeRow:
    return replace(row, not_before=None)


def _update_node(row: NodeRow, recorded: Recorded, event: NodeUpdated) -> NodeRow:
    settings = event.settings
    return replace(
        row,
        updated_at=recorded.at,
        rank=with_strikes(rank_of(settings.priority), row.strikes),
        not_before=_if_ahead(settings.not_before, recorded) if event.moves else row.not_before,
        settings_seq=recorded.seq,
        demand=demand_of(settings),
    )


def _add_dependencies(row: NodeRow, recorded: Recorded, event: DependenciesAdded) -> NodeRow:
    """They are new, so it waits for all of them but those that came as satisfied."""
    return replace(
        row,
        updated_at=recorded.at,
        waiting_on=row.waiting_on + len(event.dependencies) - event.satisfied_already,
        dependencies_seq=recorded.seq,
    )


def _note_checkpoint(row: NodeRow, recorded: Recorded, _event: EventCommitted) -> NodeRow:
    return replace(row, checkpoint_seq=recorded.seq)


def _if_ahead(moment: int | None, recorded: Recorded) -> int | None:
    """A moment that lies behind the record is none to wait for."""
    return moment if moment is not None and moment > recorded.at else None


_REDUCERS: dict[type[Event], Callable[[NodeRow, Recorded, Any], NodeRow]] = {
    NodeAcquired: _begin_lease,
    LeaseExtended: _extend_lease,
    LeaseExpired: _roll_back,
    NodeCompleted: _end_lease,
    NodeFailed: _fail_node,
    NodeReleased: _release_node,
    NodeRetried: _retry_node,
    NodeDue: _become_due,
    NodeUpdated: _update_node,
    LeaseRevoked: _revoke_lease,
    DependenciesAdded: _add_dependencies,
    EventCommitted: _note_checkpoint,
}

NODES = Projection(
    name="nodes",
    row=NodeRow,
    key=("node_id",),
    fixed=("node_id", "task_id", "position", "added_seq", "name", "batch", "gate", "has_locks"),
    kinds=(NodeAdded, *_REDUCERS),
    keys=keys,
    reduce=reduce,
)
