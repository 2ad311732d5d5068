"""The processors' time, and how much of it went to others than this test and its processes.

The rule this file keeps: a moment that the test has to keep is charged with the test's own work
only. On a machine that does something else beside, everything takes longer by what that takes.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
IDLE = slice(3, 5)
"""Of the first line of /proc/stat: idle, and waiting for a disk (proc(5))."""


class Processors:
    """Counts from its making on. `living` are children that have not been waited for."""

    def __init__(self) -> None:
        self._busy = _busy()
        self._own = _own([])

    def lost_to_others(self, living: list[int]) -> float:
        """Return by how many seconds others have held everything up, 0 where nobody can tell."""
        others = (_busy() - self._busy) - (_own(living) - self._own)
        return max(others, 0.0) / (os.cpu_count() or 1)


def _busy() -> float:
    """Seconds of all processors, whoever used them."""
    try:
        line = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:  # not Linux
        return 0.0
    ticks = [int(word) for word in line.split()[1:9]]
    return (sum(ticks) - sum(ticks[IDLE])) / TICKS


def _own(living: list[int]) -> float:
    """Seconds that this process and its children have used."""
    ended = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ticks = 0
    for process_id in living:
        words = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return sum(each.ru_utime + each.ru_stime for each in ended) + ticks / TICKS
