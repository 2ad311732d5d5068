"""`agentd events`: what happened in all tasks, or in one; with `--follow` what happens."""

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from agentd.api import RecordedEventView, WatchEventsResult
from agentd.cli.events.begin import place_of
from agentd.cli.events.reading import coming_pages, last_place, newest_events, past_pages
from agentd.cli.events.wanted import Wanted, fields, known_kinds
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.reader import while_read
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_line
from agentd.client import Client
from agentd.label import SHORTEST_ID
from agentd.node_labels import node_labels
from agentd.states import EVENT_COLOURS
from agentd.times import format_moment

_NEWEST = 100
"""Events that are shown where nobody said where to begin."""

_WIDEST = 20
"""Columns for the nodes' names; longer ones push their payload aside."""

_SEQ, _KIND, _TASK = 6, 15, 13
"""Columns for a seq and a type, longer ones take more, and for a task's id, which is cut."""


class _Nodes(NamedTuple):
    """What nodes are called by their ids, one that is not here by its id's end; and the columns."""

    names: Mapping[str, str]
    width: int


def run(options: argparse.Namespace) -> int:
    """Print events. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        task = None if options.task is None else find_task_id(client, options.task)
        wanted = Wanted(task, known_kinds(options.kind), options.grep)
        called = _labels(client, task, as_json=options.json)
        end = last_place(client)
        is_silent = not _print_past(client, wanted, options, end, called)
        if is_silent and not options.follow:
            _say_nothing(end, as_json=options.json)
        if options.follow:
            with while_read():
                for page in coming_pages(client, wanted, max(end, options.after or 0)):
                    _print(page, called, as_json=options.json)
    return 0


def _labels(client: Client, task: str | None, *, as_json: bool) -> _Nodes:
    """What a person calls the nodes of the one task that is looked at, by their ids."""
    if task is None or as_json or not is_terminal():
        return _Nodes({}, SHORTEST_ID)
    names = node_labels(client.task_status(task, fields=["nodes"]).nodes)
    return _Nodes(names, min(max(map(len, names.values()), default=0), _WIDEST))


def _print_past(
    client: Client,
    wanted: Wanted,
    options: argparse.Namespace,
    end: int,
    called: _Nodes,
) -> bool:
    """Print what there is, and say whether there was anything."""
    if options.after is None and options.since is None:
        newest = newest_events(client, wanted, _NEWEST, end)
        return _print(WatchEventsResult(newest, end), called, as_json=options.json)
    place = options.after if options.since is None else place_of(client, options.since, end)
    printed = [
        _print(page, called, as_json=options.json)
        for page in past_pages(client, wanted, place, end)
    ]
    return any(printed)


def _say_nothing(end: int, *, as_json: bool) -> None:
    if as_json:
        print_data(WatchEventsResult([], end))
    elif is_terminal():
        print("there is no such event")


def _print(page: WatchEventsResult, called: _Nodes, *, as_json: bool) -> bool:
    """Print a page, and say whether anything is on it."""
    if page.events and as_json:
        print_data(page)
    elif page.events and is_terminal():
        for event in page.events:
            _show(event, called)
    elif page.events:
        for event in page.events:
            print_fields(*fields(event))
        sys.stdout.flush()
    return bool(page.events)


def _show(event: RecordedEventView, called: _Nodes) -> None:
    at = format_moment(datetime.fromisoformat(event.timestamp).timestamp())
    task, node_id = (event.task_id or "")[:_TASK], event.node_id or ""
    node = called.names.get(node_id, node_id[-SHORTEST_ID:])
    print_line(
        console(),
        plain_text(f"{event.seq:>{_SEQ}}  {at}  ", "dim"),
        plain_text(f"{event.action_type:{_KIND}}  ", EVENT_COLOURS.get(event.action_type, "")),
        plain_text(f"{task:{_TASK}}  {node:{called.width}}  ", "dim"),
        plain_text(event.payload, "dim"),
    )
