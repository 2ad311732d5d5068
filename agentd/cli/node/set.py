"""`agentd node set TASK NODE`: other settings for a node that is PENDING."""

import argparse
from typing import Any

import msgspec

from agentd.api import NodeView, UpdateNodeResult
from agentd.cli.failures import Usage
from agentd.cli.node.settings import OPTIONS, SETTINGS
from agentd.cli.node.target import find_target
from agentd.cli.payload import parse_payload
from agentd.cli.printing import print_data
from agentd.cli.remedies import taking_away
from agentd.cli.screen import is_terminal, print_fields
from agentd.client import Client
from agentd.errors import IllegalTransition
from agentd.quantities import format_nodes
from agentd.references import node_name


def run(options: argparse.Namespace) -> int:
    """Change a node. Raises `IllegalTransition`, `NodeNotFound`, `InvalidParams`, `Usage`."""
    changes = read_changes(options)
    with Client() as client:
        target = find_target(client, options)
        try:
            updated = client.update_node(*target, **changes)
        except IllegalTransition as refusal:
            told = _with_next_step(client.node_status(*target).node)
            raise IllegalTransition(told, **refusal.data) from refusal
    return print_updated(updated, options)


def _with_next_step(node: NodeView) -> str:
    """Why a node cannot be changed, and what makes it one that can."""
    told = f"node {node_name(node) or node.id} is {node.status}: only a PENDING node can be changed"
    if node.status == "RUNNING":
        return f"{told}; `{taking_away(node)}` takes it back from {node.lease_owner!r} first"
    if node.status == "FAILED":
        return f"{told}; `agentd node retry {node.task_id} {node.id}` first"
    return told


def read_changes(options: argparse.Namespace) -> dict[str, Any]:
    """What is to be changed, as the client takes it. Raises `Usage` where nothing is."""
    changes = {name: value for name in SETTINGS if (value := getattr(options, name)) is not None}
    if options.attempts is not None or options.backoff is not None:
        changes["retry"] = _retry(options)
    elif options.retry is not None:
        changes["retry"] = msgspec.json.decode(parse_payload(options.retry, "--retry"))
    if not changes:
        raise Usage(f"say what to change, any of {OPTIONS}")
    for name in ("requires", "limits"):
        if changes.get(name) == [""]:
            changes[name] = []
    return changes


def _retry(options: argparse.Namespace) -> dict[str, Any]:
    """What `--attempts` and `--backoff` stand for. Raises `Usage`."""
    if options.retry is not None:
        raise Usage("--retry says all of it: give that, or --attempts and --backoff")
    if options.attempts is None:
        raise Usage("--backoff is a pause between attempts: say how many, with --attempts")
    backoff = {} if options.backoff is None else {"backoff_secs": options.backoff}
    return {"max_attempts": options.attempts, **backoff}


def print_updated(updated: UpdateNodeResult, options: argparse.Namespace) -> int:
    """Say how many nodes have the new settings; a program reads their ids."""
    if options.json:
        print_data(updated)
    elif is_terminal():
        why = "" if updated.node_ids else ": none is PENDING"
        print(f"{format_nodes(len(updated.node_ids))} changed{why}")
    else:
        for node_id in updated.node_ids:
            print_fields(node_id)
    return 0
