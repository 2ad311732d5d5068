"""`agentd node acquire TASK`: a lease on the next runnable node."""

import argparse
import sys

from agentd.api import AcquireNextNodeResult
from agentd.cli.ids import find_node_id, find_task_id
from agentd.cli.owner import named_owner
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, print_fields, print_whole
from agentd.client import Client
from agentd.label import node_label
from agentd.text import printable_json
from agentd.times import format_clock


def run(options: argparse.Namespace) -> int:
    """Acquire a node. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        node = None if options.node is None else find_node_id(client, task, options.node)
        held = client.acquire_next_node(
            task,
            lease_owner=options.owner or named_owner() or "anonymous",
            node_id=node,
            lease_secs=options.lease,
            wait_secs=options.wait,
            labels=options.label,
        )
    if options.json:
        print_data(held)
    elif held is None:
        told = f"nothing is runnable now: `agentd task why {task}` says why"
        print(told, file=sys.stdout if is_terminal() else sys.stderr)
    elif is_terminal():
        _print_lease(held)
    else:
        print_fields(held.task_id, held.node_id, held.lease_id, held.lease_expires_at)
    return 0


def _print_lease(held: AcquireNextNodeResult) -> None:
    node, screen = held.context.node, console()
    print_whole(screen, f"node     {held.name or node_label(node.id, node.payload_schema)}")
    print_whole(screen, f"lease    {held.lease_id}, until {format_clock(held.lease_expires_at)}")
    print_whole(screen, f"payload  {printable_json(bytes(node.payload_schema))}")
    for done in held.context.completed_dependencies:
        print_whole(screen, f"input    {printable_json(bytes(done.result_payload))}")
    which = f"{held.task_id} {held.node_id} {held.lease_id}"
    print_whole(screen, f"then     agentd node complete {which} '{{}}'")
