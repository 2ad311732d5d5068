"""`agentd node release TASK NODE LEASE`: a node given back without blame."""

import argparse

from agentd.cli.ids import parse_lease_id
from agentd.cli.node.event_result import print_event_result
from agentd.cli.node.target import find_target
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Release a node. Raises `StaleLease`, `NodeNotFound`, `Usage`."""
    lease = parse_lease_id(options.lease)
    with Client() as client:
        event = client.release_node(
            *find_target(client, options),
            lease,
            reason=options.reason,
            after_secs=options.after,
        )
    return print_event_result(event, options, "released")
