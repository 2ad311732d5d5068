"""`agentd task wait TASK`: until the task has ended; its exit code says how."""

import argparse

from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal, print_fields
from agentd.cli.task.ending import EXIT_CODES, Waiting
from agentd.client import Client
from agentd.events import STATUSES
from agentd.task_progress import describe_progress


def run(options: argparse.Namespace) -> int:
    """Wait for the end. Raises `WaitTimedOut`, `TaskNotFound`, `Ambiguous`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        ended = Waiting(client, task, options.timeout).end()
    state = ended.state or ""
    if options.json:
        print_data({"task_id": task, "state": state, "counts": ended.counts})
    elif is_terminal():
        print(describe_progress(state, ended.counts))
    else:
        print_fields(task, state, *(ended.counts.get(status, 0) for status in STATUSES))
    return EXIT_CODES[state]
