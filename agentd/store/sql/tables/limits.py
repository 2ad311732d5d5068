"""Limits, and when one opens.

The rule this file keeps: those that are closed or have a rate are in indexes of their own, and only
they are asked for a moment; so other limits cost nothing, however many there are.
"""

import json
from collections.abc import Sequence

from agentd.projections import DEMANDS, LIMITS, QUEUE, STARTS, DemandRow, LimitRow
from agentd.projections.limits import REMEMBERED_STARTS
from agentd.store.sql.statements import columns
from agentd.store.sql.tables.rows import RowReader, RowTx

_KNOWN = f"SELECT {columns(LIMITS)} FROM limits WHERE is_known AND name > ? ORDER BY name LIMIT ?"
_RATED = "SELECT name FROM limits WHERE rate_ms > 0"
_READY = (
    "SELECT CAST(sum(ready) AS BIGINT) FROM queue "
    "WHERE demand <> '' AND demand IN (SELECT value FROM json_each(?))"
)
_FIRST_DEMAND = "SELECT min(demand) FROM queue WHERE demand <> ''"
_IN_QUEUE = (  # from demand to demand along the index, however many stretches there are of one
    f"WITH RECURSIVE found (demand) AS ({_FIRST_DEMAND} UNION ALL "
    f"SELECT ({_FIRST_DEMAND} AND demand > found.demand) FROM found WHERE demand IS NOT NULL) "
    f"SELECT {columns(DEMANDS)} FROM found CROSS JOIN demands USING (demand)"
)
_NEXT_OPENING = (
    "SELECT min(moment) FROM ("
    "SELECT min(closed_until) AS moment FROM limits WHERE closed_until > ?1 "
    "UNION ALL SELECT min(at + rate_ms) FROM limits JOIN starts USING (name) "
    "WHERE rate_ms > 0 AND starts >= rate_count AND at + rate_ms > ?1 "
    f"AND slot = (limits.starts - rate_count) % {REMEMBERED_STARTS}) AS moments"
)


class LimitReader(RowReader):
    """See `protocols.limits`."""

    def known_limits(self, after: str, limit: int) -> list[LimitRow]:
        """See `Reader.known_limits`."""
        return [LimitRow(*row) for row in self._all(_KNOWN, (after, limit))]

    def count_ready(self, demands: Sequence[str]) -> int:
        """See `Reader.count_ready`."""
        [(ready,)] = self._all(_READY, (json.dumps(demands),))
        return ready or 0

    def demands_in_queue(self) -> list[DemandRow]:
        """See `Reader.demands_in_queue`."""
        return [DemandRow(*row) for row in self._all(_IN_QUEUE, ())]

    def rated_limits(self) -> list[str]:
        """See `Reader.rated_limits`."""
        return sorted(name for (name,) in self._all(_RATED, ()))

    def next_opening(self, after: int) -> int | None:
        """See `Reader.next_opening`."""
        [(found,)] = self._all(_NEXT_OPENING, (after,))
        moment: int | None = found
        return moment


class LimitTx(RowTx, LimitReader):
    """Limits in a write transaction."""

    def known_limits(self, after: str, limit: int) -> list[LimitRow]:
        """See `Reader.known_limits`."""
        self._write_rows(LIMITS.name)
        return super().known_limits(after, limit)

    def count_ready(self, demands: Sequence[str]) -> int:
        """See `Reader.count_ready`."""
        self._write_rows(QUEUE.name)
        return super().count_ready(demands)

    def demands_in_queue(self) -> list[DemandRow]:
        """See `Reader.demands_in_queue`."""
        self._write_rows(DEMANDS.name)
        self._write_rows(QUEUE.name)
        return super().demands_in_queue()

    def rated_limits(self) -> list[str]:
        """See `Reader.rated_limits`."""
        self._write_rows(LIMITS.name)
        return super().rated_limits()

    def next_opening(self, after: int) -> int | None:
        """See `Reader.next_opening`."""
        self._write_rows(LIMITS.name)
        self._write_rows(STARTS.name)
        return super().next_opening(after)
