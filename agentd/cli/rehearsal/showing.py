"""A rehearsal as it is shown: the figures side by side, who worked when, and what is assumed."""

import sys
from collections.abc import Callable, Iterator
from textwrap import wrap
from typing import NamedTuple

from agentd.cli.rehearsal.chart import FULL, IDLE, LEGEND, LOST, PART, axis, draw
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_table
from agentd.quantities import format_amount, format_count, format_nodes
from agentd.rehearsal import Figures, Rehearsal
from agentd.times import format_moment, format_seconds

_PIPE_COLUMNS = 80
_MOST_COLUMNS = 120
_ASCII = str.maketrans({FULL: "#", PART: "+", IDLE: ".", LOST: "x", "…": "~"})


class _Row(NamedTuple):
    name: str
    """What programs call it."""

    title: str
    value: Callable[[Figures], float]
    form: Callable[[float], str]


def _seconds(secs: float) -> str:
    return format_seconds(round(secs, 1))


_ROWS = (
    _Row("makespan_secs", "until all was done", lambda f: f.makespan_secs, _seconds),
    _Row("completed", "nodes completed", lambda f: f.completed, format_amount),
    _Row("failed", "nodes failed", lambda f: f.failed, format_amount),
    _Row("completed_per_hour", "completed an hour", lambda f: f.completed_per_hour, format_amount),
    _Row("attempts", "attempts", lambda f: f.attempts, format_amount),
    _Row("retries", "of them to be repeated", lambda f: f.retries, format_amount),
    _Row("expiries", "leases that ran out", lambda f: f.expiries, format_amount),
    _Row("timeouts", "attempts timed out", lambda f: f.timeouts, format_amount),
    _Row("longest_wait_secs", "longest wait of a node", lambda f: f.longest_wait_secs, _seconds),
    _Row("workers", "workers", lambda f: f.workers, format_amount),
    _Row("busy_secs", "work of all of them", lambda f: f.busy_secs, _seconds),
)
_CAUSES = {
    "no_worker": "no worker was free",
    "limit_full": "a limit was full",
    "limit_closed": "a limit was closed",
    "rate": "a rate was used up",
    "not_before": "a pause was not over",
    "locked": "a lock was held",
    "gate": "nobody had decided",
    "paused": "its task was paused",
    "budget_spent": "its budget was spent",
}
"""What a node waited for, in words."""


def show_rehearsal(played: Rehearsal) -> None:
    """On a terminal a table, for a program lines of fields; the chart is for both."""
    rows = list(_rows(played))
    if is_terminal():
        _show_table(played, rows)
        columns = min(console().width, _MOST_COLUMNS)
    else:
        for row in rows:
            was, would = row.value(played.was.figures), row.value(played.would.figures)
            print_fields(row.name, was, would)
        columns = _PIPE_COLUMNS
    sys.stdout.flush()
    for line in (*_chart(played, columns), "", *_remarks(played, columns)):
        print(_fit_for_output(line))


def _rows(played: Rehearsal) -> Iterator[_Row]:
    """The figures, and a row for each cause that anything waited for."""
    yield from _ROWS
    was, would = played.was.figures.waiting_secs, played.would.figures.waiting_secs
    for cause in sorted(
        {*was, *would}, key=lambda cause: -max(was.get(cause, 0), would.get(cause, 0))
    ):
        title = f"waited: {_CAUSES.get(cause, cause)}"
        yield _Row(f"waiting_secs.{cause}", title, _waited(cause), _seconds)


def _waited(cause: str) -> Callable[[Figures], float]:
    return lambda figures: figures.waiting_secs.get(cause, 0.0)


def _show_table(played: Rehearsal, rows: list[_Row]) -> None:
    screen = console()
    begin, end = format_moment(played.begin // 1000), format_moment(played.end // 1000)
    events, tasks = format_count(played.events, "event"), format_count(played.tasks, "task")
    screen.print(plain_text(f"{events} of {tasks}, from {begin} to {end}"), soft_wrap=True)
    screen.print()
    cells = [tuple(plain_text(each) for each in (row.title, *_values(row, played))) for row in rows]
    print_table(screen, ("", "WAS", "WOULD BE", ""), cells, flexible=0)


def _values(row: _Row, played: Rehearsal) -> tuple[str, str, str]:
    was, would = row.value(played.was.figures), row.value(played.would.figures)
    hundredths = round((would - was) / was * 100) if was else 0
    return row.form(was), row.form(would), f"{hundredths:+,}%" if hundredths else ""


def _chart(played: Rehearsal, columns: int) -> Iterator[str]:
    """Both to the scale of the longer one."""
    longest = max(played.was.figures.makespan_secs, played.would.figures.makespan_secs)
    end = played.begin + max(round(longest * 1000), 1)
    for title, course in (("was", played.was), ("would be", played.would)):
        yield ""
        yield title
        yield from draw(course.spans, course.owners, played.begin, end, columns)
    yield axis(played.begin, end, columns)
    yield LEGEND


def _remarks(played: Rehearsal, columns: int) -> Iterator[str]:
    if played.cut:
        yield from wrap(
            "It would not have ended: it was played for ten times the time, or the events, that "
            "it took, and no further.",
            columns,
        )
    if played.left:
        yield from wrap(
            f"{format_nodes(played.left)} that ended in fact would not have: until all was done is "
            "counted until the last of the others.",
            columns,
        )
    yield "assumed:"
    for assumed in played.assumes:
        yield from wrap(assumed, columns, initial_indent="- ", subsequent_indent="  ")


def _fit_for_output(line: str) -> str:
    try:
        line.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return line.translate(_ASCII).encode("ascii", "backslashreplace").decode()
    return line
