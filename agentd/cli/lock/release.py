"""`agentd lock release KEY LEASE`: a lock given back by who holds it."""

import argparse

from agentd.cli.ids import parse_lease_id
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal
from agentd.client import Client
from agentd.client.lock_paths import absolute_key
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Release a lock. Raises `LockNotHeld`, `InvalidParams`, `Usage`, `DaemonUnreachable`."""
    lease = parse_lease_id(options.lease)
    with Client() as client:
        key = absolute_key(options.key)
        done = client.release_resource_lock(key, lease)
    if options.json:
        print_data(done)
    elif is_terminal():
        print(printable(f"released {key}"))
    return 0
