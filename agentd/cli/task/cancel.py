"""`agentd task cancel TASK`: nothing more is handed out, and whoever holds a lease has lost it."""

import argparse

from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal, print_fields
from agentd.client import Client
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Cancel a task. Raises `TaskNotFound`, `TaskHasEnded`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        done = client.cancel_task(task, reason=options.reason, by=options.by)
    if options.json:
        print_data(done)
    elif not is_terminal():
        for each in done.cancelled:
            print_fields(each)
    elif not done.cancelled:
        print("it was cancelled before")
    else:
        below = len(done.cancelled) - 1
        print(printable(f"cancelled {task}" + (f", and {below:,} below it" if below else "")))
    return 0
