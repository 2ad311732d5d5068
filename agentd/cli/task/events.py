"""`agentd task events ID`: what happened, the newest last; with `--follow` what happens."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agentd.api import RecordedEventView, TaskEventsResult, WatchEventsResult
from agentd.cli.events.reading import coming_pages
from agentd.cli.events.wanted import Wanted
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.reader import while_read
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_line
from agentd.client import Client
from agentd.label import SHORTEST_ID
from agentd.node_labels import node_labels
from agentd.states import EVENT_COLOURS
from agentd.times import format_day_and_clock

if TYPE_CHECKING:
    from rich.console import Console

_WIDEST = 20
"""Columns for the nodes' names; longer ones push their payload aside."""

_SEQ = 6
"""Columns for a seq; a longer one takes more."""


def run(options: argparse.Namespace) -> int:
    """Print events. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        page = _newest_events(client, task, options.last)
        called = _labels(client, task)
        print_events(page, called, as_json=options.json)
        if options.follow:
            _follow(client, task, page.last_seq, called, as_json=options.json)
    return 0


def _follow(
    client: Client, task: str, place: int, called: Mapping[str, str], *, as_json: bool
) -> None:
    """Print what happens in the task behind a place, a daemon that starts anew included."""
    with while_read():
        for page in coming_pages(client, Wanted(task), place):
            if page.events:
                shown = TaskEventsResult(page.events, page.last_seq, more=False)
                print_events(shown, called, as_json=as_json)


def _newest_events(client: Client, task: str, number: int) -> TaskEventsResult:
    """So many of the newest events, in as many pages as it takes: the last are on the last."""
    page = client.task_events(task, limit=number)
    events = page.events
    while page.more and len(events) < number:
        page = client.task_events(task, after=page.last_seq, limit=number - len(events))
        events += page.events
    return TaskEventsResult(events, page.last_seq, page.more)


def _labels(client: Client, task: str) -> dict[str, str]:
    """What a person calls the nodes; a program reads their ids."""
    return node_labels(client.task_status(task).nodes) if is_terminal() else {}


def print_events(
    page: TaskEventsResult | WatchEventsResult, called: Mapping[str, str], *, as_json: bool
) -> None:
    """A page of events, for a program or a person, who reads what the nodes are called."""
    if as_json:
        print_data(page)
    elif is_terminal():
        show_events(console(), page.events, called)
    else:
        for event in page.events:
            what = event.action_type, event.node_id, event.payload
            print_fields(event.seq, event.timestamp, *what)
        sys.stdout.flush()


def show_events(
    screen: "Console", events: Sequence[RecordedEventView], called: Mapping[str, str]
) -> None:
    """A line each, cut where the terminal ends."""
    width = min(max(map(len, called.values()), default=0), _WIDEST)
    kinds = max((min(len(event.action_type), _WIDEST) for event in events), default=0)
    for event in events:
        node_id = event.node_id or ""
        node = called.get(node_id, node_id[-SHORTEST_ID:])  # one that was added since
        print_line(
            screen,
            plain_text(f"{event.seq:>{_SEQ}}  ", "dim"),  # what `agentd replay --until` takes
            plain_text(f"{format_day_and_clock(event.timestamp)}  ", "dim"),
            plain_text(f"{event.action_type:{kinds}}  ", EVENT_COLOURS.get(event.action_type, "")),
            plain_text(f"{node:{width}}  "),
            plain_text(event.payload, "dim"),
        )
