"""Gates: what is ready to be opened, what is open, and when the time of one is over."""

from typing import Protocol

from agentd.projections import GateRow


class GateReader(Protocol):
    """What is asked of gates."""

    def gates_in(self, task_id: str, stage: str) -> list[GateRow]:
        """The task's gates that are in this stage, by their ids."""

    def listed_gates(
        self, stage: str, task_id: str | None, after: tuple[int, int], limit: int
    ) -> list[GateRow]:
        """The first `limit` gates in this stage, of a task or of all, behind that place.

        Places are moments and seqs of their opening, and the order of the list.
        """

    def overdue_gates(self, until: int, limit: int, task_id: str | None = None) -> list[GateRow]:
        """The first `limit` open gates whose time is over at `until` or before, soonest first."""

    def next_gate_timeout(self, after: int) -> int | None:
        """When the time of an open gate is over the first time later than `after`."""
