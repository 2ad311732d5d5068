"""`agentd task pause TASK`: nothing more is handed out until it is resumed; holders go on."""

import argparse

from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Pause a task. Raises `TaskNotFound`, `TaskIsCancelled`, `TaskHasEnded`, `Ambiguous`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        done = client.pause_task(task, reason=options.reason, by=options.by)
    if options.json:
        print_data(done)
    elif is_terminal():
        print(f"paused {task}")
    return 0
