"""The nodes that could be handed out next, and those that wait for a moment."""

from typing import Protocol

from agentd.projections import NodeRow


class QueueReader(Protocol):
    """What is asked of the queue."""

    def next_runnable(self, task_id: str | None = None) -> NodeRow | None:
        """The first runnable node of the task: by rank, then in registration order.

        Without a task it is the first of all those that hand out nodes.
        """

    def due_nodes(self, until: int, limit: int, task_id: str | None = None) -> list[NodeRow]:
        """The first `limit` nodes whose `not_before` is at `until` or before, oldest first."""

    def next_due(self, after: int) -> int | None:
        """The first `not_before` of a node that is later than `after`."""

    def has_ready(self, task_id: str) -> bool:
        """Whether a PENDING node of the task waits for no other node."""
