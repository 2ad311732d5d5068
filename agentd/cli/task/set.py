"""`agentd task set TASK`: other settings for all nodes of a task that are PENDING."""

import argparse

from agentd.cli.ids import find_task_id
from agentd.cli.node.set import print_updated, read_changes
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Change the nodes. Raises `TaskNotFound`, `TaskIsCancelled`, `InvalidParams`, `Usage`."""
    changes = read_changes(options)
    with Client() as client:
        updated = client.update_node(find_task_id(client, options.task), **changes)
    return print_updated(updated, options)
