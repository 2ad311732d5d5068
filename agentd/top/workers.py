"""Who waits for work, and who held some lately.

The rule this file keeps: who is there stands above who has gone.
"""

from collections.abc import Iterable, Sequence
from time import time

from agentd.api import WorkerView
from agentd.times import format_duration
from agentd.top.fit import fit, fit_right
from agentd.top.lines import Line, Lines, Part

_STATE, _NUMBER, _SEEN = 9, 7, 10


class Workers(Lines[WorkerView]):
    """A line each."""

    empty = "nobody waits for work, and nobody held any in the last 10 minutes"

    def heading(self, cells: int) -> Sequence[Part]:
        """What the columns are."""
        owner, labels = _widths(cells)
        head = f"{fit('STATE', _STATE)} {fit('OWNER', owner)} {fit_right('HOLDING', _NUMBER)} "
        head += f"{fit_right('WAITING', _NUMBER)} {fit_right('SEEN', _SEEN)}  "
        return [(fit(head + fit("LABELS", labels), cells), "")]

    def parts(self, item: WorkerView, cells: int) -> Sequence[Part]:
        """An owner of leases."""
        return worker_line(item, cells)


def worker_lines(workers: Iterable[WorkerView], wanted: str) -> list[Line[WorkerView]]:
    """Those that the filter leaves: at work, waiting, and gone, the newest first."""
    words = wanted.casefold()
    found = [
        each
        for each in workers
        if any(words in text.casefold() for text in (each.owner, *each.labels))
    ]
    found.sort(key=lambda each: (not each.holding, not each.waiting, -each.last_seen))
    return [Line(each.owner, each) for each in found]


def worker_line(worker: WorkerView, cells: int, now: float | None = None) -> list[Part]:
    """What it holds, how many of its requests wait, when it was seen, and what it offers."""
    owner, labels = _widths(cells)
    state, colour = ("● works", "yellow") if worker.holding else ("○ gone", "dim")
    if worker.waiting and not worker.holding:
        state, colour = "◎ waits", "cyan"
    ago = format_duration(int((time() if now is None else now) - worker.last_seen))
    return [
        (fit(state, _STATE) + " ", colour),
        (fit(worker.owner, owner) + " ", ""),
        (fit_right(f"{worker.holding:,}" if worker.holding else "-", _NUMBER) + " ", ""),
        (fit_right(f"{worker.waiting:,}" if worker.waiting else "-", _NUMBER) + " ", ""),
        (fit_right(f"{ago} ago", _SEEN) + "  ", "dim"),
        (fit(", ".join(worker.labels), labels), "dim"),
    ]


def _widths(cells: int) -> tuple[int, int]:
    free = max(cells - _STATE - 2 * _NUMBER - _SEEN - 7, 0)
    owner = max(free * 2 // 3, 10)
    return owner, max(free - owner, 0)
