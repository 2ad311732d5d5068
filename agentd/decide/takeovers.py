"""What is taken over with a whole database: ids of tasks, and leases and locks that are held.

The rule this file keeps: what is held elsewhere goes on here, under the same ids. Nothing of this
is on the wire: only who reads that database, while no daemon works on it, says such things.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from agentd.api import EMPTY_OBJECT
from agentd.decide.context import Context
from agentd.events import LockAcquired, LockMode
from agentd.journal import Draft
from agentd.projections import LockRow


class LiveLease(Struct, frozen=True):
    """A lease that is held elsewhere, and goes on here. Times are Unix milliseconds."""

    lease_id: str
    owner: str
    expires_at: int
    acquired_at: int


class TakeOver(Struct, frozen=True):
    """What a task has besides what a client may say of it, where a whole database is taken over.

    The task keeps its id. By the ids of nodes: when each `changed` last (Unix milliseconds), also
    of those that have not ended, and the `leases` of those that are RUNNING.
    """

    task_id: str
    changed: Mapping[str, int] = {}
    leases: Mapping[str, LiveLease] = {}


class LiveLock(Struct, frozen=True):
    """A lock that is held elsewhere, and goes on here. Times are Unix milliseconds.

    `source` is what its record says where it came from. `task_id` is that of a task that is here,
    if it is for one, and `metadata` is JSON.
    """

    key: str
    lease_id: str
    owner: str
    expires_at: int
    acquired_at: int
    updated_at: int
    provider: str | None = None
    task_id: str | None = None
    node_id: str | None = None
    metadata: bytes = EMPTY_OBJECT
    mode: LockMode = "exclusive"
    source: str | None = None


class LiveLockState(Struct, frozen=True):
    """The lock, where it is recorded, and one that is in its way, or is the same, if any."""

    task_id: str
    version: int
    lock: LiveLock
    in_way: LockRow | None = None
    result_seq: ClassVar[int] = 0


def take_lock(state: LiveLockState, _params: object, _context: Context) -> list[Draft]:
    """The lock as it is held elsewhere, unless another is in its way, or it is here already.

    Others that were taken over are in nobody's way: they were held beside it.
    """
    if state.in_way is not None:
        return []
    lock = state.lock
    event = LockAcquired(
        lock.key,
        lock.lease_id,
        lock.owner,
        lock.expires_at,
        lock.mode,
        lock.provider,
        lock.node_id,
        acquired_at=lock.acquired_at,
        updated_at=lock.updated_at,
        imported_from=lock.source,
    )
    return [Draft(event, payload=lock.metadata)]
