"""The `locks` table of what is held, and the `wishes` table of what nodes would hold.

The rule this file keeps: a node that is ready counts the held locks that are in the way of its own,
so that one that is kept back is looked at again only when a lock ends. It is counted anew when it
becomes ready, and changed by each lock that begins or ends meanwhile.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from agentd.events import (
    LOCKS_STREAM,
    Event,
    LockAcquired,
    LockEnded,
    LockExpired,
    LockExtended,
    LockMode,
    LockReleased,
    NodeAdded,
)
from agentd.journal import Recorded
from agentd.lock_keys import Reach, overlap, place_of
from agentd.projections.base import Key, Projection, Tables
from agentd.projections.nodes import NODES, NodeRow, is_ready
from agentd.projections.queue import follow_node as count_in_queue
from agentd.projections.task_states import TaskStateRow

LockEnd = LockReleased | LockEnded | LockExpired


class LockRow(Struct, frozen=True):
    """A lock that is held. Times are Unix milliseconds.

    `prefix` and `reach` are the place of its key (see `lock_keys`). `task_id` is the task that it
    was taken for, if any, and `node_id` what was said of a node. One that is bound to a lease has
    its `node_lease_id` and the `bound_node`, and ends with it; else it ends at `expires_at`.
    `acquired_seq` points at the record with its metadata.
    """

    lease_id: str
    resource_key: str
    prefix: str
    reach: Reach
    mode: LockMode
    owner: str
    provider: str | None
    task_id: str | None
    node_id: str | None
    bound_node: str | None
    node_lease_id: str | None
    acquired_seq: int
    acquired_at: int
    updated_at: int
    expires_at: int | None

    @property
    def stream(self) -> str:
        """Where its events are recorded."""
        return self.task_id or LOCKS_STREAM


class WishRow(Struct, frozen=True):
    """A lock that the lease of a node would hold; it `waits` while the node is ready."""

    node_id: str
    resource_key: str
    task_id: str
    prefix: str
    reach: Reach
    mode: LockMode
    waits: bool


def in_conflict(one: LockRow | WishRow, key: str, mode: LockMode) -> bool:
    """Whether the one cannot be held beside a lock of that key and mode."""
    both_shared = one.mode == mode == "shared"
    return not both_shared and overlap(one.resource_key, key)


def keys(recorded: Recorded, _tables: Tables) -> list[Key]:
    """An event concerns its lock."""
    event = recorded.event
    return [(event.lease_id,)] if isinstance(event, LockAcquired | LockExtended | LockEnd) else []


def reduce(row: LockRow | None, recorded: Recorded, _key: Key) -> LockRow | None:
    """Fold one event into its lock."""
    event = recorded.event
    if isinstance(event, LockAcquired):
        return _begin_lock(recorded, event)
    if row is None:
        return None
    reducer = _REDUCERS.get(type(event))
    return None if reducer is None else reducer(row, recorded, event)


def _begin_lock(recorded: Recorded, event: LockAcquired) -> LockRow:
    place = place_of(event.key)
    is_bound = event.node_lease_id is not None
    return LockRow(
        event.lease_id,
        event.key,
        place.prefix,
        place.reach,
        event.mode,
        event.owner,
        event.provider,
        None if recorded.task_id == LOCKS_STREAM else recorded.task_id,
        event.node_id,
        recorded.node_id if is_bound else None,
        event.node_lease_id,
        recorded.seq,
        recorded.at if event.acquired_at is None else event.acquired_at,
        recorded.at if event.updated_at is None else event.updated_at,
        None if is_bound else event.expires_at,
    )


def _extend_lock(row: LockRow, recorded: Recorded, event: LockExtended) -> LockRow:
    is_bound = row.node_lease_id is not None
    ends = None if is_bound else event.expires_at
    return replace(row, updated_at=recorded.at, expires_at=ends)


def follow_lock(tables: Tables, before: LockRow | None, after: LockRow | None) -> None:
    """Count a lock that begins or ends at the nodes that it is in the way of."""
    lock = after or before
    if lock is None or (before is not None and after is not None):
        return
    change = 1 if before is None else -1
    in_way = Counter(w.node_id for w in tables.conflicting_wishes(lock.resource_key, lock.mode))
    for node_id, number in in_way.items():
        row: NodeRow = tables.get(NODES, (node_id,))
        _change_node(tables, row, replace(row, locks_in_way=row.locks_in_way + change * number))
    holder: NodeRow | None = tables.get(NODES, (lock.bound_node,)) if lock.bound_node else None
    if holder is not None:
        _change_node(tables, holder, replace(holder, locks_held=holder.locks_held + change))


def follow_wish(tables: Tables, before: WishRow | None, after: WishRow | None) -> None:
    """Count what is in the way of a new node that is ready."""
    if before is not None or after is None or not after.waits:
        return
    in_way = len(list(tables.conflicting_locks(after.resource_key, after.mode)))
    row: NodeRow | None = tables.get(NODES, (after.node_id,))
    if row is not None:
        _change_node(tables, row, replace(row, locks_in_way=row.locks_in_way + in_way))


def follow_node(tables: Tables, before: NodeRow | None, after: NodeRow | None) -> None:
    """Count anew what is in the way of a node that has become ready; else nothing is."""
    if before is None or after is None or not after.has_locks:
        return
    waits = is_ready(after)
    if waits == is_ready(before):
        return
    in_way = 0
    for wish in list(tables.wishes_of(after.node_id)):
        tables.put(WISHES, (wish.node_id, wish.resource_key), replace(wish, waits=waits))
        if waits:
            in_way += len(list(tables.conflicting_locks(wish.resource_key, wish.mode)))
    _change_node(tables, after, replace(after, locks_in_way=in_way))


def follow_task(tables: Tables, before: TaskStateRow | None, after: TaskStateRow | None) -> None:
    """The nodes of a task that is cancelled wish nothing more, and nothing is in their way."""
    if before is None or after is None or before.cancelled_seq == after.cancelled_seq:
        return
    for wish in list(tables.wishes_of_task(after.task_id)):
        tables.put(WISHES, (wish.node_id, wish.resource_key), None)
        row: NodeRow = tables.get(NODES, (wish.node_id,))
        tables.put(NODES, (wish.node_id,), replace(row, locks_in_way=0))


def _change_node(tables: Tables, before: NodeRow, after: NodeRow) -> None:
    if before != after:
        tables.put(NODES, (after.node_id,), after)
        count_in_queue(tables, before, after)


def wish_keys(recorded: Recorded, _tables: Tables) -> list[Key]:
    """A new node brings its wishes with it; they never change."""
    event = recorded.event
    if recorded.node_id is None or not isinstance(event, NodeAdded) or event.settings is None:
        return []
    return [(recorded.node_id, lock.key) for lock in event.settings.locks or ()]


def reduce_wish(row: WishRow | None, recorded: Recorded, key: Key) -> WishRow | None:
    """What the node said of this key."""
    event = recorded.event
    if not isinstance(event, NodeAdded) or event.settings is None:
        return row
    node_id, resource_key = key
    mode = next(lock.mode for lock in event.settings.locks or () if lock.key == resource_key)
    place = place_of(resource_key)
    waits = event.status == "PENDING" and event.waiting_on == 0
    task_id = recorded.task_id
    return WishRow(node_id, resource_key, task_id, place.prefix, place.reach, mode, waits)


_REDUCERS: dict[type[Event], Callable[[LockRow, Recorded, Any], LockRow]] = {
    LockExtended: _extend_lock,
}

LOCKS = Projection(
    name="locks",
    row=LockRow,
    key=("lease_id",),
    fixed=(
        "lease_id",
        "resource_key",
        "prefix",
        "reach",
        "mode",
        "owner",
        "provider",
        "task_id",
        "node_id",
        "bound_node",
        "node_lease_id",
        "acquired_seq",
        "acquired_at",
    ),
    kinds=(LockAcquired, LockExtended, LockReleased, LockEnded, LockExpired),
    keys=keys,
    reduce=reduce,
    searched=("prefix", "node_lease_id"),
)

WISHES = Projection(
    name="wishes",
    row=WishRow,
    key=("node_id", "resource_key"),
    fixed=("node_id", "resource_key", "task_id", "prefix", "reach", "mode"),
    kinds=(NodeAdded,),
    keys=wish_keys,
    reduce=reduce_wish,
    searched=("prefix", "task_id"),
)
