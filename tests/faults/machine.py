"""A machine whose time the test makes: its clocks, and an event loop that goes by them.

The rule this file keeps: time passes only when the test says so, and a timer goes off at its very
moment, unless the process is stopped or the machine suspended then. Nanoseconds, like the system's.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

MS = 1_000_000
LATEST_WALL = 7_258_118_400_000 * MS
"""Of the year 2200, in nanoseconds. Before 1970 no system lets its clock be set."""


class Timer(asyncio.TimerHandle):
    """A call to come, in the loop of a machine."""

    def __init__(self, due: int, callback: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.due = due
        self._call = callback, arguments
        self._off = False

    def cancel(self) -> None:
        """Do not call."""
        self._off = True

    def ring(self) -> None:
        """Call, unless somebody has thought better of it."""
        callback, arguments = self._call
        if not self._off:
            callback(*arguments)


class Machine:
    """Has the functions of `time` that agentd's clock calls, and those of its event loop."""

    def __init__(self, wall_ms: int) -> None:
        self._wall = wall_ms * MS
        self._steady = 123_456 * MS  # counts while the machine is suspended
        self._monotonic = 98_765 * MS  # does not
        self._ready: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._timers: list[tuple[int, int, Timer]] = []
        self._order = itertools.count()

    # Like the module `time`

    def time_ns(self) -> int:
        """What the wall clock says."""
        return self._wall

    def clock_gettime_ns(self, _clock: int) -> int:
        """The clock that nobody can step."""
        return self._steady

    def monotonic_ns(self) -> int:
        """The same without suspension."""
        return self._monotonic

    # Like an event loop

    def call_soon(self, callback: Callable[..., Any], *arguments: Any) -> None:
        """Call in the next turn."""
        self._ready.append((callback, arguments))

    def call_later(self, seconds: float, callback: Callable[..., Any], *arguments: Any) -> Timer:
        """Call when so much time has passed, suspension not counted."""
        timer = Timer(self._monotonic + round(seconds * 1e9), callback, arguments)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        return timer

    def run(self) -> None:
        """Turn the loop until nothing is left to do now."""
        while self._ready or self._is_due(self._monotonic):
            if self._ready:
                callback, arguments = self._ready.popleft()
                callback(*arguments)
            else:
                heapq.heappop(self._timers)[2].ring()

    def end_process(self) -> None:
        """Forget what the process wanted to do."""
        self._ready.clear()
        self._timers.clear()

    # What the test does to it

    def awake(self, ms: int) -> None:
        """Let time pass while the process runs: it does what is due when it is due."""
        end = self._monotonic + ms * MS
        self.run()
        while self._is_due(end):
            self._pass(self._timers[0][0] - self._monotonic)
            self.run()
        self._pass(end - self._monotonic)
        self.run()

    def stopped(self, ms: int) -> None:
        """Let time pass while the process is stopped, or not there."""
        self._pass(ms * MS)

    def suspended(self, ms: int) -> None:
        """Let time pass while the machine sleeps."""
        before = self._monotonic
        self._pass(ms * MS)
        self._monotonic = before

    def step_wall(self, ms: int) -> None:
        """Somebody sets the wall clock."""
        self._wall = min(max(self._wall + ms * MS, 0), LATEST_WALL)

    def _is_due(self, moment: int) -> bool:
        return bool(self._timers) and self._timers[0][0] <= moment

    def _pass(self, nanoseconds: int) -> None:
        self._wall += nanoseconds
        self._steady += nanoseconds
        self._monotonic += nanoseconds
