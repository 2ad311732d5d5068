"""`agentd limit close NAME`: nothing that names it is handed out for a while, to anybody."""

import argparse
import time

from agentd.api import to_milliseconds
from agentd.cli.limit.closing import close_limit
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Close a limit. Raises `LimitUnknown`, `InvalidParams`, `DaemonUnreachable`."""
    done = close_limit(options, for_secs=options.seconds, until=options.until)
    if options.json:
        print_data(done)
    elif is_terminal():
        print(printable(_said(options)))
    return 0


def _said(options: argparse.Namespace) -> str:
    """What was done: a moment that is over closes nothing, and no time at all opens."""
    if options.seconds is not None:
        has_ended, end = not options.seconds, f"for {options.seconds:g} s"
    else:
        has_ended = to_milliseconds(options.until, "--until") <= time.time() * 1000
        end = f"until {options.until}"
    return f"{options.name} is open: closed {end}" if has_ended else f"closed {options.name} {end}"
