"""`agentd node heartbeat TASK NODE LEASE`: a lease that lasts longer."""

import argparse

from agentd.cli.ids import parse_lease_id
from agentd.cli.node.target import find_target
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal, print_fields
from agentd.client import Client
from agentd.times import format_clock


def run(options: argparse.Namespace) -> int:
    """Extend a lease. Raises `StaleLease`, `NodeNotFound`, `DaemonUnreachable`."""
    lease = parse_lease_id(options.lease)
    with Client() as client:
        extended = client.heartbeat_node(*find_target(client, options), lease)
    if options.json:
        print_data(extended)
    elif is_terminal():
        print(f"leased until {format_clock(extended.lease_expires_at)}")
    else:
        print_fields(extended.lease_expires_at)
    return 0
