"""What other daemons record: how one hears of it, and reads it."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from agentd.journal import Recorded


class Piece(NamedTuple):
    """A part of the journal.

    What was to be read is read up to the place `end`; there is `more` behind it. The records are
    without payload and hash.
    """

    records: Sequence[Recorded]
    end: int
    more: bool


class Follower(Protocol):
    """A connection of its own, for one thread; what ends a wait may come from any.

    Each call may raise `DatabaseGone` or `DatabaseRefused`; `open` it anew then.
    """

    def open(self) -> None:
        """Connect. What was heard before is forgotten."""

    def listen(self, *, on: bool) -> None:
        """Be told when another has recorded something, from the moment on that this returns."""

    def wait(self, seconds: float) -> bool:
        """Wait for so many seconds at most, until one is told of something, or `wake` is called.

        Whether one was told. It was recorded by then, and so, perhaps, was more.
        """

    def read(self, after: int, before: int | None, known: Collection[int]) -> Piece:
        """The journal between two places, or behind the one, without what is at those known.

        The piece ends before `after` where the journal itself does: it has lost what was there.
        """

    def wake(self) -> None:
        """End a wait."""

    def interrupt(self) -> None:
        """End whatever the server is waited for."""

    def close(self) -> None:
        """Give the connection up."""
