"""When the next limit opens: one that was closed for a while, or whose rate was full.

The rule this file keeps: nothing is written then, and nothing is decided. Those who wait for work
look again.
"""

import asyncio
from collections.abc import Callable, Sequence

from agentd.daemon.clock import Clock
from agentd.daemon.log import FAILURES_SECONDS, RateLimitedLog
from agentd.errors import StorageError
from agentd.events import OPENS_LIMITS, NodeAcquired
from agentd.journal import Recorded
from agentd.store import Store

LONGEST_SLEEP_SECONDS = 1.0
"""The loop's timers stand still while the machine is suspended, so none is set for long."""


class Openings:
    """Sleeps until the next moment at which a limit opens."""

    def __init__(self, store: Store, clock: Clock, wake: Callable[[], None]) -> None:
        """`wake` is called when a limit has opened."""
        self._store = store
        self._clock = clock
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._next: int | None = None  # Unix milliseconds
        self._rated: frozenset[str] = frozenset()
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
        if self._next is not None and self._next <= at:
            self._wake()
        try:
            with self._store.read() as reader:
                self._next = reader.next_opening(at)
                self._rated = frozenset(reader.rated_limits())
        except StorageError as error:
            self._failures.error("cannot look when a limit opens: %s", error)
            self._next = at + round(LONGEST_SLEEP_SECONDS * 1000)
        self._sleep()

    def _sleep(self) -> None:
        self.stop()
        if self._next is not None:
            seconds = max(self._next - self._clock.now(), 0) / 1000
            self._timer = self._loop.call_later(min(seconds, LONGEST_SLEEP_SECONDS), self._look_up)

    def _look_up(self) -> None:
        now = self._clock.now()
        if self._next is None or now < self._next:
            self._sleep()
        else:
            self._look(now)
