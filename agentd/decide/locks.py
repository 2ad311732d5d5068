"""AcquireResourceLock, HeartbeatResourceLock and ReleaseResourceLock, and how locks end otherwise.

The rule this file keeps: what cannot be held beside each other is not. A lock ends with the lease
that it is bound to, or at its own time, and then without grace; what has ended is not kept alive.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NoReturn

from msgspec import Struct

from agentd.api import (
    EMPTY_OBJECT,
    AcquireResourceLockParams,
    HeartbeatResourceLockParams,
    HeldLockParams,
    ReleaseResourceLockParams,
    or_default,
    rfc3339,
)
from agentd.decide.context import Context
from agentd.decide.leases import require_lease
from agentd.decide.state import require_known, require_not_cancelled
from agentd.errors import LockNotHeld, TaskNotFound
from agentd.events import (
    LOCKS_STREAM,
    LockAcquired,
    LockEnded,
    LockExpired,
    LockExtended,
    LockReleased,
    TaskCancelled,
)
from agentd.journal import Draft
from agentd.projections import ExpiredLockRow, LockRow, NodeRow, TaskStateRow

LockEnd = LockReleased | LockEnded | LockExpired


class LockState(Struct, frozen=True):
    """The state that a lock is taken on: one that is in the way, and who it is for.

    `task_id` is where its events are recorded. `task` is the one that is named, `node` the one
    whose lease it is bound to, and `cancelled` says how the task was cancelled, if it was: known
    where there is such a lease.
    """

    task_id: str
    version: int
    task: TaskStateRow | None = None
    in_way: LockRow | None = None
    node: NodeRow | None = None
    cancelled: TaskCancelled | None = None
    result_seq: ClassVar[int] = 0


class HeldLockState(Struct, frozen=True):
    """The state of a lock, None where there is none of this lease; `ends` is when it does.

    `expired` is the one that held the key last, where its time was over and nobody took it since.
    """

    task_id: str
    version: int
    lock: LockRow | None = None
    ends: int = 0
    expired: ExpiredLockRow | None = None
    result_seq: ClassVar[int] = 0


class EndingLocks(Struct, frozen=True):
    """Locks that end by themselves; `versions` says where the streams end that tell of them."""

    locks: Sequence[LockRow]
    versions: Mapping[str, int]
    task_id: ClassVar[str] = LOCKS_STREAM
    version: ClassVar[int] = 0
    result_seq: ClassVar[int] = 0


def check_lock(
    state: LockState, params: AcquireResourceLockParams, _context: Context
) -> list[Draft]:
    """Nothing, but a refusal where what is named is not there, or is no lease any more."""
    if params.task_id is not None and state.task is None:
        raise TaskNotFound.of(params.task_id)
    if params.node_lease_id is not None:
        node = require_known(state.node, state.task_id, params.node_id or "")
        require_not_cancelled(state.task_id, state.cancelled)
        require_lease(node, params.node_lease_id)
    return []


def acquire_resource_lock(
    state: LockState, params: AcquireResourceLockParams, context: Context
) -> list[Draft]:
    """The lock, unless another is in its way."""
    check_lock(state, params, context)
    if state.in_way is not None:
        return []
    node = state.node if params.node_lease_id is not None else None
    ends = None if node is None else node.lease_expires_at
    event = LockAcquired(
        params.resource_key,
        context.new_id(),
        params.owner,
        _end(params.ttl_secs, context) if ends is None else ends,
        params.mode,
        params.provider,
        params.node_id if node is None else node.node_id,
        params.node_lease_id,
    )
    metadata = or_default(params.metadata, EMPTY_OBJECT)
    return [Draft(event, None if node is None else node.node_id, metadata)]


def heartbeat_resource_lock(
    state: HeldLockState, params: HeartbeatResourceLockParams, context: Context
) -> list[Draft]:
    """A longer life for the lock; one that is bound to a lease lives as long as that."""
    lock = _require_held(state, params)
    if lock.expires_at is None:
        ends = state.ends
    elif lock.expires_at > context.now:
        ends = _end(params.ttl_secs, context)
    else:
        _refuse(params, f"it ended at {rfc3339(lock.expires_at)}")
    return [Draft(LockExtended(lock.resource_key, lock.lease_id, ends), lock.bound_node)]


def release_resource_lock(
    state: HeldLockState, params: ReleaseResourceLockParams, _context: Context
) -> list[Draft]:
    """The lock is given back; one that has run out, too, as long as nobody took it."""
    expired = state.expired
    if state.lock is None and expired is not None and expired.lease_id == params.lease_id:
        return [Draft(LockReleased(expired.resource_key, expired.lease_id, expired.owner))]
    lock = _require_held(state, params)
    return [Draft(_end_of(LockReleased, lock), lock.bound_node)]


def end_locks(state: EndingLocks, _params: object, _context: Context) -> list[Draft]:
    """The locks of a lease that has ended."""
    return [
        Draft(_end_of(LockEnded, lock), lock.bound_node, task_id=lock.stream)
        for lock in state.locks
    ]


def expire_locks(state: EndingLocks, _params: object, _context: Context) -> list[Draft]:
    """The locks whose time is over, those of one stream together."""
    locks = sorted(state.locks, key=lambda lock: lock.stream)
    return [Draft(_end_of(LockExpired, lock), task_id=lock.stream) for lock in locks]


def _end_of(kind: type[LockEnd], lock: LockRow) -> LockEnd:
    return kind(lock.resource_key, lock.lease_id, lock.owner)


def _end(ttl_secs: int | None, context: Context) -> int:
    return context.now + (context.lease_ms if ttl_secs is None else ttl_secs * 1000)


def _require_held(state: HeldLockState, params: HeldLockParams) -> LockRow:
    lock = state.lock
    if lock is None or lock.resource_key != params.resource_key:
        _refuse(params, "it has ended, or the lease is another one's")
    return lock


def _refuse(params: HeldLockParams, why: str) -> NoReturn:
    key = params.resource_key
    raise LockNotHeld(
        f"the lock on {key[:_QUOTED]!r} is not held under lease {params.lease_id}: {why}; "
        "acquire it again",
        resource_key=key,
        lease_id=params.lease_id,
    )


_QUOTED = 200
"""Characters of a key that a message repeats."""
