"""The nodes that could be handed out next."""

from typing import Protocol

from agentd.projections import NodeRow


class QueueReader(Protocol):
    """What is asked of the queue."""

    def next_runnable(self, task_id: str) -> NodeRow | None:
        """The first runnable node of the task in registration order."""

    def has_ready(self, task_id: str) -> bool:
        """Whether a PENDING node of the task waits for no other node."""
