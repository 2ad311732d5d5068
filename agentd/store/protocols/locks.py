"""Resource locks that are held, what nodes wish to hold, and what is in the way of what."""

from collections.abc import Sequence
from typing import Protocol

from agentd.events import LockMode
from agentd.projections import LockRow, WishRow


class LockReader(Protocol):
    """What is asked of locks."""

    def conflicting_locks(
        self, key: str, mode: LockMode, limit: int | None = None
    ) -> Sequence[LockRow]:
        """The locks that are held and that no lock of this key and mode can be held beside.

        With a `limit` any so many of them.
        """

    def conflicting_wishes(self, key: str, mode: LockMode) -> Sequence[WishRow]:
        """The wishes of nodes that are ready, and that such a lock would be in the way of."""

    def wishes_of(self, node_id: str) -> Sequence[WishRow]:
        """The locks that the node's lease would hold."""

    def wishes_of_task(self, task_id: str) -> Sequence[WishRow]:
        """Those of all nodes of the task."""

    def locks_of_lease(self, node_lease_id: str) -> Sequence[LockRow]:
        """The locks that are bound to this lease of a node, in the order in which they began."""

    def locks_by_key(self, prefix: str, after: str | None, limit: int) -> Sequence[LockRow]:
        """The first `limit` locks whose keys begin so and are behind that one, by key, then age."""

    def expired_locks(self, until: int, limit: int) -> Sequence[LockRow]:
        """The first `limit` locks that end at `until` or before, soonest first."""

    def next_lock_expiry(self, after: int) -> int | None:
        """When the first lock ends that does so later than `after`."""

    def count_locks(self, now: int) -> tuple[int, int]:
        """How many locks there are that have not expired, and how many that have."""
