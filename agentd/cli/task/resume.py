"""`agentd task resume TASK`: nodes are handed out again."""

import argparse

from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Resume a task. Raises `TaskNotFound`, `TaskIsCancelled`, `TaskHasEnded`, `Ambiguous`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        done = client.resume_task(task, reason=options.reason, by=options.by)
    if options.json:
        print_data(done)
    elif is_terminal():
        print(f"resumed {task}")
    return 0
