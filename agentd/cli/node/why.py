"""`agentd node why TASK NODE`: why a node is not handed out, and what would help."""

import argparse

from agentd.api import ExplainNodeResult
from agentd.cli.node.holder import holder_words
from agentd.cli.node.target import TargetNode, find_target
from agentd.cli.printing import print_data
from agentd.cli.remedies import remedies, taking_away, worker_commands
from agentd.cli.screen import console, is_terminal, print_fields, print_whole
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Print every cause. Raises `TaskNotFound`, `NodeNotFound`, `Ambiguous`."""
    with Client() as client:
        target = find_target(client, options)
        found = client.explain_node(*target, at=options.at)
        if options.json:
            print_data(found)
        elif is_terminal():
            typed = options.node if options.node.isprintable() else target.node_id
            _show(client, found, target, typed, options.at)
        else:
            for cause in found.reasons:
                print_fields(cause.kind, cause.text)
    return 0


def _show(
    client: Client, found: ExplainNodeResult, target: TargetNode, typed: str, at: int | str | None
) -> None:
    """`typed` is what the node was meant by, which may be typed again."""
    screen, helps = console(), False
    print_whole(screen, f"status    {found.status}{', runnable' if found.runnable else ''}")
    if found.status == "RUNNING":
        _show_holder(client, target, at)
    is_cancelled = any(cause.kind == "cancelled" for cause in found.reasons)
    for cause in found.reasons:
        print_whole(screen, f"because   {cause.text}")
        for command in (
            () if is_cancelled or at is not None else remedies(cause, target.task_id, typed)
        ):
            print_whole(screen, f"then      {command}")
            helps = True
    if at is not None:
        return
    if found.runnable and not found.reasons:
        print_whole(screen, "because   no worker has taken it yet")
        requires = client.node_status(*target).node.requires
        for command in worker_commands(target.task_id, requires or ()):
            print_whole(screen, f"then      {command}")
    if found.next is not None and not helps:
        print_whole(screen, f"next      {found.next}")


def _show_holder(client: Client, target: TargetNode, at: int | str | None) -> None:
    """Who works on it, and what takes it away: nothing holds it back, but it may hang."""
    node = client.node_status(*target, at=at).node
    if holder := holder_words(node, now=at is None):
        print_whole(console(), f"held by   {holder}")
    if holder and at is None:
        print_whole(console(), f"take it   {taking_away(node)}")
