"""`agentd task why TASK`: why the nodes of a task are not handed out, cause by cause."""

import argparse
from collections.abc import Iterator

from agentd.api import ExplainTaskResult, GroupedCause
from agentd.cli.ids import find_task_id
from agentd.cli.node.holder import holder_words
from agentd.cli.printing import print_data
from agentd.cli.remedies import remedies, taking_away, worker_commands
from agentd.cli.screen import console, is_terminal, print_fields, print_whole
from agentd.client import Client
from agentd.errors import NodeNotFound
from agentd.node_labels import node_labels
from agentd.quantities import format_nodes
from agentd.states import FAILED, RUNNING

_MOST = 10
"""Causes on a terminal."""

_MOST_RUNNING = 5
"""Nodes that run, on a terminal."""


def run(options: argparse.Namespace) -> int:
    """Print every cause and the nodes that it holds. Raises `TaskNotFound`, `Ambiguous`."""
    with Client() as client:
        task = find_task_id(client, options.task)
        found = client.explain_task(task)
        if options.json:
            print_data(found)
        elif is_terminal():
            _show(client, found, task)
        else:
            for cause in found.reasons:
                print_fields(cause.kind, cause.count, cause.text, ",".join(cause.nodes))
    return 0


def _show(client: Client, found: ExplainTaskResult, task: str) -> None:
    screen, helps = console(), False
    counts = ", ".join(f"{number:,} {status}" for status, number in found.counts.items() if number)
    print_whole(screen, f"state    {found.state}")
    print_whole(screen, f"nodes    {counts or 'none'}")
    if not found.counts.get(RUNNING.word) and _is_runnable(client, task):
        print_whole(screen, "because  no worker has taken what is runnable")
        for command in worker_commands(task):
            print_whole(screen, f"then     {command}")
        helps = True
    if found.counts.get(RUNNING.word):
        _show_running(client, task)
    for cause in found.reasons[:_MOST]:
        print_whole(screen, f"because  {cause.text}")
        print_whole(screen, f"         {_list_nodes(cause)}")
        for command in _commands(client, task, cause) if found.state != "CANCELLED" else ():
            print_whole(screen, f"then     {command}")
            helps = True
    if (more := len(found.reasons) - _MOST) > 0:
        print_whole(screen, f"and {more:,} more causes: `agentd task why {task} | less` has all")
    if failed := found.counts.get(FAILED.word):
        print_whole(screen, f"failed   {format_nodes(failed)}")
        if found.state != "CANCELLED":
            print_whole(screen, f"then     agentd task retry {task}")
    elif found.next is not None and not helps:
        print_whole(screen, f"next     {found.next}")


def _show_running(client: Client, task: str) -> None:
    """Who works on what, those first who began first: they are the likeliest to hang."""
    nodes = client.task_status(task, fields=["nodes"]).nodes
    running = [node for node in nodes if holder_words(node)]
    running.sort(key=lambda node: node.acquired_at or 0)
    called, screen = node_labels(nodes), console()
    for node in running[:_MOST_RUNNING]:
        print_whole(screen, f"running  {called[node.id]}: {holder_words(node)}")
        print_whole(screen, f"take it  {taking_away(node)}")
    if (more := len(running) - _MOST_RUNNING) > 0:
        print_whole(screen, f"and {more:,} more running: `agentd task show {task}` has all")


def _is_runnable(client: Client, task: str) -> bool:
    """Whether a worker that offers no labels would get a node of the task."""
    return any(each.runnable for each in client.list_tasks(prefix=task, limit=1).tasks)


def _commands(client: Client, task: str, group: GroupedCause) -> Iterator[str]:
    """Against what holds the first of the nodes: of it the daemon tells the details."""
    if group.kind == "dependency":  # those that they wait for have causes of their own
        return
    if group.kind == "not_before" and group.count > 1:  # each has a moment of its own
        yield f"agentd task set {task} --not-before 0"
        return
    node = group.nodes[0]
    try:
        causes = client.explain_node(task, node).reasons
    except NodeNotFound:
        return
    for cause in causes:
        if cause.kind == group.kind:
            yield from remedies(cause, task, node)
            return


def _list_nodes(cause: GroupedCause) -> str:
    """The nodes that a cause holds."""
    more = ", ..." if cause.count > len(cause.nodes) else ""
    return f"{format_nodes(cause.count)}: {', '.join(cause.nodes)}{more}"
