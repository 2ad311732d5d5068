"""A network that loses, breaks and delays by chance.

The rule this file keeps: chance comes from the generator that it is given and from nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from random import Random


class Fate(NamedTuple):
    """What befalls some bytes on their way."""

    wait_seconds: float = 0.0
    cut_at: int | None = None
    """How many of them still arrive before the connection is cut; None: it is not."""
    resets: bool = False


class Storm:
    """Shares of all pieces of bytes that something befalls, and of all COMMITs of writers."""

    def __init__(
        self,
        chance: Random,
        *,
        cut: float = 0.0,
        delay: float = 0.0,
        commit: float = 0.0,
        answer: float = 0.0,
        longest_delay_seconds: float = 0.01,
    ) -> None:
        self.cut = cut
        self.delay = delay
        self.commit = commit
        """A COMMIT does not reach the server."""
        self.answer = answer
        """A COMMIT is done, its answer does not reach the client."""
        self.longest_delay_seconds = longest_delay_seconds
        self.chance = chance

    def fate(self, size: int) -> Fate:
        """Of the next `size` bytes."""
        drawn = self.chance.random()
        if drawn < self.cut:
            at = self.chance.randint(0, size)
            return Fate(cut_at=at, resets=self.chance.random() < 0.5)
        if drawn < self.cut + self.delay:
            return Fate(self.chance.random() * self.longest_delay_seconds)
        return Fate()

    def happens(self, share: float) -> bool:
        """Whether something befalls this one."""
        return self.chance.random() < share
