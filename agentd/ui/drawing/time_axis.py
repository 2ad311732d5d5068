"""The moments that a time axis names.

The rule this file keeps: they are round on the clock of whoever looks, and no more than have room.
"""

from datetime import datetime, tzinfo
from math import ceil
from typing import NamedTuple

_STEPS = (1, 5, 15, 60, 300, 900, 3_600, 3 * 3_600, 6 * 3_600, 86_400, 7 * 86_400, 28 * 86_400)
_MINUTE, _DAY = 60, 86_400


class Tick(NamedTuple):
    """A moment, Unix seconds, and what it is called."""

    at: float
    name: str


def ticks(begin: float, end: float, zone: tzinfo, most: int = 8) -> list[Tick]:
    """Round moments from `begin` to `end`, at most `most` of them and one."""
    span = max(end - begin, 0.0)
    step = next((step for step in _STEPS if span / step <= most), None)
    if step is None:
        step = _DAY * ceil(span / most / _DAY)
    ahead = datetime.fromtimestamp(begin, zone).utcoffset()
    offset = 0.0 if ahead is None else ahead.total_seconds()
    first = ceil((begin + offset) / step) * step - offset
    count = int((end - first) // step) + 1 if first <= end else 0
    return [_tick(first + step * number, step, zone) for number in range(count)]


def _tick(at: float, step: int, zone: tzinfo) -> Tick:
    moment = datetime.fromtimestamp(at, zone)
    is_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    if step >= _DAY or is_midnight:
        return Tick(at, f"{moment:%m-%d}")
    return Tick(at, f"{moment:%H:%M:%S}" if step < _MINUTE else f"{moment:%H:%M}")
