"""`agentd node release TASK NODE [LEASE]`: a node given back without blame, by whoever holds it.

The rule this file keeps: a node is taken from a holder that is gone only by who says whose it is.
So a script whose lease is empty takes nobody's work away.
"""

import argparse

from agentd.cli.failures import Usage
from agentd.cli.ids import parse_lease_id
from agentd.cli.node.event_result import print_event_result
from agentd.cli.node.target import TargetNode, find_target
from agentd.client import Client
from agentd.errors import Failure


class NotHeldSo(Failure):
    """Nobody holds the node, or somebody else than was said."""


def run(options: argparse.Namespace) -> int:
    """Release a node. Raises `StaleLease`, `NodeNotFound`, `NotHeldSo`, `Usage`."""
    if options.lease and options.held_by is not None:
        raise Usage("give the lease, or --held-by and who has it, not both")
    with Client() as client:
        target = find_target(client, options)
        lease = parse_lease_id(options.lease) if options.lease else None
        event = client.release_node(
            *target,
            lease or _lease_of_holder(client, target, options.held_by),
            reason=options.reason,
            after_secs=options.after,
        )
    return print_event_result(event, options, "released")


def _lease_of_holder(client: Client, target: TargetNode, owner: str | None) -> str:
    """The lease of that owner. Raises `NotHeldSo`, which says whose it is, or `Usage`."""
    node = client.node_status(*target).node
    if node.lease_id is None:
        raise NotHeldSo(f"nobody holds node {node.id}: it is {node.status}")
    if owner is None:
        raise Usage(
            f"node {node.id} is held by {node.lease_owner!r}: give its LEASE, or "
            f"--held-by {node.lease_owner!r} to take it away; who has it learns of that by its "
            "next heartbeat"
        )
    if owner != node.lease_owner:
        raise NotHeldSo(f"node {node.id} is held by {node.lease_owner!r}, not by {owner!r}")
    return node.lease_id
