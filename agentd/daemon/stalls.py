"""Clients that do not read their answers.

The rule this file keeps: an answer waits for a client that reads, be it some 6 KB a second, and not
for one that does not. What counts is progress, not the time that an answer takes; and looks
are counted, not seconds, so that a daemon that was stopped itself cuts nobody off when it goes on.
"""

import asyncio
from collections.abc import Hashable
from typing import Protocol

LOOK_SECONDS = 1.0

LOOKS = 7
"""Looks in a row without progress. An answer comes up to one look before the first of them, so
whoever reads nothing is cut off after 7 to 8 seconds.
"""


class Reader(Hashable, Protocol):
    """Whoever is sent answers."""

    def unsent(self) -> object:
        """What is still to be read; another value each time some of it was. None: nothing."""

    def cut_off(self, seconds: int) -> None:
        """Send it no more; so many seconds went by in vain."""


class Stalls:
    """Looks at clients that have answers to read. Costs nothing while there are none."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._seen: dict[Reader, tuple[object, int]] = {}  # what was unsent, for how many looks
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, reader: Reader) -> None:
        """It was sent something."""
        if reader not in self._seen:
            self._seen[reader] = None, 0
            if self._timer is None:
                self._timer = self._loop.call_later(LOOK_SECONDS, self.look)

    def forget(self, reader: Reader) -> None:
        """It is gone."""
        self._seen.pop(reader, None)

    def look(self) -> None:
        """Cut off whoever has read nothing at so many looks, and look again while there is need."""
        try:
            self._look()
        finally:
            self._timer = self._loop.call_later(LOOK_SECONDS, self.look) if self._seen else None

    def _look(self) -> None:
        for reader, (before, looks) in list(self._seen.items()):
            unsent = reader.unsent()
            if unsent is None:
                del self._seen[reader]
            elif unsent != before:
                self._seen[reader] = unsent, 0
            elif looks + 1 < LOOKS:
                self._seen[reader] = unsent, looks + 1
            else:
                del self._seen[reader]
                reader.cut_off(round(LOOKS * LOOK_SECONDS))
