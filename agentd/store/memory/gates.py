"""Gates."""

from agentd.projections import GATES, GateRow
from agentd.store.memory.rows import Rows


class Gates(Rows):
    """See `protocols.gates`."""

    def gates_in(self, task_id: str, stage: str) -> list[GateRow]:
        """See `Reader.gates_in`."""
        return [row for row in self._gates() if (row.task_id, row.stage) == (task_id, stage)]

    def listed_gates(
        self, stage: str, task_id: str | None, after: tuple[int, int], limit: int
    ) -> list[GateRow]:
        """See `Reader.listed_gates`."""
        found = [row for row in self._gates() if row.stage == stage and _place(row) > after]
        return sorted((row for row in found if task_id in (None, row.task_id)), key=_place)[:limit]

    def overdue_gates(self, until: int, limit: int, task_id: str | None = None) -> list[GateRow]:
        """See `Reader.overdue_gates`."""
        timed = [row for row in self._timed_gates() if task_id in (None, row.task_id)]
        overdue = [row for row in timed if (row.timeout_at or 0) <= until]
        return sorted(overdue, key=lambda row: (row.timeout_at, row.opened_seq))[:limit]

    def next_gate_timeout(self, after: int) -> int | None:
        """See `Reader.next_gate_timeout`."""
        moments = (row.timeout_at or 0 for row in self._timed_gates())
        return min((moment for moment in moments if moment > after), default=None)

    def _timed_gates(self) -> list[GateRow]:
        return [r for r in self._gates() if r.stage == "open" and r.timeout_at is not None]

    def _gates(self) -> list[GateRow]:
        return list(self.rows(GATES))  # type: ignore[arg-type]  # its rows


def _place(row: GateRow) -> tuple[int, int]:
    return row.since or 0, row.opened_seq or 0
