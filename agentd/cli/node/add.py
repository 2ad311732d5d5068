"""`agentd add FILE|-`: an agent extends the plan that it works on, by a call.

The rule this file keeps: it is for a command that `agentd work` runs, whose environment says which
node it works on; and the nodes are added only while that is so.
"""

import argparse

from agentd.api import LeaseRef
from agentd.cli.node.own_lease import own_lease
from agentd.cli.task import adding
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Add the nodes. Raises `StaleLease`, `TaskIsCancelled`, `Usage`, and as `task add`."""
    held = own_lease("agentd task add TASK FILE")
    additions = adding.read(options)
    if options.dry_run:
        return adding.show_plan(additions, as_json=options.json)
    lease = LeaseRef(held.node_id, held.lease_id)
    with Client() as client:
        return adding.add(client, "add", held.task_id, additions, options, lease)
