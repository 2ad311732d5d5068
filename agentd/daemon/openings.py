"""When the next limit opens: one that was closed for a while, or whose rate was full.

The rule this file keeps: nothing is written then, and nothing is decided. Those who wait for work
look again. Where other daemons write to the database as well, it is looked for once a second.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from agentd.daemon.clock import Clock
from agentd.daemon.log import FAILURES_SECONDS, RateLimitedLog
from agentd.daemon.looks import Looks
from agentd.errors import StorageError
from agentd.events import OPENS_LIMITS, NodeAcquired
from agentd.journal import Recorded
from agentd.store import Reader

LONGEST_SLEEP_SECONDS = 1.0
"""The loop's timers stand still while the machine is suspended, so none is set for long."""


class _Found(NamedTuple):
    """When the next limit opens, if one does (Unix ms), and which have a rate."""

    next: int | None
    rated: frozenset[str]


class Openings:
    """Sleeps until the next moment at which a limit opens."""

    def __init__(self, looks: Looks, clock: Clock, wake: Callable[[], None]) -> None:
        """`wake` is called when a limit has opened."""
        self._looks = looks
        self._clock = clock
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self.next: int | None = None
        """When the next one opens (Unix ms), as far as is known."""
        self._rated: frozenset[str] = frozenset()
        self._is_looking = False
        self._look_again: int | None = None  # at that moment, when the look is over
        self._timer: asyncio.TimerHandle | None = None
        self._failures = RateLimitedLog(FAILURES_SECONDS)
        self._look(clock.now())  # what an earlier daemon left closed, or full

    def committed(self, recorded: Sequence[Recorded]) -> None:
        """Look when the next one opens, where a rate has counted one more or a limit changed."""
        for each in recorded:
            event = each.event
            if isinstance(event, NodeAcquired):
                changes = not self._rated.isdisjoint(event.limits)
            else:
                changes = type(event) in OPENS_LIMITS
            if changes:
                self._look(each.at)
                return

    def stop(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, at: int) -> None:
        """Sleep until the next one opens after that moment, if there is one.

        One that had opened by then is told first: its timer is late, and will not go off. Whoever
        is in the same commit has looked at that moment too, however late it is now.
        """
        if self.next is not None and self.next <= at:
            self.next = None
            self._wake()
        if self._is_looking:
            self._look_again = at
            return
        self._is_looking = True
        self._looks.ask(partial(_find, at), self._take, partial(self._fail, at))

    def _take(self, found: _Found) -> None:
        self.next, self._rated = found
        self._end_look()

    def _fail(self, at: int, error: StorageError) -> None:
        self._failures.failure("cannot look when a limit opens: %s", error)
        self.next = at + round(LONGEST_SLEEP_SECONDS * 1000)
        self._end_look()

    def _end_look(self) -> None:
        self._is_looking = False
        again, self._look_again = self._look_again, None
        if again is None:
            self._sleep()
        else:
            self._look(again)

    def _sleep(self) -> None:
        self.stop()
        seconds = LONGEST_SLEEP_SECONDS
        if self.next is not None:
            seconds = min(max(self.next - self._clock.now(), 0) / 1000, seconds)
        if self.next is not None or self._looks.is_shared:
            self._timer = self._loop.call_later(seconds, self._look_up)

    def _look_up(self) -> None:
        now = self._clock.now()
        if not self._looks.is_shared and (self.next is None or now < self.next):
            self._sleep()
        else:
            self._look(now)


def _find(at: int, reader: Reader) -> _Found:
    return _Found(reader.next_opening(at), frozenset(reader.rated_limits()))
