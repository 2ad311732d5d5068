"""What a verb says when its event is in the journal."""

import argparse

from agentd.api import EventResult
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal, print_fields
from agentd.text import printable


def print_event_result(event: EventResult, options: argparse.Namespace, done: str) -> int:
    """Say so; a program reads the event's id."""
    if options.json:
        print_data(event)
    elif is_terminal():
        print(f"{done}, event {printable(event.event_id)}")
    else:
        print_fields(event.event_id)
    return 0
