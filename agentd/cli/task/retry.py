"""`agentd task retry TASK [NODE ...]`: what failed, tried again; all of it, or these nodes."""

import argparse
import sys
from typing import NamedTuple

from agentd.api import NodeView
from agentd.cli.failures import Usage
from agentd.cli.ids import find_node_ids, find_task_id
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.screen import is_terminal, print_fields
from agentd.client import Client
from agentd.errors import NotRetryable
from agentd.quantities import format_nodes
from agentd.references import node_name

_DEPENDENTS_RAN = "what depends on it has run although it failed"


class Left(NamedTuple):
    """A node that stays as it is, what it is called, and why."""

    node_id: str
    name: str | None
    why: str


def run(options: argparse.Namespace) -> int:
    """Try nodes again; 1 where one that was named cannot be. Raises `NodeNotFound`, `Usage`."""
    if options.nodes and options.failed:
        raise Usage("name the nodes, or give --failed for all that failed (the default)")
    with Client() as client:
        task = find_task_id(client, options.task)
        if options.nodes:
            retried, left = _retry_named(client, task, options)
        else:
            retried, left = _retry_failed(client, task, options)
    _print(retried, left, as_json=options.json)
    return 1 if options.nodes and left else 0


def _retry_failed(
    client: Client, task: str, options: argparse.Namespace
) -> tuple[list[str], list[Left]]:
    """Every node that failed and can be retried; the others are left."""
    done = client.retry_node(task, failed=True, reason=options.reason, by=options.by)
    counts = client.task_status(task, fields=["counts"]).counts
    if not counts.get("FAILED"):
        return done.node_ids, []
    failed = [node for node in client.task_status(task).nodes if node.status == "FAILED"]
    return done.node_ids, [_left(node, _DEPENDENTS_RAN) for node in failed]


def _retry_named(
    client: Client, task: str, options: argparse.Namespace
) -> tuple[list[str], list[Left]]:
    """These nodes, one after the other, each by itself. Raises `NodeNotFound` before any."""
    nodes = find_node_ids(client, task, options.nodes)
    retried: list[str] = []
    left: list[Left] = []
    for node in dict.fromkeys(nodes):
        try:
            client.retry_node(task, node, reason=options.reason, by=options.by)
            retried.append(node)
        except NotRetryable:
            view = client.node_status(task, node).node
            failed = view.status == "FAILED"
            left.append(_left(view, _DEPENDENTS_RAN if failed else f"it is {view.status}"))
    return retried, left


def _left(node: NodeView, why: str) -> Left:
    return Left(node.id, node_name(node), why)


def _print(retried: list[str], left: list[Left], *, as_json: bool) -> None:
    if as_json:
        print_data({"node_ids": retried, "left": [each._asdict() for each in left]})
        return
    if is_terminal():
        print(f"{format_nodes(len(retried))} PENDING again")
    else:
        for node_id in retried:
            print_fields(node_id)
        sys.stdout.flush()
    for each in left:
        say(f"not retried: {each.name or each.node_id}: {each.why}")
