"""The end of a server: everything is given back, and the process is gone, always.

The rule this file keeps: nothing that may be stuck is waited for: no thread that reads, no pipe
that is full, no daemon that is silent. Whoever notices the end first begins it.
"""

import logging
import os
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)

LONGEST_SECS = 3.0
"""Seconds from the begin of the end to the end."""


class Ending:
    """`give_back` gives back what is held, and may take its time; `leave` ends the process."""

    def __init__(
        self,
        give_back: Callable[[], None],
        leave: Callable[[], None] = lambda: os._exit(0),
        longest_secs: float = LONGEST_SECS,
    ) -> None:
        self._give_back = give_back
        self._leave = leave
        self._longest_secs = longest_secs
        self._lock = threading.Lock()
        self.has_begun = threading.Event()

    def begin(self) -> None:
        """Begin the end, from any thread or a signal; a second call changes nothing."""
        # A signal may come while this very thread holds the lock.
        if self.has_begun.is_set() or not self._lock.acquire(blocking=False):
            return
        self.has_begun.set()
        try:
            for target in (self._leave_in_time, self._give_back_and_leave):
                threading.Thread(target=target, daemon=True).start()
        except RuntimeError:  # the user has no thread left
            self._leave()

    def _give_back_and_leave(self) -> None:
        try:
            self._give_back()
        except Exception:  # noqa: BLE001 - whatever it is, the process ends
            _log.exception("what was held could not be given back, and ends by itself")
        finally:
            self._leave()

    def _leave_in_time(self) -> None:
        threading.Event().wait(self._longest_secs)
        self._leave()
