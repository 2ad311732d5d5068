"""The daemon's one clock and its source of ids.

The rule this file keeps: while the daemon runs, stepping the wall clock changes no lease. Time is
wall time at the start plus what a clock that nobody can step has counted since: CLOCK_BOOTTIME,
which also counts while the machine is suspended (clock_gettime(2)), or the monotonic clock where it
is missing. Where several daemons share a database, its server's moment stands in for wall time, so
that all of them have one clock.
"""

import os
import time
from collections.abc import Iterator
from functools import lru_cache

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_DRAWN_AT_ONCE = 128
"""Ids whose random bits are drawn together."""


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

    @staticmethod
    def new_id() -> str:
        """A fresh id, see `new_id`."""
        return new_id()

    def suspended_ms(self) -> int:
        """For how many milliseconds the machine has been suspended since this clock began."""
        passed = time.clock_gettime_ns(_STEADY) - self._steady
        return (passed - (time.monotonic_ns() - self._running)) // 1_000_000


class ServerClock(Clock):
    """The server's clock: the moment that it told last, and what the steady clock counted since.

    From any thread. This machine's wall clock has no part in it, however wrong it is.
    """

    def __init__(self) -> None:
        """The server tells its moment first of all, when the database is opened."""
        self._steady = time.clock_gettime_ns(_STEADY)
        self._running = time.monotonic_ns()
        self._noted: tuple[int, int] | None = None  # put in place whole: threads read it

    def note_moment(self, server_ms: int) -> None:
        """The server's moment is this (Unix milliseconds), no earlier than the journal's last one.

        Until the next one, and so for the length of the transaction that asked, the clock does not
        go back behind it.
        """
        self._noted = server_ms, time.clock_gettime_ns(_STEADY)

    def now(self) -> int:
        """See `Clock.now`. Raises `RuntimeError` where no moment was noted."""
        noted = self._noted
        if noted is None:
            raise RuntimeError("the server has not told its moment")
        server_ms, steady = noted
        return server_ms + (time.clock_gettime_ns(_STEADY) - steady) // 1_000_000

    def new_id(self) -> str:  # type: ignore[override] # the moment is this clock's own
        """A fresh id, of the server's moment."""
        return f"{_moment(self.now())}-{_next_random()}"


def wall() -> int:
    """What the wall clock says, in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A fresh UUID of version 7 (RFC 9562): ids made together lie together in an index."""
    return f"{_moment(wall())}-{_next_random()}"


@lru_cache(maxsize=1)  # several ids are made in most milliseconds
def _moment(at: int) -> str:
    """How the ids of this millisecond begin."""
    digits = f"{at:012x}"
    return f"{digits[:8]}-{digits[8:]}"


def _random_parts() -> Iterator[str]:
    """What follows the moment: 72 bits, drawn for many ids at once, as a draw is a system call.

    For one thread only, as any generator: the writer makes all ids, on whatever thread it runs.
    """
    while True:
        drawn = os.urandom(9 * _DRAWN_AT_ONCE).hex()
        yield from [
            f"7{drawn[at : at + 3]}-8{drawn[at + 3 : at + 6]}-{drawn[at + 6 : at + 18]}"
            for at in range(0, len(drawn), 18)
        ]


_next_random = _random_parts().__next__
