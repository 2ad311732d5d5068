"""Limits, and when one opens."""

from collections.abc import Sequence
from typing import Protocol

from agentd.projections import DemandRow, LimitRow


class LimitReader(Protocol):
    """What is asked of limits."""

    def known_limits(self, after: str, limit: int) -> list[LimitRow]:
        """The first `limit` of those that were set or closed, by name, behind that one."""

    def count_ready(self, demands: Sequence[str]) -> int:
        """How many nodes are ready that demand one of these, of tasks that are not cancelled.

        They are not those that demand nothing.
        """

    def demands_in_queue(self) -> list[DemandRow]:
        """What ready nodes demand, of tasks that are not cancelled, each once, by its digest."""

    def rated_limits(self) -> list[str]:
        """The names of those that have a rate, in their order."""

    def next_opening(self, after: int) -> int | None:
        """The first moment later than `after` at which a limit opens, or a rate has room."""
