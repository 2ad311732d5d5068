"""Rule: growth is judged within the daemon's last life, which is by far the longest.

Compared are the medians of the first and the last tenth of that life, its first minute left out:
caches fill then. Nothing but the journal may grow: memory by no more than 5 MB, a call's p99 by no
more than half, the WAL stays below 64 MB, and an event takes as much room as it did.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec

from benchmarks.soak.hand import Line
from benchmarks.soak.watch import MEGABYTE, Sample
from benchmarks.stats import median, percentile

Item = TypeVar("Item")

WARM_UP_SECONDS = 60.0
INTERVAL_SECONDS = 15.0
MOST_WAL = 64.0
MOST_GROWTH = 5.0


class Finding(msgspec.Struct, frozen=True):
    """One line of the table: the value at the start and at the end, and what it had to be."""

    what: str
    start: float
    end: float
    unit: str
    bar: str
    kept: bool


def judge(samples: Sequence[Sample], p99s: Sequence[tuple[float, float]]) -> list[Finding]:
    """The table of a soak, from its samples and its (moment, p99 in milliseconds)."""
    life = _last_life(samples)
    began, ended = life[0].moment, life[-1].moment
    first, last = _tenths(life, lambda sample: sample.moment)
    calls = [p99 for p99 in p99s if began <= p99[0] <= ended]
    early, late = _tenths(calls, lambda p99: p99[0])
    resident = _medians(first, last, lambda sample: sample.resident)
    p99 = _medians(early, late, lambda each: each[1])
    room = _bytes_per_event(life)
    wal = max(sample.wal for sample in samples)
    return [
        Finding("memory", *resident, "MB", "<= +5 MB", resident[1] <= resident[0] + MOST_GROWTH),
        Finding("p99 of a call", *p99, "ms", "<= 1.5x", p99[1] <= 1.5 * p99[0]),
        Finding("WAL, largest", life[0].wal, wal, "MB", "<= 64 MB", wal <= MOST_WAL),
        Finding("room of an event", *room, "bytes", "<= 1.1x", room[1] <= 1.1 * room[0]),
        Finding("journal", samples[0].events, samples[-1].events, "events", "grows", kept=True),
        Finding("database", samples[0].database, samples[-1].database, "MB", "grows", kept=True),
    ]


def p99_by_interval(lines: Sequence[Line]) -> list[tuple[float, float]]:
    """The moment and the p99 in milliseconds of every interval that had calls."""
    found: dict[int, list[int]] = {}
    for line in lines:
        found.setdefault(int(line.moment // INTERVAL_SECONDS), []).extend(line.micros)
    return [
        ((interval + 0.5) * INTERVAL_SECONDS, percentile(sorted(micros), 99) / 1e3)
        for interval, micros in sorted(found.items())
        if micros
    ]


def _last_life(samples: Sequence[Sample]) -> list[Sample]:
    life = [sample for sample in samples if sample.life == samples[-1].life]
    warm = [sample for sample in life if sample.moment > life[0].moment + WARM_UP_SECONDS]
    return warm if len(warm) > len(life) // 2 else life


def _tenths(
    items: Sequence[Item], moment: Callable[[Item], float]
) -> tuple[list[Item], list[Item]]:
    began, ended = moment(items[0]), moment(items[-1])
    tenth = (ended - began) / 10
    return (
        [item for item in items if moment(item) <= began + tenth],
        [item for item in items if moment(item) >= ended - tenth],
    )


def _medians(
    first: Sequence[Item], last: Sequence[Item], value: Callable[[Item], float]
) -> tuple[float, float]:
    return median(map(value, first)), median(map(value, last))


def _bytes_per_event(life: Sequence[Sample]) -> tuple[float, float]:
    """In the first and in the second half: the file grows in steps, when the WAL is copied."""
    halves = pairwise([life[0], life[len(life) // 2], life[-1]])
    first, second = (
        (after.database - before.database) * MEGABYTE / max(after.events - before.events, 1)
        for before, after in halves
    )
    return first, second
