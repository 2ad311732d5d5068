"""`agentd node update TASK NODE`: other settings for a node that is PENDING."""

import argparse
from typing import Any

import msgspec

from agentd.api import UpdateNodeResult
from agentd.cli.failures import Usage
from agentd.cli.node.settings import OPTIONS, SETTINGS
from agentd.cli.node.target import find_target
from agentd.cli.payload import parse_payload
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal, print_fields
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Change a node. Raises `IllegalTransition`, `NodeNotFound`, `InvalidParams`, `Usage`."""
    changes = read_changes(options)
    with Client() as client:
        updated = client.update_node(*find_target(client, options), **changes)
    return print_updated(updated, options)


def read_changes(options: argparse.Namespace) -> dict[str, Any]:
    """What is to be changed, as the client takes it. Raises `Usage` where nothing is."""
    changes = {name: value for name in SETTINGS if (value := getattr(options, name)) is not None}
    if not changes:
        raise Usage(f"say what to change, any of {OPTIONS}")
    if "retry" in changes:
        changes["retry"] = msgspec.json.decode(parse_payload(changes["retry"], "--retry"))
    for name in ("requires", "limits"):
        if changes.get(name) == [""]:
            changes[name] = []
    return changes


def print_updated(updated: UpdateNodeResult, options: argparse.Namespace) -> int:
    """Say how many nodes have the new settings; a program reads their ids."""
    if options.json:
        print_data(updated)
    elif is_terminal():
        number = len(updated.node_ids)
        why = "" if number else ": none is PENDING"
        print(f"{number:,} {'node' if number == 1 else 'nodes'} changed{why}")
    else:
        for node_id in updated.node_ids:
            print_fields(node_id)
    return 0
