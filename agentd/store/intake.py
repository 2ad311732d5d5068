"""A database that is filled from another one.

The rule this file keeps: until it is finished no daemon works on it, so whoever fills it may be
killed at any moment, and go on another time behind its last record.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from agentd.answers import Answered
from agentd.journal import Recorded
from agentd.store import Reader, Shadow


class Intake(Protocol):
    """What an engine offers to be filled: empty, or filled in part. It belongs to one thread."""

    def read(self) -> AbstractContextManager[Reader]:
        """See `Store.read`."""

    def shadow(self) -> AbstractContextManager[Shadow]:
        """See `Store.shadow`."""

    def add(self, records: Sequence[Recorded]) -> None:
        """Add these behind its last record, as they are: on disk when this returns."""

    def finish(self, answered: Iterable[Answered]) -> None:
        """Keep these answered requests, and no others; it is a database as any from here on."""

    def close(self) -> None:
        """Release it, finished or not."""
