"""`agentd task list`: the tasks there are, the newest first."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentd.api import ListTasksResult, TaskSummary
from agentd.cli.ids import find_task_id, shorten_ids
from agentd.cli.printing import print_data
from agentd.cli.screen import (
    console,
    is_terminal,
    plain_text,
    print_fields,
    print_line,
    print_table,
)
from agentd.cli.states import COMPLETED, FAILED, RUNNING, TASK_COLOURS
from agentd.cli.times import format_age
from agentd.client import Client
from agentd.events import STATUSES

if TYPE_CHECKING:
    from rich.text import Text

_PAGE = 1000
"""Tasks that one request may ask for."""

_TELLING_LENGTH = 18
"""Characters of an id that tell it from tasks that are not shown: all of its millisecond, and 12
bits of chance (RFC 9562, version 7). To ask for each whether others begin so would take longer.
"""


def run(options: argparse.Namespace) -> int:
    """Print the tasks. Raises `DaemonUnreachable`."""
    with Client() as client:
        found = _list_tasks(client, options)
    if options.json:
        print_data(found)
    elif is_terminal():
        _show(found, is_all=found.next is None and not _is_narrowed(options))
    else:
        for task in found.tasks:
            counts = (task.counts.get(status, 0) for status in STATUSES)
            print_fields(task.id, task.created_at, *counts, task.goal)
    return 0


def _list_tasks(client: Client, options: argparse.Namespace) -> ListTasksResult:
    """As many pages as it takes: one may be shorter than what was asked for, even empty."""
    parent = options.parent and find_task_id(client, options.parent)
    tasks: list[TaskSummary] = []
    place: int | None = None
    while len(tasks) < options.limit:
        page = client.list_tasks(
            runnable=options.runnable,
            limit=min(options.limit - len(tasks), _PAGE),
            before=place,
            state=options.state,
            label=dict(options.label),
            parent_task_id=parent,
            goal_contains=options.goal or "",
            since=options.since,
            until=options.until,
        )
        tasks += page.tasks
        place = page.next
        if place is None:
            break
    return ListTasksResult(tasks, place)


def _is_narrowed(options: argparse.Namespace) -> bool:
    """Whether there may be tasks that are not shown, though the list is at its end."""
    narrow = options.runnable, options.state, options.label, options.parent, options.goal
    return any(narrow) or options.since is not None or options.until is not None


def _show(found: ListTasksResult, *, is_all: bool) -> None:
    screen = console()
    if not found.tasks:
        print_line(screen, "no tasks; `agentd task register FILE` makes one")
        return
    ids = (task.id for task in found.tasks)
    short = shorten_ids(ids) if is_all else shorten_ids(ids, _TELLING_LENGTH)
    # The others are told by the nodes' numbers.
    is_told = any(task.state in ("PAUSED", "CANCELLED") for task in found.tasks)
    rows = [
        (
            plain_text(short[task.id]),
            plain_text(task.goal),
            *([_state_cell(task)] if is_told else []),
            *_progress_cells(task.counts),
            plain_text(format_age(task.created_at)),
        )
        for task in found.tasks
    ]
    state = ("STATE",) if is_told else ()
    names = ("TASK", "GOAL", *state, "DONE", "RUNNING", "FAILED", "AGE")
    print_table(screen, names, rows, flexible=1)
    if found.next is not None:
        print_line(screen, "there are more: `agentd task list --limit N` shows N of them")


def _state_cell(task: TaskSummary) -> "Text":
    return plain_text(task.state or "", TASK_COLOURS.get(task.state or "", ""))


def _progress_cells(counts: dict[str, int]) -> "Sequence[Text]":
    done, running, failed = (counts.get(s.word, 0) for s in (COMPLETED, RUNNING, FAILED))
    total = sum(counts.values())
    return (
        plain_text(f"{done:,}/{total:,}", COMPLETED.colour if done == total else ""),
        plain_text(f"{running:,}" if running else "-", RUNNING.colour if running else ""),
        plain_text(f"{failed:,}" if failed else "-", FAILED.colour if failed else ""),
    )
