"""A timer that goes off again and again.

The rule this file keeps: it goes on where what it calls has failed.
"""

import asyncio
from collections.abc import Callable


class PeriodicTimer:
    """Calls `work` every so many seconds, from `start` until `stop`."""

    def __init__(self, seconds: float, work: Callable[[], None]) -> None:
        self._seconds = seconds
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Call for the first time after so many seconds."""
        self._handle = self._loop.call_later(self._seconds, self._go_off)

    def stop(self) -> None:
        """Call no more."""
        if self._handle is not None:
            self._handle.cancel()

    def _go_off(self) -> None:
        try:
            self._work()
        finally:
            self.start()
