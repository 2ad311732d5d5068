"""`agentd task events ID`: what happened, the newest last; with `--follow` what happens."""

import argparse
import select
import sys

from agentd.api import TaskEventsResult
from agentd.cli.ids import find_task_id, node_labels
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_line
from agentd.cli.times import format_day_and_clock
from agentd.client import Client

_PAUSE_SECONDS = 0.5
_PAGE = 1000
_WIDEST = 20
"""Columns for the nodes' names; longer ones push their payload aside."""

_SEQ = 6
"""Columns for a seq; a longer one takes more."""

_COLOURS = {"COMPLETE_NODE": "green", "FAIL_NODE": "red"}


def run(options: argparse.Namespace) -> int:
    """Print events. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        page = _newest_events(client, task, options.last)
        called = _labels(client, task)
        _print(page, called, as_json=options.json)
        while options.follow:
            if not page.more:
                _wait_for_events()
            page = client.task_events(task, after=page.last_seq, limit=_PAGE)
            if page.events:
                _print(page, called, as_json=options.json)
    return 0


def _newest_events(client: Client, task: str, number: int) -> TaskEventsResult:
    """So many of the newest events, in as many pages as it takes: the last are on the last."""
    page = client.task_events(task, limit=number)
    events = page.events
    while page.more and len(events) < number:
        page = client.task_events(task, after=page.last_seq, limit=number - len(events))
        events += page.events
    return TaskEventsResult(events, page.last_seq, page.more)


def _wait_for_events() -> None:
    """Wait for what happens next. Raises `BrokenPipeError` when nobody would read it any more."""
    watched = select.poll()
    watched.register(sys.stdout, 0)  # what is told in any case: its reader is gone
    if watched.poll(_PAUSE_SECONDS * 1000):
        raise BrokenPipeError


def _labels(client: Client, task: str) -> dict[str, str]:
    """What a person calls the nodes; a program reads their ids."""
    return node_labels(client.task_status(task).nodes) if is_terminal() else {}


def _print(page: TaskEventsResult, called: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_data(page)
    elif is_terminal():
        _show(page, called)
    else:
        for event in page.events:
            what = event.action_type, event.node_id, event.payload
            print_fields(event.seq, event.timestamp, *what)
        sys.stdout.flush()


def _show(page: TaskEventsResult, called: dict[str, str]) -> None:
    screen = console()
    width = min(max(map(len, called.values()), default=0), _WIDEST)
    kinds = max((min(len(event.action_type), _WIDEST) for event in page.events), default=0)
    for event in page.events:
        node = called.get(event.node_id or "", event.node_id or "")
        print_line(
            screen,
            plain_text(f"{event.seq:>{_SEQ}}  ", "dim"),  # what `agentd replay --until` takes
            plain_text(f"{format_day_and_clock(event.timestamp)}  ", "dim"),
            plain_text(f"{event.action_type:{kinds}}  ", _COLOURS.get(event.action_type, "")),
            plain_text(f"{node:{width}}  "),
            plain_text(event.payload, "dim"),
        )
