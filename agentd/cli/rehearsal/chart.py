"""Who worked when, in characters: a line for each worker, a column for each piece of the time.

The rule this file keeps: what was and what would have been are drawn to the same scale, so that one
sees which ends first. What has no room is counted.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from agentd.rehearsal.figures import Span
from agentd.times import format_seconds
from agentd.top.fit import fit

FULL, PART, IDLE, LOST = "█", "▒", "·", "✗"
"""Busy all the time of the column, some of it, none of it; and busy with what came to nothing."""

LEGEND = f"{FULL} at work  {PART} partly  {LOST} in vain  {IDLE} without work"

_NAME = 12
_MOST_LINES = 12
_IN_VAIN = frozenset({"failed", "expired", "timed_out"})
_LEAST_COLUMNS = 10


def draw(
    spans: Sequence[Span], owners: Mapping[int, str], begin: int, end: int, width: int
) -> list[str]:
    """The lines of one chart, from `begin` to `end` (Unix milliseconds), `width` columns wide.

    The busiest workers have a line each.
    """
    columns = max(width - _NAME - 1, _LEAST_COLUMNS)
    of_worker: defaultdict[int, list[Span]] = defaultdict(list)
    for span in spans:
        of_worker[span.worker].append(span)
    busy = {number: sum(_until(s, end) - s.begin for s in of_worker[number]) for number in owners}
    shown = sorted(sorted(owners, key=lambda number: (-busy[number], number))[:_MOST_LINES])
    lines = [
        f"{fit(owners[number], _NAME)} {_line(of_worker[number], begin, end, columns)}"
        for number in shown
    ]
    if more := len(owners) - len(shown):
        lines.append(f"and {more:,} more, who worked less")
    return lines


def axis(begin: int, end: int, width: int) -> str:
    """How long all of it takes, under the lines."""
    columns = max(width - _NAME - 1, _LEAST_COLUMNS)
    told = format_seconds(round((end - begin) / 1000))
    return f"{'':{_NAME}} 0{told:>{columns - 1}}"


def _line(spans: Sequence[Span], begin: int, end: int, columns: int) -> str:
    busy, vain = [0.0] * columns, [0.0] * columns
    piece = max((end - begin) / columns, 1e-9)
    for span in spans:
        first, last = (span.begin - begin) / piece, (_until(span, end) - begin) / piece
        for column in range(int(max(first, 0)), min(int(last) + 1, columns)):
            share = min(last, column + 1) - max(first, column)
            busy[column] += share
            if span.how in _IN_VAIN:
                vain[column] += share
    return "".join(map(_sign, busy, vain))


def _sign(busy: float, vain: float) -> str:
    if busy < 0.05:  # noqa: PLR2004 - nothing to be seen
        return IDLE
    if vain > busy / 2:
        return LOST
    return FULL if busy > 0.9 else PART  # noqa: PLR2004 - as good as all


def _until(span: Span, end: int) -> int:
    return end if span.end is None else min(span.end, end)
