"""Resource locks as clients see them.

The rule this file keeps: one that is bound to a lease of a node ends when that does, and is shown
as long as that is held.
"""

from collections.abc import Iterator

from msgspec import Raw

from agentd.api import (
    EMPTY_OBJECT,
    Cause,
    ListResourceLocksParams,
    ListResourceLocksResult,
    ResourceLockView,
    rfc3339,
)
from agentd.projections import NODES, LockRow, NodeRow
from agentd.queries.past import find_place
from agentd.store import Reader

_AT_ONCE = 1_000
"""Locks that are read at a time."""


def list_resource_locks(
    reader: Reader, params: ListResourceLocksParams, now: int
) -> ListResourceLocksResult:
    """A page of the locks that have not expired: so many, and all on the key of the last one."""
    if params.at is not None:
        seq, now = find_place(reader, params.at, now)
        reader = reader.past_locks(seq)
    page: list[ResourceLockView] = []
    for row in _locks(reader, params):
        if not _is_wanted(row, params, now):
            continue
        if len(page) >= params.limit and row.resource_key != page[-1].resource_key:
            return ListResourceLocksResult(page, page[-1].resource_key)
        page.append(_view_of(reader, row))
    return ListResourceLocksResult(page, None)


def _locks(reader: Reader, params: ListResourceLocksParams) -> Iterator[LockRow]:
    """Those whose keys begin so, by key."""
    prefix, after, number = params.prefix or "", params.after, 0
    while True:
        rows = reader.locks_by_key(prefix, after, number + _AT_ONCE)
        yield from rows[number:]
        if len(rows) < number + _AT_ONCE:
            return
        # Of the last key there may be more; those that were shown of it are passed by.
        last = rows[-1].resource_key
        before = [row.resource_key for row in rows if row.resource_key != last]
        after, number = (before[-1] if before else after), len(rows) - len(before)


def _is_wanted(row: LockRow, params: ListResourceLocksParams, now: int) -> bool:
    return (
        (row.expires_at is None or row.expires_at > now)
        and params.task_id in (None, row.task_id)
        and params.owner in (None, row.owner)
    )


def _view_of(reader: Reader, row: LockRow) -> ResourceLockView:
    return ResourceLockView(
        row.resource_key,
        row.lease_id,
        row.owner,
        row.provider,
        row.task_id,
        row.node_id,
        Raw(reader.record_at(row.acquired_seq).payload or EMPTY_OBJECT),
        row.acquired_at // 1000,
        end_of_lock(reader, row) // 1000,
        row.updated_at // 1000,
        row.mode,
    )


def end_of_lock(reader: Reader, row: LockRow) -> int:
    """When the lock ends unless it is extended: with the lease that it is bound to, if it is."""
    if row.expires_at is not None:
        return row.expires_at
    node: NodeRow | None = reader.get(NODES, (row.bound_node or "",))
    return (node.lease_expires_at or 0) if node is not None else 0


def lock_causes(reader: Reader, row: NodeRow) -> Iterator[Cause]:
    """What is in the way of a ready node's own locks, each once."""
    told: dict[str, LockRow] = {}
    for wish in reader.wishes_of(row.node_id):
        found = reader.conflicting_locks(wish.resource_key, wish.mode, _MOST_TOLD)
        for lock in sorted(found, key=lambda lock: lock.acquired_seq):
            told.setdefault(lock.lease_id, lock)
    for lock in [*told.values()][:_MOST_TOLD]:
        yield _cause(lock, end_of_lock(reader, lock))


_MOST_TOLD = 20
"""Locks that are named as in the way of one node."""


def _cause(lock: LockRow, ends: int) -> Cause:
    text = f"the lock {lock.resource_key!r} is held by {lock.owner!r} until {rfc3339(ends)}"
    return Cause("locked", text, key=lock.resource_key, lease_owner=lock.owner, until=ends / 1000)
