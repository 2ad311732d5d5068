"""How many nodes there are in which status."""

from agentd.events import STATUSES
from agentd.projections import TaskStateRow, TotalsRow


def count_by_status(counts: TaskStateRow | TotalsRow) -> dict[str, int]:
    """Only the statuses that occur, in their order."""
    numbers = (counts.pending, counts.running, counts.completed, counts.failed)
    return {status: number for status, number in zip(STATUSES, numbers, strict=True) if number}
