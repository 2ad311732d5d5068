"""The tasks, a line each: how it goes with each of them.

The rule this file keeps: what asks for attention stands first; how far a task has come is said in
signs and numbers, never in colours alone.
"""

from collections.abc import Iterable, Sequence

from agentd.live import TaskRow
from agentd.states import COMPLETED, FAILED, PENDING, RUNNING, TASK_COLOURS
from agentd.task_progress import progress_bar
from agentd.top.fit import fit, fit_right
from agentd.top.lines import Line, Lines, Part

SIGNS = {"ACTIVE": "●", "PAUSED": "‖", "COMPLETED": "✓", "FAILED": "✗", "CANCELLED": "⊘"}
_ORDER = ("FAILED", "ACTIVE", "PAUSED", "COMPLETED", "CANCELLED")
_STATE, _BAR, _WIDE_BAR, _DONE, _NUMBER, _RATE = 11, 8, 20, 11, 4, 6
_WIDE = 100
"""Cells from which on there is room for more."""


class Tasks(Lines[TaskRow | str]):
    """All of them, or those that the filter leaves."""

    empty = "no task: `agentd task register FILE` makes one"

    def heading(self, cells: int) -> Sequence[Part]:
        """What the columns are."""
        return heading(cells)

    def parts(self, item: TaskRow | str, cells: int) -> Sequence[Part]:
        """A task's line, or what is said of those that are not shown."""
        return [(fit(item, cells), "dim")] if isinstance(item, str) else task_line(item, cells)


def heading(cells: int) -> list[Part]:
    """The names of the columns of `task_line`."""
    head = fit("STATE", _STATE) + " " + fit("PROGRESS", _bar_width(cells)) + " "
    head += fit_right("DONE", _DONE) + " " + fit_right("RUN", _NUMBER) + " "
    head += fit_right("FAIL", _NUMBER) + " " + fit_right("/MIN", _RATE) + "  GOAL"
    return [(fit(head, cells), "")]


def task_line(task: TaskRow, cells: int) -> list[Part]:
    """State, progress, how many nodes end in a minute, and the goal, which gets what is left."""
    counts, colour = task.counts, TASK_COLOURS.get(task.state, "")
    running, failed = counts.get(RUNNING.word, 0), counts.get(FAILED.word, 0)
    done = f"{counts.get(COMPLETED.word, 0):,}/{sum(counts.values()):,}"
    parts: list[Part] = [
        (fit(f"{SIGNS.get(task.state, '?')} {task.state}", _STATE) + " ", colour),
        (progress_bar(counts, _bar_width(cells)) + " ", colour),
        (fit_right(done, _DONE) + " ", ""),
        (fit_right(f"{running:,}" if running else "-", _NUMBER) + " ", _colour(running, RUNNING)),
        (fit_right(f"{failed:,}" if failed else "-", _NUMBER) + " ", _colour(failed, FAILED)),
        (fit_right(f"{task.per_minute:,}" if task.per_minute else "-", _RATE) + "  ", ""),
    ]
    taken = _STATE + _bar_width(cells) + _DONE + 2 * _NUMBER + _RATE + 7
    return [*parts, (fit(task.goal, cells - taken), "")]


def task_lines(
    tasks: Iterable[TaskRow], wanted: str, *, has_more: bool
) -> list[Line[TaskRow | str]]:
    """The tasks that the filter leaves: what goes on or failed first, and then the newest."""
    words = wanted.casefold()
    found = [each for each in tasks if not words or _fits(each, words)]
    found.sort(key=_rank)
    lines: list[Line[TaskRow | str]] = [Line(each.id, each) for each in found]
    if has_more:
        lines.append(Line(None, "older tasks are not shown: `agentd top TASK` opens any"))
    return lines


def _fits(task: TaskRow, words: str) -> bool:
    return (
        words in task.goal.casefold() or words in task.state.casefold() or task.id.startswith(words)
    )


def _rank(task: TaskRow) -> int:
    """Those at work first: they change; then what failed, which somebody has to look at."""
    if task.counts.get(RUNNING.word) or task.runnable:
        return 0
    if task.state in ("ACTIVE", "PAUSED") and task.counts.get(PENDING.word):
        return 1
    return 2 + _ORDER.index(task.state) if task.state in _ORDER else len(_ORDER) + 2


def _bar_width(cells: int) -> int:
    return _WIDE_BAR if cells >= _WIDE else _BAR


def _colour(number: int, state: object) -> str:
    return str(getattr(state, "colour", "")) if number else ""
