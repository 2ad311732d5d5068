"""The nodes that could be handed out next, and those that wait for a moment."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from agentd.projections import NodeRow, StretchRow


class QueueReader(Protocol):
    """What is asked of the queue."""

    def stretches(self, task_id: str) -> Sequence[StretchRow]:
        """All stretches of the task, by rank, then in the order of registration, then by demand."""

    def next_stretches(self) -> Iterable[StretchRow]:
        """Of every demand the first stretch that hands out nodes, in the same order."""

    def first_of(self, stretch: StretchRow) -> NodeRow | None:
        """The runnable node of the stretch that was registered first."""

    def due_nodes(self, until: int, limit: int, task_id: str | None = None) -> list[NodeRow]:
        """The first `limit` nodes whose `not_before` is at `until` or before, oldest first."""

    def next_due(self, after: int) -> int | None:
        """The first `not_before` of a node that is later than `after`."""
