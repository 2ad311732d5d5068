"""The queue, what waits for a moment, and limits."""

from collections.abc import Iterator, Sequence

from agentd.projections import (
    DEMANDS,
    NO_DEMAND,
    STARTS,
    DemandRow,
    LimitRow,
    NodeRow,
    StretchRow,
    is_runnable,
)
from agentd.projections.limits import start_before
from agentd.projections.queue import key_of, stretch_of
from agentd.store.memory.nodes import Nodes


class Queue(Nodes):
    """See `protocols.queue` and `protocols.limits`."""

    def stretches(self, task_id: str) -> list[StretchRow]:
        """See `Reader.stretches`."""
        mine = [stretch for stretch in self._stretches() if stretch.task_id == task_id]
        return sorted(mine, key=lambda stretch: (*stretch.order, stretch.demand))

    def next_stretches(self) -> list[StretchRow]:
        """See `Reader.next_stretches`."""
        handing_out = [stretch for stretch in self._stretches() if stretch.hands_out]
        firsts: dict[str, StretchRow] = {}
        for stretch in sorted(handing_out, key=lambda each: (*each.order, each.demand)):
            firsts.setdefault(stretch.demand, stretch)
        return list(firsts.values())

    def first_of(self, stretch: StretchRow) -> NodeRow | None:
        """See `Reader.first_of`."""
        key = key_of(stretch)
        runnable = (n for n in self._nodes() if is_runnable(n) and stretch_of(n) == key)
        return min(runnable, key=lambda node: node.added_seq, default=None)

    def due_nodes(self, until: int, limit: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.due_nodes`."""
        waiting = [node for node in self._waiting_nodes() if task_id in (None, node.task_id)]
        due = [node for node in waiting if (node.not_before or 0) <= until]
        return sorted(due, key=lambda node: (node.not_before, node.added_seq))[:limit]

    def next_due(self, after: int) -> int | None:
        """See `Reader.next_due`."""
        moments = (node.not_before or 0 for node in self._waiting_nodes())
        return min((moment for moment in moments if moment > after), default=None)

    def known_limits(self, after: str, limit: int) -> list[LimitRow]:
        """See `Reader.known_limits`."""
        known = [row for row in self._limits() if row.is_known and row.name > after]
        return sorted(known, key=lambda row: row.name)[:limit]

    def count_ready(self, demands: Sequence[str]) -> int:
        """See `Reader.count_ready`."""
        return sum(stretch.ready for stretch in self._stretches() if stretch.demand in demands)

    def demands_in_queue(self) -> list[DemandRow]:
        """See `Reader.demands_in_queue`."""
        demands = sorted({stretch.demand for stretch in self._stretches()} - {NO_DEMAND})
        return [self.get(DEMANDS, (demand,)) for demand in demands]

    def rated_limits(self) -> list[str]:
        """See `Reader.rated_limits`."""
        return sorted(row.name for row in self._limits() if row.rate_count is not None)

    def next_opening(self, after: int) -> int | None:
        """See `Reader.next_opening`."""
        moments = [moment for row in self._limits() for moment in self._openings(row)]
        return min((moment for moment in moments if moment > after), default=None)

    def _openings(self, row: LimitRow) -> Iterator[int]:
        if row.closed_until is not None:
            yield row.closed_until
        if (key := start_before(row)) is not None:
            yield self.get(STARTS, key).at + (row.rate_ms or 0)
