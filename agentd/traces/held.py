"""What a span is made of: a node that somebody works on, as leases are."""

from typing import Protocol

from agentd.api import EventResult, NodeContext


class Held(Protocol):
    """A node, what was used on it, and how the work ended so far."""

    context: NodeContext
    usage: dict[str, int | float]
    ending: EventResult | None

    @property
    def is_lost(self) -> bool:
        """Whether the lease is known to be gone."""
