"""`agentd node retry TASK NODE`: a node that failed, tried again; `task retry` takes many."""

import argparse

from agentd.cli.node.target import find_target
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal, print_fields
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Try a node again. Raises `NotRetryable`, `NodeNotFound`."""
    with Client() as client:
        target = find_target(client, options)
        retried = client.retry_node(*target, reason=options.reason, by=options.by)
    if options.json:
        print_data(retried)
    elif is_terminal():
        print("PENDING again")
    else:
        print_fields(target.node_id)
    return 0
