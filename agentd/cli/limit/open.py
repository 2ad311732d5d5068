"""`agentd limit open NAME`: what names it is handed out again."""

import argparse

from agentd.cli.limit.closing import close_limit
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal
from agentd.client import Client
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Open a limit that was closed. Raises `LimitUnknown`, `InvalidParams`, `DaemonUnreachable`."""
    with Client() as client:
        done = close_limit(client, options, for_secs=0)
    if options.json:
        print_data(done)
    elif is_terminal():
        print(printable(f"opened {options.name}"))
    return 0
