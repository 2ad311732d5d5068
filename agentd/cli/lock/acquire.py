"""`agentd lock acquire KEY`: a lock that lasts when this process has ended."""

import argparse
import os
import shlex

from agentd.cli.lock.taking import Taking, lock_fields
from agentd.cli.owner import named_owner
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, print_fields, print_whole
from agentd.client import Client
from agentd.times import format_moment


def run(options: argparse.Namespace) -> int:
    """Take a lock and print its lease. Raises `LockHeld`, `InvalidParams`, `DaemonUnreachable`."""
    with Client() as client:
        owner = named_owner() or f"agentd-{os.getppid()}"  # this process is gone in a moment
        fields = lock_fields(client, options, owner)
        lock = Taking(client, fields, options.wait).take(options.key)
        lock.leave()
    held = lock.held
    if options.json:
        print_data(held)
    elif held is not None and is_terminal():
        screen = console()
        print_whole(screen, f"lock     {held.resource_key}")
        print_whole(
            screen, f"lease    {held.lease_id}, until {format_moment(held.lease_expires_at)}"
        )
        key = shlex.quote(held.resource_key)
        print_whole(screen, f"then     agentd lock release {key} {held.lease_id}")
    elif held is not None:
        print_fields(held.lease_id)
    return 0
