"""Limits, and locks that are held: what is shared, who has it, and what waits for it.

The rule this file keeps: a limit that is closed or full says so in a word.
"""

from collections.abc import Iterable, Sequence
from time import time

from agentd.api import LimitView, ResourceLockView
from agentd.label import SHORTEST_ID
from agentd.times import format_duration, format_moment
from agentd.top.fit import fit, fit_right
from agentd.top.lines import Line, Lines, Part

_STATE, _NUMBER, _SINCE, _END = 9, 9, 7, 15
_LEAST = 10


class Limits(Lines[LimitView | ResourceLockView | str]):
    """The limits by name, and below them the locks by key."""

    empty = "no limit is set, and no lock is held"

    def heading(self, cells: int) -> Sequence[Part]:
        """What the columns of limits are."""
        name, rest = _widths(cells)
        head = f"{fit('STATE', _STATE)} {fit('LIMIT', name)} {fit_right('RUNNING', _NUMBER)} "
        head += f"{fit_right('WAITING', _NUMBER)}  {fit('RATE, OR WHY CLOSED', rest)}"
        return [(fit(head, cells), "")]

    def parts(self, item: LimitView | ResourceLockView | str, cells: int) -> Sequence[Part]:
        """A limit, a lock, or the heading of the locks."""
        if isinstance(item, LimitView):
            return limit_line(item, cells)
        if isinstance(item, ResourceLockView):
            return lock_line(item, cells)
        return lock_heading(cells) if item else [("", "")]


def limit_lines(
    limits: Iterable[LimitView], locks: Iterable[ResourceLockView], wanted: str
) -> list[Line[LimitView | ResourceLockView | str]]:
    """All that the filter leaves."""
    words = wanted.casefold()
    lines: list[Line[LimitView | ResourceLockView | str]] = [
        Line(f"limit {each.name}", each) for each in limits if words in each.name.casefold()
    ]
    held = [
        each
        for each in locks
        if words in each.resource_key.casefold() or words in each.owner.casefold()
    ]
    if held:
        lines += [Line(None, ""), Line(None, "locks")] if lines else [Line(None, "locks")]
    for each in held:
        lines.append(Line(f"lock {each.resource_key} {each.lease_id}", each))
    return lines


def limit_line(limit: LimitView, cells: int, now: float | None = None) -> list[Part]:
    """Whether it is open, how full it is, and what waits for it."""
    name, rest = _widths(cells)
    word, colour, why = _state(limit, time() if now is None else now)
    most = "any" if limit.max_running is None else f"{limit.max_running:,}"
    return [
        (fit(word, _STATE) + " ", colour),
        (fit(limit.name, name) + " ", ""),
        (fit_right(f"{limit.running:,}/{most}", _NUMBER) + " ", ""),
        (fit_right(f"{limit.waiting:,}" if limit.waiting else "-", _NUMBER) + "  ", ""),
        (fit(why, rest), "dim"),
    ]


def lock_heading(cells: int) -> list[Part]:
    """The names of the columns of `lock_line`."""
    key, owner = _lock_widths(cells)
    head = f"{fit('MODE', _STATE)} {fit('LOCK', key)} {fit('OWNER', owner)} "
    return [(fit(f"{head}{fit_right('SINCE', _SINCE)}  {fit('UNTIL', _END)}", cells), "bold")]


def lock_line(lock: ResourceLockView, cells: int, now: float | None = None) -> list[Part]:
    """Who holds it, since when, and until when; or with which node."""
    key, owner = _lock_widths(cells)
    since = format_duration(int((time() if now is None else now) - lock.acquired_at))
    end = format_moment(lock.lease_expires_at)
    until = f"{end} {lock.node_id[-SHORTEST_ID:]}" if lock.node_id else end
    return [
        (fit(lock.mode, _STATE) + " ", ""),
        (fit(lock.resource_key, key) + " ", ""),
        (fit(lock.owner, owner) + " ", ""),
        (fit_right(since, _SINCE) + "  ", "dim"),
        (fit(until, _END), "dim"),
    ]


def _state(limit: LimitView, now: float) -> tuple[str, str, str]:
    """Its word, the colour of that, and what else there is to say."""
    rate = "" if limit.rate is None else f"{limit.rate.count:,} in {limit.rate.per_secs:g} s"
    if limit.closed_until is not None and limit.closed_until > now:
        left = f"{format_duration(int(limit.closed_until - now))} left"
        return "⊘ closed", "magenta", ": ".join(filter(None, (left, limit.reason)))
    if limit.max_running is not None and limit.running >= limit.max_running:
        return "■ full", "yellow", rate
    return "○ open", "", rate


def _widths(cells: int) -> tuple[int, int]:
    free = max(cells - _STATE - 2 * _NUMBER - 5, 0)
    name = max(free // 2, _LEAST)
    return name, max(free - name, 0)


def _lock_widths(cells: int) -> tuple[int, int]:
    free = max(cells - _STATE - _SINCE - _END - 5, 0)
    key = max(free * 2 // 3, _LEAST)
    return key, max(free - key, 0)
