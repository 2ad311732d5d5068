"""Gates: what is ready to be opened, what is open, and when the time of one is over.

The rule this file keeps: a list goes along an index, so a page of it costs what it shows.
"""

from agentd.projections import GATES, GateRow
from agentd.store.sql.statements import columns
from agentd.store.sql.tables.rows import RowReader, RowTx

_SELECT = f"SELECT {columns(GATES)} FROM gates"
_LISTED = (
    f"{_SELECT} WHERE stage = ?1 AND (since, opened_seq) > (?2, ?3) "
    "ORDER BY since, opened_seq LIMIT ?4"
)
_LISTED_OF_TASK = (
    f"{_SELECT} WHERE task_id = ?5 AND stage = ?1 AND (since, opened_seq) > (?2, ?3) "
    "ORDER BY since, opened_seq LIMIT ?4"
)
# Of the indexes that may serve, the planner would take one that holds more.
_IN_STAGE = (
    f"SELECT {columns(GATES)} FROM gates INDEXED BY gates_of_task WHERE task_id = ? AND stage = ?"
)
_TIMED = "gates INDEXED BY gates_timeout"
_IS_TIMED = "stage = 'open' AND timeout_at IS NOT NULL"
_OVERDUE = (
    f"SELECT {columns(GATES)} FROM {_TIMED} WHERE {_IS_TIMED} AND timeout_at <= ?1 "
    "AND (?2 IS NULL OR +task_id = ?2) ORDER BY timeout_at, opened_seq LIMIT ?3"
)
_NEXT_TIMEOUT = f"SELECT min(timeout_at) FROM {_TIMED} WHERE {_IS_TIMED} AND timeout_at > ?"


class GateReader(RowReader):
    """See `protocols.gates`."""

    def gates_in(self, task_id: str, stage: str) -> list[GateRow]:
        """See `Reader.gates_in`."""
        rows = [GateRow(*row) for row in self._all(_IN_STAGE, (task_id, stage))]
        return sorted(rows, key=lambda row: row.node_id)

    def listed_gates(
        self, stage: str, task_id: str | None, after: tuple[int, int], limit: int
    ) -> list[GateRow]:
        """See `Reader.listed_gates`."""
        if task_id is None:
            found = self._all(_LISTED, (stage, *after, limit))
        else:
            found = self._all(_LISTED_OF_TASK, (stage, *after, limit, task_id))
        return [GateRow(*row) for row in found]

    def overdue_gates(self, until: int, limit: int, task_id: str | None = None) -> list[GateRow]:
        """See `Reader.overdue_gates`."""
        return [GateRow(*row) for row in self._all(_OVERDUE, (until, task_id, limit))]

    def next_gate_timeout(self, after: int) -> int | None:
        """See `Reader.next_gate_timeout`."""
        [(found,)] = self._all(_NEXT_TIMEOUT, (after,))
        moment: int | None = found
        return moment


class GateTx(RowTx, GateReader):
    """Gates in a write transaction."""

    def gates_in(self, task_id: str, stage: str) -> list[GateRow]:
        """See `Reader.gates_in`."""
        self._write_rows(GATES.name)
        return super().gates_in(task_id, stage)

    def listed_gates(
        self, stage: str, task_id: str | None, after: tuple[int, int], limit: int
    ) -> list[GateRow]:
        """See `Reader.listed_gates`."""
        self._write_rows(GATES.name)
        return super().listed_gates(stage, task_id, after, limit)

    def overdue_gates(self, until: int, limit: int, task_id: str | None = None) -> list[GateRow]:
        """See `Reader.overdue_gates`."""
        self._write_rows(GATES.name)
        return super().overdue_gates(until, limit, task_id)

    def next_gate_timeout(self, after: int) -> int | None:
        """See `Reader.next_gate_timeout`."""
        self._write_rows(GATES.name)
        return super().next_gate_timeout(after)
