"""`agentd task fork TASK`: a new task that begins as this one is, or was once."""

import argparse

from agentd.api import NodeView
from agentd.cli.ids import TELLING_LENGTH, find_node_ids, find_task_id
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_line
from agentd.client import Client
from agentd.node_labels import node_labels

_MOST_NAMED = 8
"""Nodes that are named of those that run again."""


def run(options: argparse.Namespace) -> int:
    """Fork the task. Raises `TaskNotFound`, `NodeNotFound`, `Ambiguous`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        rerun = find_node_ids(client, task, options.rerun)
        if options.failed and not _has_failed(client, task, options.at):
            say("nothing had FAILED there, so `--failed` changes nothing")
        made = client.fork_task(
            task, at=options.at, rerun=rerun, failed=options.failed, goal=options.goal
        )
        if options.json:
            print_data(made)
        elif is_terminal():
            _show(client, made.task_id, task)
        else:
            print_fields(made.task_id)
    return 0


def _has_failed(client: Client, task: str, at: int | str | None) -> bool:
    counts = client.task_status(task, fields=["counts"], at=at).counts
    return bool(counts and counts.get("FAILED"))


def _show(client: Client, made: str, task: str) -> None:
    """The new task, and what of it is to be done."""
    screen, status = console(), client.task_status(made)
    print_line(screen, f"task   {made}")
    print_line(screen, f"from   {task}")
    print_line(screen, "goal   ", plain_text(status.task.goal))
    to_do = [node for node in status.nodes if node.status == "PENDING"]
    done = len(status.nodes) - len(to_do)
    print_line(screen, f"nodes  {len(to_do):,} to do, {done:,} as they ended there")
    if to_do:
        print_line(screen, "to do  ", plain_text(_names(to_do, status.nodes)))
    print_line(screen, f"look   agentd task show {made[:TELLING_LENGTH]}")


def _names(nodes: list[NodeView], among: list[NodeView]) -> str:
    called = node_labels(among)
    named = ", ".join(called[node.id] for node in nodes[:_MOST_NAMED])
    more = len(nodes) - _MOST_NAMED
    return f"{named} and {more:,} more" if more > 0 else named
