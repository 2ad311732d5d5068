"""`agentd task list`: the tasks there are, the newest first."""

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from agentd.api import ListTasksResult, TaskSummary
from agentd.cli.ids import TELLING_LENGTH, find_task_id
from agentd.cli.printing import print_data
from agentd.cli.read_ahead import read_ahead
from agentd.cli.screen import (
    console,
    is_terminal,
    plain_text,
    print_line,
    print_lines,
    print_table,
)
from agentd.client import Client
from agentd.events import STATUSES
from agentd.node_labels import shorten_ids
from agentd.states import COMPLETED, FAILED, PENDING, RUNNING, TASK_COLOURS
from agentd.times import format_age

if TYPE_CHECKING:
    from rich.text import Text

_PAGE = 1000
"""Tasks that one request may ask for."""


def run(options: argparse.Namespace) -> int:
    """Print the tasks. Raises `DaemonUnreachable`."""
    with Client() as client:
        parent = options.parent and find_task_id(client, options.parent)
        pages = _pages(client, options, parent)
        if options.limit > _PAGE:
            pages = read_ahead(pages)
        if options.json:
            print_data(_join(pages))
        elif is_terminal():
            _show(_join(pages), is_narrowed=_is_narrowed(options))
        else:
            for page in pages:
                print_lines(map(_fields, page.tasks))
    return 0


def _pages(
    client: Client, options: argparse.Namespace, parent: str | None
) -> Iterator[ListTasksResult]:
    """As many pages as it takes: one may be shorter than what was asked for, even empty."""
    left: int = options.limit
    place: int | None = None
    while left:
        page = client.list_tasks(
            runnable=options.runnable,
            limit=min(left, _PAGE),
            before=place,
            state=options.state,
            label=dict(options.label),
            parent_task_id=parent,
            goal_contains=options.goal or "",
            since=options.since,
            until=options.until,
        )
        yield page
        left -= len(page.tasks)
        place = page.next
        if place is None:
            return


def _join(pages: Iterable[ListTasksResult]) -> ListTasksResult:
    tasks: list[TaskSummary] = []
    place = None
    for page in pages:
        tasks += page.tasks
        place = page.next
    return ListTasksResult(tasks, place)


def _fields(task: TaskSummary) -> tuple[object, ...]:
    """A task as a program reads it."""
    counts = [task.counts.get(status, 0) for status in STATUSES]
    return (task.id, task.created_at, task.state or None, *counts, task.goal)


def _is_narrowed(options: argparse.Namespace) -> bool:
    """Whether there may be tasks that are not shown, though the list is at its end."""
    narrow = options.runnable, options.state, options.label, options.parent, options.goal
    return any(narrow) or options.since is not None or options.until is not None


def _show(found: ListTasksResult, *, is_narrowed: bool) -> None:
    screen = console()
    if not found.tasks:
        none = "no tasks; `agentd task register FILE` makes one"
        print_line(screen, "no such tasks" if is_narrowed else none)
        return
    ids = (task.id for task in found.tasks)
    is_all = found.next is None and not is_narrowed
    short = shorten_ids(ids) if is_all else shorten_ids(ids, TELLING_LENGTH)
    rows = [
        (
            plain_text(short[task.id]),
            plain_text(task.state or "", TASK_COLOURS.get(task.state or "", "")),
            plain_text(task.goal),
            *_progress_cells(task.counts),
            plain_text(format_age(task.created_at)),
        )
        for task in found.tasks
    ]
    names = ("TASK", "STATE", "GOAL", "DONE", "RUN", "FAIL", "WAIT", "AGE")
    print_table(screen, names, rows, flexible=2)
    if found.next is not None:
        print_line(screen, "there are more: `agentd task list --limit N` shows N of them")


def _progress_cells(counts: dict[str, int]) -> "Iterator[Text]":
    done, total = counts.get(COMPLETED.word, 0), sum(counts.values())
    yield plain_text(f"{done:,}/{total:,}", COMPLETED.colour if done == total else "")
    for state in (RUNNING, FAILED, PENDING):
        number = counts.get(state.word, 0)
        yield plain_text(f"{number:,}" if number else "-", state.colour if number else "")
