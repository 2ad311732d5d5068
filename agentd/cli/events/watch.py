"""`agentd events watch`: what happens in all tasks, or in one, as it happens, until interrupted."""

import argparse
import select
import sys

from agentd.api import RecordedEventView, WatchEventsResult
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_line
from agentd.cli.times import format_day_and_clock
from agentd.client import Client

_WAIT_SECONDS = 10.0
"""For how long the daemon lets one question wait; then we look whether anybody still reads us."""

_PAGE = 1000
_SEQ = 6
"""Columns for a seq; a longer one takes more."""

_ID = 13
"""Characters of an id on a terminal."""


def run(options: argparse.Namespace) -> int:
    """Print events. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        task = None if options.task is None else find_task_id(client, options.task)
        place: int | None = options.after
        while True:
            page = client.watch_events(
                after_seq=place, task_id=task, wait_secs=_WAIT_SECONDS, limit=_PAGE
            )
            place = page.last_seq
            if page.events:
                _print(page, as_json=options.json)
            _check_reader()


def _check_reader() -> None:
    """Raise `BrokenPipeError` when nobody would read what is to come."""
    watched = select.poll()
    watched.register(sys.stdout, 0)  # what is told in any case: its reader is gone
    if watched.poll(0):
        raise BrokenPipeError


def _print(page: WatchEventsResult, *, as_json: bool) -> None:
    if as_json:
        print_data(page)
    elif is_terminal():
        for event in page.events:
            _show(event)
    else:
        for event in page.events:
            of = event.task_id, event.node_id, event.payload
            print_fields(event.seq, event.timestamp, event.action_type, *of)
        sys.stdout.flush()


def _show(event: RecordedEventView) -> None:
    print_line(
        console(),
        plain_text(f"{event.seq:>{_SEQ}}  {format_day_and_clock(event.timestamp)}  ", "dim"),
        plain_text(f"{event.action_type}  "),
        plain_text(f"{(event.task_id or '')[:_ID]}  {(event.node_id or '')[-_ID:]}  ", "dim"),
        plain_text(event.payload, "dim"),
    )
