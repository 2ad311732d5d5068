"""`agentd node retry TASK NODE|--failed`: nodes that failed, tried again."""

import argparse

from agentd.cli.failures import Usage
from agentd.cli.ids import find_node_id, find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal, print_fields
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Try nodes again. Raises `NotRetryable`, `NodeNotFound`, `Usage`."""
    if (options.node is None) is not options.failed:
        raise Usage("give a NODE, or --failed for all that failed")
    with Client() as client:
        task = find_task_id(client, options.task)
        node = None if options.node is None else find_node_id(client, task, options.node)
        retried = client.retry_node(
            task, node, failed=options.failed, reason=options.reason, by=options.by
        )
    if options.json:
        print_data(retried)
    elif is_terminal():
        number = len(retried.node_ids)
        print(f"{number:,} {'node' if number == 1 else 'nodes'} PENDING again")
    else:
        for node_id in retried.node_ids:
            print_fields(node_id)
    return 0
