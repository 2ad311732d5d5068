"""The four methods of resource locks."""

from collections.abc import Sequence

from msgspec import Raw

from agentd import decide, queries
from agentd.api import (
    EMPTY_OBJECT,
    AcquireResourceLockParams,
    AcquireResourceLockResult,
    HeartbeatResourceLockResult,
    HeldLockParams,
    ListResourceLocksParams,
    ListResourceLocksResult,
    OkResult,
    TaskParams,
)
from agentd.decide import Context, HeldLockState, LockState
from agentd.events import LOCKS_STREAM, LockAcquired, LockExtended
from agentd.journal import Recorded
from agentd.methods.leases import SETTLE_DUE
from agentd.methods.lock_endings import Steps, expire_first
from agentd.methods.method import Command
from agentd.projections import EXPIRED_LOCKS, LOCKS, ExpiredLockRow, LockRow
from agentd.store import Reader


def _load(reader: Reader, params: AcquireResourceLockParams, _context: Context) -> LockState:
    stream = params.task_id or LOCKS_STREAM
    task = None if params.task_id is None else queries.find_state_row(reader, params.task_id)
    found = reader.conflicting_locks(params.resource_key, params.mode, 1)
    in_way = found[0] if found else None
    version = reader.head(stream).version
    if task is None or params.node_lease_id is None:
        return LockState(stream, version, task, in_way)
    node = queries.node_row(reader, stream, params.node_id or "")
    return LockState(stream, version, task, in_way, node, queries.cancellation(reader, task))


def _settle_first(reader: Reader, params: AcquireResourceLockParams, context: Context) -> Steps:
    """The end of locks whose time is over, or whose lease is; nothing where it is refused."""
    if reader.expired_locks(context.now, 1) or _overdue_tasks(reader, params, context):
        yield _CHECK_LOCK, params
        yield from expire_first(reader, context)
        for task_id in _overdue_tasks(reader, params, context):
            yield SETTLE_DUE, TaskParams(task_id=task_id)


def _overdue_tasks(
    reader: Reader, params: AcquireResourceLockParams, context: Context
) -> list[str]:
    """The tasks in which a lease has run out that locks are bound to.

    Not that of the lease which the lock shall be bound to: who holds it came before its end was
    recorded, so it counts.
    """
    overdue = reader.expired_leases(context.honoured_until, context.now)
    holding = [row for row in overdue if row.locks_held]
    own = {row.task_id for row in holding if row.lease_id == params.node_lease_id}
    return [task for task in dict.fromkeys(row.task_id for row in holding) if task not in own]


def _load_held(reader: Reader, params: HeldLockParams, _context: Context) -> HeldLockState:
    lock: LockRow | None = reader.get(LOCKS, (params.lease_id,))
    if lock is None:
        return _load_expired(reader, params.resource_key)
    ends = queries.end_of_lock(reader, lock)
    return HeldLockState(lock.stream, reader.head(lock.stream).version, lock, ends)


def _load_expired(reader: Reader, key: str) -> HeldLockState:
    """What was held last on that key, unless somebody has it, or something that overlaps, now."""
    row: ExpiredLockRow | None = reader.get(EXPIRED_LOCKS, (key,))
    if row is not None and reader.conflicting_locks(key, "shared", 1):
        row = None
    stream = LOCKS_STREAM if row is None else row.stream
    return HeldLockState(stream, reader.head(stream).version, expired=row)


def _show_lock(
    _reader: Reader,
    records: Sequence[Recorded],
    _params: AcquireResourceLockParams,
    _context: Context,
) -> AcquireResourceLockResult | None:
    """The lock with which the records end, if they do; else others have ended, no more."""
    if not records or not isinstance(event := records[-1].event, LockAcquired):
        return None
    recorded = records[-1]
    return AcquireResourceLockResult(
        event.key,
        event.lease_id,
        event.owner,
        event.provider,
        None if recorded.task_id == LOCKS_STREAM else recorded.task_id,
        event.node_id,
        Raw(recorded.payload or EMPTY_OBJECT),
        recorded.at // 1000,
        event.expires_at // 1000,
    )


def _show_extended(
    _reader: Reader, recorded: Recorded, _context: Context
) -> HeartbeatResourceLockResult:
    event = recorded.event
    assert isinstance(event, LockExtended)  # noqa: S101 - that is what heartbeats decide
    return HeartbeatResourceLockResult(ok=True, lease_expires_at=event.expires_at // 1000)


def _show_ok(_reader: Reader, _recorded: Recorded, _context: Context) -> OkResult:
    return OkResult()


def _may_wait(_reader: Reader, params: AcquireResourceLockParams) -> bool:
    return bool(params.wait_secs)


def list_resource_locks(
    reader: Reader, params: ListResourceLocksParams, context: Context
) -> ListResourceLocksResult:
    """A page of the locks."""
    return queries.list_resource_locks(reader, params, context.now)


ACQUIRE_RESOURCE_LOCK = Command(
    _load,
    decide.acquire_resource_lock,
    show=_show_lock,
    first=_settle_first,
    worth_waiting=_may_wait,
)
HEARTBEAT_RESOURCE_LOCK = Command(_load_held, decide.heartbeat_resource_lock, _show_extended)
RELEASE_RESOURCE_LOCK = Command(_load_held, decide.release_resource_lock, _show_ok)

_CHECK_LOCK = Command(_load, decide.check_lock)
