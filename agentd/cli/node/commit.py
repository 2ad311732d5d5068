"""`agentd node commit TASK NODE LEASE|none [JSON|-]`: an event about a node, in the journal."""

import argparse

from agentd.cli.ids import NO_LEASE, parse_lease_id
from agentd.cli.node.event_result import print_event_result
from agentd.cli.node.target import find_target
from agentd.cli.node.told_usage import read_usage
from agentd.cli.payload import parse_payload
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Journal an event. Raises `StaleLease`, `LeaseRequired`, `NodeNotFound`, `Usage`."""
    lease = None if options.lease == NO_LEASE else parse_lease_id(options.lease)
    written = parse_payload(options.payload, "the payload")
    with Client() as client:
        task, node = find_target(client, options)
        event = client.commit_event(
            task,
            node,
            lease_id=lease,
            action_type=options.type,
            payload=written,
            usage=read_usage(options),
            checkpoint=options.checkpoint,
        )
    return print_event_result(event, options, "recorded")
