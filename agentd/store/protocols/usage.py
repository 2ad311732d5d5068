"""What was used, by scope."""

from typing import Protocol

from agentd.projections import UsageRow


class UsageReader(Protocol):
    """What is asked of usage."""

    def usage(self, scope: str) -> list[UsageRow]:
        """All that was used within a scope, in the order of the units."""
