"""`agentd limit close NAME`: nothing that names it is handed out for a while, to anybody."""

import argparse

from agentd.cli.limit.closing import close_limit
from agentd.cli.limit.known import find_limit
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal
from agentd.client import Client
from agentd.text import printable
from agentd.times import format_moment


def run(options: argparse.Namespace) -> int:
    """Close a limit. Raises `LimitUnknown`, `InvalidParams`, `DaemonUnreachable`."""
    with Client() as client:
        done = close_limit(client, options, for_secs=options.seconds, until=options.until)
        if options.json:
            print_data(done)
        elif is_terminal():
            print(printable(_said(client, options.name)))
    return 0


def _said(client: Client, name: str) -> str:
    """What became of it: a moment that is over closes nothing, and no time at all opens."""
    found = find_limit(client, name)
    if found is None or found.closed_until is None:
        return f"{name} is open: that moment is over"
    waiting = "1 node waits" if found.waiting == 1 else f"{found.waiting:,} nodes wait"
    running = f", {found.running:,} running" if found.running else ""
    return f"closed {name} until {format_moment(found.closed_until)}: {waiting}{running}"
