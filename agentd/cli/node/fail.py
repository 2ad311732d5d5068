"""`agentd node fail TASK NODE LEASE [JSON|-]`: a node failed for good, with its error."""

import argparse

from agentd.cli.ids import lease_id
from agentd.cli.node.event_result import tell
from agentd.cli.node.target import target
from agentd.cli.payload import payload
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Fail a node. Raises `StaleLease`, `NodeNotFound`, `Usage`."""
    lease, error = lease_id(options.lease), payload(options.payload, "the error")
    with Client() as client:
        event = client.fail_node(*target(client, options), lease, error)
    return tell(event, options, "failed")
