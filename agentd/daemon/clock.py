"""The daemon's one clock and its source of ids.

The rule this file keeps: while the daemon runs, stepping the wall clock changes no lease. Time is
wall time at the start plus what a clock that nobody can step has counted since: CLOCK_BOOTTIME,
which also counts while the machine is suspended (clock_gettime(2)), or the monotonic clock where it
is missing.
"""

import os
import time

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """Unix milliseconds that only go forward."""

    def __init__(self, not_before: int = 0) -> None:
        """Anchor to wall time, or to `not_before` (the journal's last moment) if that is later."""
        self._anchor = max(wall(), not_before)
        self._steady = time.clock_gettime_ns(_STEADY)
        self._running = time.monotonic_ns()

    def now(self) -> int:
        """The moment, in Unix milliseconds."""
        return self._anchor + (time.clock_gettime_ns(_STEADY) - self._steady) // 1_000_000

    def suspended_ms(self) -> int:
        """For how many milliseconds the machine has been suspended since this clock began."""
        passed = time.clock_gettime_ns(_STEADY) - self._steady
        return (passed - (time.monotonic_ns() - self._running)) // 1_000_000


def wall() -> int:
    """What the wall clock says, in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A fresh UUID of version 7 (RFC 9562): ids made together lie together in an index."""
    at, random = f"{wall():012x}", os.urandom(9).hex()
    return f"{at[:8]}-{at[8:]}-7{random[:3]}-8{random[3:6]}-{random[6:]}"
