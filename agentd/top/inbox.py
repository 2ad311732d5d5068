"""What waits for a person.

The rule this file keeps: whatever is here, a key takes it out, or the command below it does.
"""

from collections.abc import Iterable, Sequence
from time import time

from agentd.inbox.waiting import Waiting
from agentd.label import SHORTEST_ID
from agentd.states import BLOCKED, FAILED, GATE, RUNNING
from agentd.times import format_duration
from agentd.top.fit import fit, fit_right
from agentd.top.lines import Line, Lines, Part

_SIGNS = {
    "gate": (GATE.sign, GATE.colour),
    "budget": ("$", RUNNING.colour),
    "failed": (FAILED.sign, FAILED.colour),
    "limit": (BLOCKED.sign, BLOCKED.colour),
}
_KIND, _SINCE = 8, 7
_INDENT = " " * (_KIND + 1)


class Inbox(Lines[Waiting | str]):
    """The most urgent first, two lines each."""

    empty = "nothing waits for you"

    def heading(self, cells: int) -> Sequence[Part]:
        """What the columns are."""
        head = f"{fit('WHAT', _KIND)} {fit_right('SINCE', _SINCE)}  WHICH"
        return [(fit(head, cells), "")]

    def parts(self, item: Waiting | str, cells: int) -> Sequence[Part]:
        """What it is, or what is said of it."""
        if isinstance(item, str):
            return [(_INDENT, ""), (fit(item, cells - len(_INDENT)), "")]
        return waiting_line(item, cells)


def waiting_lines(waiting: Iterable[Waiting], wanted: str) -> list[Line[Waiting | str]]:
    """All that the filter leaves."""
    words = wanted.casefold()
    lines: list[Line[Waiting | str]] = []
    for each in waiting:
        told = (each.kind, each.name or "", each.goal or "", each.text)
        if any(words in text.casefold() for text in told):
            key = f"{each.kind} {each.task_id} {each.node_id} {each.name}"
            lines += [Line(key, each), Line(None, each.text)]
    return lines


def waiting_line(each: Waiting, cells: int, now: float | None = None) -> list[Part]:
    """Its kind, since when, and what it is about."""
    sign, colour = _SIGNS.get(each.kind, ("?", ""))
    moment = time() if now is None else now
    since = "" if each.since is None else format_duration(int(moment - each.since))
    left = "" if each.until is None else f" ({format_duration(int(each.until - moment))} left)"
    name = each.name or (each.node_id or "")[-SHORTEST_ID:]
    half = max(cells - _KIND - _SINCE - 3, 0) // 2
    about = ": ".join(filter(None, (name[:cells], each.goal and each.goal[:cells])))
    return [
        (fit(f"{sign} {each.kind}", _KIND) + " ", colour),
        (fit_right(since, _SINCE) + "  ", "dim"),
        (fit(about, max(cells - _KIND - _SINCE - 3 - len(left), half)) + left, "bold"),
    ]
