"""How long something takes, without what it had to wait for a processor that others had.

The rule this file keeps: a promise in seconds is kept or broken by the program, not by what else
the machine does. Linux tells how long each thread has stood in the queue; elsewhere every second
counts.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path


def queued(process_id: int | str) -> float:
    """Seconds that a process's threads have waited for a processor, where Linux tells."""
    waited = 0
    with contextlib.suppress(OSError, LookupError):
        for thread in Path(f"/proc/{process_id}/task").iterdir():
            waited += int((thread / "schedstat").read_text().split()[1])
    return waited / 1e9


class Stopwatch:
    """Runs from its making on, for the test itself and these other processes."""

    def __init__(self, *process_ids: int) -> None:
        self._watched: tuple[int | str, ...] = ("self", *process_ids)
        self._began = time.monotonic()
        self._queued_before = self._queued()

    def _queued(self) -> float:
        return sum(queued(each) for each in self._watched)

    @property
    def in_queues(self) -> float:
        """Seconds since then that were the machine's."""
        return max(self._queued() - self._queued_before, 0.0)

    @property
    def all_seconds(self) -> float:
        """Seconds since then, whoever had them."""
        return time.monotonic() - self._began

    @property
    def seconds(self) -> float:
        """Seconds since then that were the program's."""
        return max(self.all_seconds - self.in_queues, 0.0)
