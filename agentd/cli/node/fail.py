"""`agentd node fail TASK NODE LEASE [JSON|-]`: a node failed for good, with its error."""

import argparse

from agentd.cli.ids import parse_lease_id
from agentd.cli.node.event_result import print_event_result
from agentd.cli.node.target import find_target
from agentd.cli.payload import parse_payload
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Fail a node. Raises `StaleLease`, `NodeNotFound`, `Usage`."""
    lease, error = parse_lease_id(options.lease), parse_payload(options.payload, "the error")
    with Client() as client:
        event = client.fail_node(*find_target(client, options), lease, error)
    return print_event_result(event, options, "failed")
