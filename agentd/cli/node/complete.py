"""`agentd node complete TASK NODE LEASE [JSON|-]`: a node is done, with its result."""

import argparse

from agentd.cli.ids import lease_id
from agentd.cli.node.event_result import tell
from agentd.cli.node.target import target
from agentd.cli.payload import payload
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Complete a node. Raises `StaleLease`, `NodeNotFound`, `Usage`."""
    lease, result = lease_id(options.lease), payload(options.payload, "the result")
    with Client() as client:
        event = client.complete_node(*target(client, options), lease, result)
    return tell(event, options, "completed")
