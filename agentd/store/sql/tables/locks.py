"""Resource locks, and what nodes wish to hold.

The rule this file keeps: what two keys name can only overlap where the prefix of one begins with
the other's, so the index of prefixes is asked for those above a key and for those below it, and
only what it finds is compared. A write transaction remembers when the first lock ends.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice, takewhile
from typing import TypeVar

from agentd.events import LockMode
from agentd.lock_keys import Place, place_of, superset_glob
from agentd.projections import LOCKS, WISHES, LockRow, WishRow, in_conflict
from agentd.store.sql.statements import columns
from agentd.store.sql.tables.rows import RowReader, RowTx

Row = TypeVar("Row", LockRow, WishRow)

_IN_ORDER = "ORDER BY resource_key, acquired_seq"
_OF_LEASE = f"SELECT {columns(LOCKS)} FROM locks WHERE node_lease_id = ? ORDER BY acquired_seq"
_BY_KEY = f"SELECT {columns(LOCKS)} FROM locks WHERE resource_key {{}} ? {_IN_ORDER}"
_FROM_KEY, _BEHIND_KEY = _BY_KEY.format(">="), _BY_KEY.format(">")
_EXPIRED = (
    f"SELECT {columns(LOCKS)} FROM locks WHERE expires_at <= ? "
    "ORDER BY expires_at, lease_id LIMIT ?"
)
_NEXT_EXPIRY = "SELECT min(expires_at) FROM locks WHERE expires_at > ?"
_ANY = "SELECT 1 FROM locks LIMIT 1"
_COUNT = "SELECT count(*), (SELECT count(*) FROM locks WHERE expires_at <= ?) FROM locks"

_NEVER = sys.maxsize


class LockReader(RowReader):
    """See `protocols.locks`."""

    def conflicting_locks(
        self, key: str, mode: LockMode, limit: int | None = None
    ) -> Sequence[LockRow]:
        """See `Reader.conflicting_locks`."""
        return list(islice(self._conflicting(LockRow, self._tables.near_locks, key, mode), limit))

    def conflicting_wishes(self, key: str, mode: LockMode) -> Sequence[WishRow]:
        """See `Reader.conflicting_wishes`."""
        return list(self._conflicting(WishRow, self._tables.near_wishes, key, mode))

    def _conflicting(
        self, make: Callable[..., Row], near: tuple[str, str], key: str, mode: LockMode
    ) -> Iterator[Row]:
        above, below = near
        place: Place = place_of(key)
        asked: list[tuple[str, tuple[str, ...]]] = [
            (above, (json.dumps([*place.ancestors()]), place.prefix))
        ]
        if place.is_path and place.reach != "one":
            asked.append((below, (*place.below(), superset_glob(key))))
        for sql, bindings in asked:
            with closing(self._execute(sql, bindings)) as found:
                rows = (make(*row) for row in found)
                yield from (row for row in rows if in_conflict(row, key, mode))

    def wishes_of(self, node_id: str) -> Sequence[WishRow]:
        """See `Reader.wishes_of`."""
        return [WishRow(*row) for row in self._all(self._tables.wishes_of, (node_id,))]

    def wishes_of_task(self, task_id: str) -> Sequence[WishRow]:
        """See `Reader.wishes_of_task`."""
        return [WishRow(*row) for row in self._all(self._tables.wishes_of_task, (task_id,))]

    def locks_of_lease(self, node_lease_id: str) -> Sequence[LockRow]:
        """See `Reader.locks_of_lease`."""
        return [LockRow(*row) for row in self._all(_OF_LEASE, (node_lease_id,))]

    def locks_by_key(self, prefix: str, after: str | None, limit: int) -> Sequence[LockRow]:
        """See `Reader.locks_by_key`."""
        begin = (_FROM_KEY, prefix) if after is None or after < prefix else (_BEHIND_KEY, after)
        with closing(self._execute(begin[0], (begin[1],))) as found:
            rows = (LockRow(*row) for row in found)
            having = takewhile(lambda row: row.resource_key.startswith(prefix), rows)
            return list(islice(having, limit))

    def expired_locks(self, until: int, limit: int) -> Sequence[LockRow]:
        """See `Reader.expired_locks`."""
        return [LockRow(*row) for row in self._all(_EXPIRED, (until, limit))]

    def next_lock_expiry(self, after: int) -> int | None:
        """See `Reader.next_lock_expiry`."""
        found: int | None = self._execute(_NEXT_EXPIRY, (after,)).get
        return found

    def count_locks(self, now: int) -> tuple[int, int]:
        """See `Reader.count_locks`."""
        [(all_locks, expired)] = self._all(_COUNT, (now,))
        return all_locks - expired, expired


class LockTx(RowTx, LockReader):
    """Locks in a write transaction."""

    def conflicting_locks(
        self, key: str, mode: LockMode, limit: int | None = None
    ) -> Sequence[LockRow]:
        """See `Reader.conflicting_locks`: nothing to ask while none is held at all."""
        cache = self._cache
        if cache.has_no_locks is None:
            self._write_rows(LOCKS.name)
            cache.has_no_locks = not self._all(_ANY, ())
        if cache.has_no_locks:
            return []
        self._write_rows(LOCKS.name)
        return super().conflicting_locks(key, mode, limit)

    def conflicting_wishes(self, key: str, mode: LockMode) -> Sequence[WishRow]:
        """See `Reader.conflicting_wishes`."""
        self._write_rows(WISHES.name)
        return super().conflicting_wishes(key, mode)

    def wishes_of(self, node_id: str) -> Sequence[WishRow]:
        """See `Reader.wishes_of`."""
        self._write_rows(WISHES.name)
        return super().wishes_of(node_id)

    def wishes_of_task(self, task_id: str) -> Sequence[WishRow]:
        """See `Reader.wishes_of_task`."""
        self._write_rows(WISHES.name)
        return super().wishes_of_task(task_id)

    def locks_of_lease(self, node_lease_id: str) -> Sequence[LockRow]:
        """See `Reader.locks_of_lease`."""
        self._write_rows(LOCKS.name)
        return super().locks_of_lease(node_lease_id)

    def locks_by_key(self, prefix: str, after: str | None, limit: int) -> Sequence[LockRow]:
        """See `Reader.locks_by_key`."""
        self._write_rows(LOCKS.name)
        return super().locks_by_key(prefix, after, limit)

    def expired_locks(self, until: int, limit: int) -> Sequence[LockRow]:
        """See `Reader.expired_locks`: nothing to ask before the first moment."""
        cache = self._cache
        if cache.first_lock_expiry is None:
            cache.first_lock_expiry = self.next_lock_expiry(-1) or _NEVER
        if until < cache.first_lock_expiry:
            return []
        cache.first_lock_expiry = None  # whoever asks is about to end these
        self._write_rows(LOCKS.name)
        return super().expired_locks(until, limit)

    def next_lock_expiry(self, after: int) -> int | None:
        """See `Reader.next_lock_expiry`."""
        self._write_rows(LOCKS.name)
        return super().next_lock_expiry(after)

    def count_locks(self, now: int) -> tuple[int, int]:
        """See `Reader.count_locks`."""
        self._write_rows(LOCKS.name)
        return super().count_locks(now)
