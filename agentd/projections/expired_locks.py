"""The `expired_locks` table: who held what last, where the time was over and nobody took it since.

The rule this file keeps: one row for a key at most, and none once the key is taken again.
"""

from msgspec import Struct

from agentd.events import LOCKS_STREAM, LockAcquired, LockExpired, LockReleased
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables


class ExpiredLockRow(Struct, frozen=True):
    """A lock that lived as long as it might: its holder may still say that he gives it back."""

    resource_key: str
    lease_id: str
    owner: str
    task_id: str | None

    @property
    def stream(self) -> str:
        """Where its events are recorded."""
        return self.task_id or LOCKS_STREAM


def keys(recorded: Recorded, _tables: Tables) -> list[Key]:
    """An event concerns the key of its lock."""
    event = recorded.event
    return [(event.key,)] if isinstance(event, LockAcquired | LockReleased | LockExpired) else []


def reduce(row: ExpiredLockRow | None, recorded: Recorded, _key: Key) -> ExpiredLockRow | None:
    """Fold one event into its key."""
    event = recorded.event
    if isinstance(event, LockExpired):
        task_id = None if recorded.task_id == LOCKS_STREAM else recorded.task_id
        return ExpiredLockRow(event.key, event.lease_id, event.owner, task_id)
    if isinstance(event, LockReleased) and row is not None and row.lease_id != event.lease_id:
        return row
    return None


EXPIRED_LOCKS = Projection(
    name="expired_locks",
    row=ExpiredLockRow,
    key=("resource_key",),
    fixed=("resource_key",),
    kinds=(LockAcquired, LockReleased, LockExpired),
    keys=keys,
    reduce=reduce,
)
