"""Leases that ran out, and when the next one will."""

from typing import Protocol

from agentd.projections import NodeRow


class LeaseReader(Protocol):
    """What is asked of leases."""

    def expired_leases(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """The nodes whose lease ends later than `after`, at `until` or before, soonest first.

        Those whose deadline is at `until` or before are among them, however early the lease ends.
        """

    def leased_nodes(self, task_id: str) -> list[NodeRow]:
        """The nodes of the task that are held, in registration order."""

    def next_expiry(self, after: int) -> int | None:
        """When the first lease ends, or reaches its deadline, that does so later than `after`."""
