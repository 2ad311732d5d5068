"""`agentd node fail TASK NODE LEASE [JSON|-]`: an attempt failed, with its error."""

import argparse

from agentd.cli.ids import parse_lease_id
from agentd.cli.node.event_result import print_event_result
from agentd.cli.node.target import find_target
from agentd.cli.node.told_usage import read_usage
from agentd.cli.payload import parse_payload
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Fail a node. Raises `StaleLease`, `NodeNotFound`, `Usage`."""
    lease, error = parse_lease_id(options.lease), parse_payload(options.payload, "the error")
    with Client() as client:
        event = client.fail_node(
            *find_target(client, options),
            lease,
            error,
            retryable=not options.not_retryable,
            retry_after_secs=options.retry_after,
            kind=options.kind,
            usage=read_usage(options),
        )
    done = "failed" if event.status == "FAILED" else "failed, to be tried again"
    return print_event_result(event, options, done)
