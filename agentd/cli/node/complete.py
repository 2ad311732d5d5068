"""`agentd node complete TASK NODE LEASE [JSON|-]`: a node is done, with its result."""

import argparse

from agentd.cli.ids import parse_lease_id
from agentd.cli.node.event_result import print_event_result
from agentd.cli.node.target import find_target
from agentd.cli.node.told_usage import read_usage
from agentd.cli.payload import parse_payload
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Complete a node. Raises `StaleLease`, `NodeNotFound`, `Usage`."""
    lease, result = parse_lease_id(options.lease), parse_payload(options.payload, "the result")
    with Client() as client:
        target = find_target(client, options)
        event = client.complete_node(*target, lease, result, usage=read_usage(options))
    return print_event_result(event, options, "completed")
