"""Requests that were answered, for safe repeats."""

from collections.abc import Iterator
from typing import Protocol

from agentd.answers import Answered


class RequestReader(Protocol):
    """What is asked of answered requests."""

    def answered_request(self, request_id: str) -> Answered | None:
        """The request that was answered under that id, if it is still remembered."""

    def answered_requests(self) -> Iterator[Answered]:
        """All that are remembered, in the order of their answers."""


class RequestTx(Protocol):
    """Answered requests are remembered."""

    def remember(self, answered: Answered) -> None:
        """Keep an answered request; forget some that lie more than `KEPT_MS` from it."""
