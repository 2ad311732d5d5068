"""Clients that do not read their answers.

The rule this file keeps: an answer waits for a client that reads, be it some 6 KB a second, and not
for one that does not. What counts is progress, not the time that an answer takes; and looks
are counted, not seconds, so that a daemon that was stopped itself cuts nobody off when it goes on.
Where such answers take so much room that others wait for it, there is less patience.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import NamedTuple, Protocol

LOOK_SECONDS = 1.0

LOOKS = 7
"""Looks in a row without progress. An answer comes up to one look before the first of them, so
whoever reads nothing is cut off after 7 to 8 seconds.
"""


LOOKS_IN_A_HURRY = 2
"""The same where room is tight: whoever reads nothing is cut off after 2 to 3 seconds."""

MOST_LOOKS_IN_A_HURRY = 30
"""Looks that found something unsent, each time, until a slow client is cut off in a hurry, too."""


class WatchedClient(Hashable, Protocol):
    """Whoever is sent answers."""

    def unsent(self) -> object:
        """What is still to be read; another value each time some of it was. None: nothing."""

    def cut_off(self, seconds: int) -> None:
        """Send it no more; so many seconds went by in vain."""


class _Seen(NamedTuple):
    """What was unsent, at how many looks it was the same before, and how many looks there were."""

    unsent: object = None
    same: int = 0
    looks: int = 0


class StallDetector:
    """Looks at clients that have answers to read. Costs nothing while there are none."""

    def __init__(self, is_tight: Callable[[], bool] = bool) -> None:
        """`is_tight` says whether there is reason to hurry."""
        self._is_tight = is_tight
        self._loop = asyncio.get_running_loop()
        self._seen: dict[WatchedClient, _Seen] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, reader: WatchedClient) -> None:
        """It was sent something."""
        if reader not in self._seen:
            self._seen[reader] = _Seen()
            if self._timer is None:
                self._timer = self._loop.call_later(LOOK_SECONDS, self.look)

    def forget(self, reader: WatchedClient) -> None:
        """It is gone."""
        self._seen.pop(reader, None)

    def look(self) -> None:
        """Cut off whoever has read nothing at so many looks, and look again while there is need."""
        try:
            self._look()
        finally:
            self._timer = self._loop.call_later(LOOK_SECONDS, self.look) if self._seen else None

    def _look(self) -> None:
        for reader, before in list(self._seen.items()):
            unsent = reader.unsent()
            if unsent is None:
                del self._seen[reader]
                continue
            same = before.same + 1 if unsent == before.unsent else 0
            self._seen[reader] = now = _Seen(unsent, same, before.looks + 1)
            if self._is_over(now):
                del self._seen[reader]
                reader.cut_off(now.looks if same < LOOKS_IN_A_HURRY else same)

    def _is_over(self, seen: _Seen) -> bool:
        in_a_hurry = seen.same >= LOOKS_IN_A_HURRY or seen.looks > MOST_LOOKS_IN_A_HURRY
        return seen.same >= LOOKS or (in_a_hurry and self._is_tight())
