"""`agentd task explain TASK`: why the nodes of a task are not handed out, cause by cause."""

import argparse
import shlex

from agentd.api import ExplainTaskResult, GroupedCause
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, print_fields, print_whole
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Print every cause and the nodes that it holds. Raises `TaskNotFound`, `Ambiguous`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        found = client.explain_task(task)
    if options.json:
        print_data(found)
    elif is_terminal():
        _show(found, task)
    else:
        for cause in found.reasons:
            print_fields(cause.kind, cause.count, cause.text, ",".join(cause.nodes))
    return 0


def _show(found: ExplainTaskResult, task: str) -> None:
    screen = console()
    counts = ", ".join(f"{number:,} {status}" for status, number in found.counts.items() if number)
    print_whole(screen, f"state    {found.state}")
    print_whole(screen, f"nodes    {counts or 'none'}")
    for cause in found.reasons:
        print_whole(screen, f"because  {cause.text}")
        print_whole(screen, f"         {_held(cause)}")
    if found.next is not None:
        print_whole(screen, f"next     {found.next}")
    if command := _command(found, task):
        print_whole(screen, f"then     {command}")


def _command(found: ExplainTaskResult, task: str) -> str | None:
    """What a person types next: what holds the whole task ends there, else a node tells more."""
    match found.reasons[:1]:
        case [GroupedCause(kind="paused")]:
            return f"agentd task resume {task}"
        case [GroupedCause(kind=kind, nodes=[name, *_])] if kind not in ("cancelled", "paused"):
            command = f"agentd node explain {task} {shlex.quote(name)}"
            return command if command.isprintable() else None
    return None


def _held(cause: GroupedCause) -> str:
    """The nodes that a cause holds."""
    number = f"{cause.count:,} {'node' if cause.count == 1 else 'nodes'}"
    more = ", ..." if cause.count > len(cause.nodes) else ""
    return f"{number}: {', '.join(cause.nodes)}{more}"
