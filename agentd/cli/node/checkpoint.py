"""`agentd checkpoint JSON|-`: what the next holder of the node goes on from, left by this one.

The rule this file keeps: it is for a command that `agentd work` runs, whose environment says which
node it works on.
"""

import argparse

from agentd.cli.node.event_result import print_event_result
from agentd.cli.node.own_lease import own_lease
from agentd.cli.payload import parse_payload
from agentd.client import Client

_ELSEWHERE = "agentd node commit TASK NODE LEASE JSON --checkpoint"


def run(options: argparse.Namespace) -> int:
    """Set the checkpoint. Raises `StaleLease`, `TaskIsCancelled`, `Usage`."""
    held = own_lease(_ELSEWHERE)
    written = parse_payload(options.payload, "the checkpoint")
    with Client() as client:
        event = client.commit_event(
            held.task_id,
            held.node_id,
            lease_id=held.lease_id,
            action_type="CHECKPOINT",
            payload=written,
            checkpoint=True,
        )
    return print_event_result(event, options, "kept for the next holder")
