"""Leases that ran out, and when the next one will.

The rule this file keeps: only leased nodes are in the index that is asked. A write transaction
remembers when the first lease ends, so that nearly always there is nothing to ask.
"""

import sys

from agentd.projections import NODES, NodeRow
from agentd.store.sql.statements import SELECT_NODES
from agentd.store.sql.tables.rows import RowReader, RowTx

# The + keeps the planner on the lease index: it holds only leased nodes.
_EXPIRED = (
    f"{SELECT_NODES} WHERE lease_expires_at > ?1 AND lease_expires_at <= ?2 "
    "AND (?3 IS NULL OR +task_id = ?3)"
)
_OVERDUE = (
    f"{SELECT_NODES} WHERE lease_expires_at <= ?1 AND +deadline_at <= ?2 "
    "AND (?3 IS NULL OR +task_id = ?3)"
)
_LEASED = (  # there are as many leases as there are workers, and many more nodes in a task
    f"{SELECT_NODES} WHERE lease_expires_at IS NOT NULL AND +task_id = ? ORDER BY position"
)
_NEXT_EXPIRY = "SELECT min(lease_expires_at) FROM nodes WHERE lease_expires_at > ?"
# No lease reaches beyond its deadline, so one that ends later need not be asked for it.
_NEXT_DEADLINE = (
    "SELECT min(deadline_at) FROM nodes WHERE lease_expires_at <= ?1 AND deadline_at > ?1"
)

_NEVER = sys.maxsize


class LeaseReader(RowReader):
    """See `protocols.leases`."""

    def expired_leases(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.expired_leases`."""
        found = self._all(_EXPIRED, (after, until, task_id))
        if after:  # leases are honoured that ended before, but not beyond their deadline
            found += self._all(_OVERDUE, (after, until, task_id))
        nodes = [NodeRow(*row) for row in found]
        return sorted(nodes, key=lambda node: (node.lease_expires_at, node.node_id))

    def leased_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.leased_nodes`."""
        return [NodeRow(*row) for row in self._execute(_LEASED, (task_id,))]

    def next_expiry(self, after: int) -> int | None:
        """See `Reader.next_expiry`."""
        moments = [self._execute(sql, (after,)).get for sql in (_NEXT_EXPIRY, _NEXT_DEADLINE)]
        return min((moment for moment in moments if moment is not None), default=None)


class LeaseTx(RowTx, LeaseReader):
    """Leases in a write transaction."""

    def expired_leases(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.expired_leases`: nothing to ask while the first lease still runs."""
        cache = self._cache
        if cache.first_expiry is None:
            cache.first_expiry = self.next_expiry(-1) or _NEVER
        if until < cache.first_expiry:
            return []
        cache.first_expiry = None  # whoever asks is about to roll these back
        self._write_rows(NODES.name)
        return super().expired_leases(after, until, task_id)

    def leased_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.leased_nodes`."""
        self._write_rows(NODES.name)
        return super().leased_nodes(task_id)

    def next_expiry(self, after: int) -> int | None:
        """See `Reader.next_expiry`."""
        self._write_rows(NODES.name)
        return super().next_expiry(after)
