"""Resource locks, and what nodes wish to hold."""

from collections.abc import Sequence

from agentd.events import LockMode
from agentd.projections import LOCKS, WISHES, LockRow, WishRow, in_conflict
from agentd.store.memory.rows import Rows


class Locks(Rows):
    """See `protocols.locks`."""

    def conflicting_locks(
        self, key: str, mode: LockMode, limit: int | None = None
    ) -> Sequence[LockRow]:
        """See `Reader.conflicting_locks`."""
        return [row for row in self._locks() if in_conflict(row, key, mode)][:limit]

    def conflicting_wishes(self, key: str, mode: LockMode) -> Sequence[WishRow]:
        """See `Reader.conflicting_wishes`."""
        return [row for row in self._wishes() if row.waits and in_conflict(row, key, mode)]

    def wishes_of(self, node_id: str) -> Sequence[WishRow]:
        """See `Reader.wishes_of`."""
        return [row for row in self._wishes() if row.node_id == node_id]

    def wishes_of_task(self, task_id: str) -> Sequence[WishRow]:
        """See `Reader.wishes_of_task`."""
        return [row for row in self._wishes() if row.task_id == task_id]

    def locks_of_lease(self, node_lease_id: str) -> Sequence[LockRow]:
        """See `Reader.locks_of_lease`."""
        bound = [row for row in self._locks() if row.node_lease_id == node_lease_id]
        return sorted(bound, key=lambda row: row.acquired_seq)

    def locks_by_key(self, prefix: str, after: str | None, limit: int) -> Sequence[LockRow]:
        """See `Reader.locks_by_key`."""
        found = [row for row in self._locks() if row.resource_key.startswith(prefix)]
        behind = [row for row in found if after is None or row.resource_key > after]
        return sorted(behind, key=lambda row: (row.resource_key, row.acquired_seq))[:limit]

    def expired_locks(self, until: int, limit: int) -> Sequence[LockRow]:
        """See `Reader.expired_locks`."""
        ends = {row: row.expires_at for row in self._locks() if row.expires_at is not None}
        expired = [row for row, end in ends.items() if end <= until]
        return sorted(expired, key=lambda row: (ends[row], row.lease_id))[:limit]

    def next_lock_expiry(self, after: int) -> int | None:
        """See `Reader.next_lock_expiry`."""
        ends = (row.expires_at for row in self._locks())
        return min((end for end in ends if end is not None and end > after), default=None)

    def count_locks(self, now: int) -> tuple[int, int]:
        """See `Reader.count_locks`."""
        locks = self._locks()
        expired = sum(row.expires_at is not None and row.expires_at <= now for row in locks)
        return len(locks) - expired, expired

    def _locks(self) -> list[LockRow]:
        return [row for row in self.rows(LOCKS) if isinstance(row, LockRow)]

    def _wishes(self) -> list[WishRow]:
        return [row for row in self.rows(WISHES) if isinstance(row, WishRow)]
