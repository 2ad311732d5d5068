"""Rule: what is spent is counted between the barriers, for those who serve apart from who asks.

Processor time of daemons, and of a PostgreSQL server with all its processes, those that have ended
included.
"""

import os
from collections.abc import Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat, counted from behind the name: the parent's pid, and the ticks in user
# and in system mode, of the process and of those of its children that have ended.
PARENT, OWN, WITH_ENDED = 1, slice(11, 13), slice(11, 15)


class Meter:
    """Looks at daemons and a server; the seconds are those between the first and the last look."""

    def __init__(self, daemons: Sequence[int], server: int) -> None:
        self._pids = daemons
        self._server = server
        self._looks: list[tuple[float, float]] = []

    def look(self) -> None:
        """Read what has been spent so far."""
        own = sum(_ticks(_stat(pid), OWN) for pid in self._pids) / TICKS
        self._looks.append((own, _of_family(self._server) / TICKS))

    @property
    def daemons(self) -> float:
        """The seconds that the daemons took."""
        return self._looks[-1][0] - self._looks[0][0]

    @property
    def server(self) -> float:
        """The seconds that the server took."""
        return self._looks[-1][1] - self._looks[0][1]


def _of_family(pid: int) -> int:
    children = [stat for stat in _all_stats() if int(stat[PARENT]) == pid]
    return _ticks(_stat(pid), WITH_ENDED) + sum(_ticks(stat, OWN) for stat in children)


def _all_stats() -> list[list[str]]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [stat for pid in pids if (stat := _stat(pid))]


def _stat(pid: int) -> list[str]:
    """Return the fields behind the name, none where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ticks(stat: Sequence[str], fields: slice) -> int:
    return sum(map(int, stat[fields]))
