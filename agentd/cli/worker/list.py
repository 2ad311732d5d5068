"""`agentd workers`: who waits for work, and who has some."""

import argparse
import time

from agentd.api import WorkerView
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_table
from agentd.client import Client
from agentd.times import format_duration

_NAMES = ("OWNER", "WAITING", "HOLDING", "LAST SEEN", "LABELS")


def run(options: argparse.Namespace) -> int:
    """Print the workers. Raises `DaemonUnreachable`."""
    with Client() as client:
        found = client.list_workers()
    if options.json:
        print_data(found)
    elif not is_terminal():
        for each in found.workers:
            seen = int(each.last_seen)
            print_fields(each.owner, each.waiting, each.holding, seen, ",".join(each.labels))
    elif not found.workers:
        print("nobody waits for work, and nobody held any in the last 10 minutes")
    else:
        order = sorted(found.workers, key=lambda each: (not _is_there(each), -each.last_seen))
        table = [[plain_text(cell) for cell in _cells(each)] for each in order]
        print_table(console(), _NAMES, table, 4)
    return 0


def _is_there(worker: WorkerView) -> bool:
    return bool(worker.waiting or worker.holding)


def _cells(worker: WorkerView) -> tuple[object, ...]:
    seen = format_duration(int(time.time() - worker.last_seen))
    labels = ", ".join(worker.labels)
    return worker.owner, worker.waiting, worker.holding, f"{seen} ago", labels
