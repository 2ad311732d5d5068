"""`agentd task watch TASK`: what happens in a task, and how far it has come, until it has ended."""

import argparse
import time
from typing import Protocol

from agentd.api import TaskStatusResult, WatchEventsResult
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.reader import while_read
from agentd.cli.remarks import say
from agentd.cli.screen import is_terminal
from agentd.cli.task.ending import EXIT_CODES, Waiting
from agentd.cli.task.events import print_events
from agentd.cli.task.live_view import LiveView
from agentd.client import Client
from agentd.node_labels import node_labels

_PAUSE_SECONDS = 0.25
"""The least time between two looks at a task in which much happens."""


class _View(Protocol):
    def show(self, page: WatchEventsResult, status: TaskStatusResult) -> None: ...

    def say(self, words: str) -> None: ...

    def close(self, ended: TaskStatusResult | None) -> None: ...


def run(options: argparse.Namespace) -> int:
    """Show events until the task has ended. Raises `TaskNotFound`, `Ambiguous`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        view: _View
        if is_terminal() and not options.json:
            view = LiveView(node_labels(client.task_status(task).nodes))
        else:
            view = _Stream(as_json=options.json)
        waiting, ended = Waiting(client, task, tell=view.say), None
        place = waiting.newest_place()
        try:
            with while_read():
                ended = _follow(waiting, place, view)
        finally:
            view.close(ended)
    return EXIT_CODES[ended.state or ""]


def _follow(waiting: Waiting, place: int, view: _View) -> TaskStatusResult:
    """Show what happens until the task has ended; returns how it has."""
    page = WatchEventsResult([], place)
    while True:
        looked_at = time.monotonic()
        status = waiting.status()
        view.show(page, status)
        if status.state in EXIT_CODES:
            while page := waiting.events_so_far(page.last_seq):  # what ended it is among them
                view.show(page, status)
            return status
        page = waiting.next_events(page.last_seq)
        time.sleep(max(looked_at + _PAUSE_SECONDS - time.monotonic(), 0))


class _Stream:
    """For a program: events only, and with `--json` how it ended."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def show(self, page: WatchEventsResult, _status: TaskStatusResult) -> None:
        if page.events:
            print_events(page, {}, as_json=self._as_json)

    def say(self, words: str) -> None:
        say(words)

    def close(self, ended: TaskStatusResult | None) -> None:
        if self._as_json and ended is not None:
            print_data({"state": ended.state, "counts": ended.counts})
