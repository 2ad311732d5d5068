"""`agentd task show ID`: a task, and how far each of its nodes has come."""

import argparse
import time

from msgspec import Raw

from agentd.api import CauseKind, NodeView, TaskStatusResult
from agentd.cli.ids import find_task_id, node_labels, node_name
from agentd.cli.printing import print_data
from agentd.cli.screen import (
    console,
    is_terminal,
    plain_text,
    print_fields,
    print_line,
    print_table,
    print_whole,
    state_counts,
    state_text,
)
from agentd.cli.states import (
    COMPLETED,
    FAILED,
    RUNNING,
    STATES,
    TASK_COLOURS,
    State,
    node_states,
)
from agentd.cli.task.budget import amounts
from agentd.cli.times import format_age, format_duration, format_moment
from agentd.client import Client

_MOST = 100
"""Nodes on a terminal; more would scroll those away that one looks for."""

_EMPTY = b"{}"

HOLDS: dict[CauseKind, str] = {
    "limit_closed": "a limit that is closed",
    "limit_full": "a limit that is full",
    "rate": "a rate",
}
"""What a node waits for besides nodes and moments, and its task does not say."""


def run(options: argparse.Namespace) -> int:
    """Print a task. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        status = client.task_status(find_task_id(client, options.task))
    if options.json:
        print_data(status)
    elif is_terminal():
        _show(status)
    else:
        for node in status.nodes:
            _print_fields(node)
    return 0


def _print_fields(node: NodeView) -> None:
    needs = ",".join(node.dependencies)
    print_fields(node.id, node.status, node_name(node), node.lease_owner, needs, _result(node))


def _show(status: TaskStatusResult) -> None:
    task, found, called = status.task, node_states(status.nodes), node_labels(status.nodes)
    screen = console()
    print_line(screen, plain_text(task.goal, "bold"))
    print_line(screen, f"task     {task.id}, registered {format_age(task.created_at)} ago")
    if status.state:
        state = plain_text(status.state, TASK_COLOURS.get(status.state, ""))
        print_line(screen, "state    ", state)
    for unit, used, most in amounts(status):
        print_line(screen, f"used     {unit} {used}" + ("" if most is None else f" of {most}"))
    print_line(screen, "nodes    ", state_counts(found.values()) if found else "none")
    if bytes(task.context) != _EMPTY:
        print_line(screen, "context  ", plain_text(task.context))
    if not status.nodes:
        return
    first = sorted(status.nodes, key=lambda node: STATES.index(found[node.id]))[:_MOST]
    kept = {node.id for node in first}
    rows = [
        (
            plain_text(called[node.id]),
            state_text(found[node.id]),
            plain_text(_describe_node(node, found, called)),
        )
        for node in status.nodes
        if node.id in kept
    ]
    screen.print()
    print_table(screen, ("NODE", "STATE", ""), rows, flexible=2)
    if more := len(status.nodes) - len(kept):
        print_whole(screen, f"and {more:,} more: `agentd task show {task.id} | less` has all")


def _describe_node(node: NodeView, found: dict[str, State], called: dict[str, str]) -> object:
    """What a person asks about a node in its state."""
    if found[node.id] is RUNNING:
        left = (node.lease_expires_at or 0) - int(time.time())
        ends = f"{format_duration(left)} left" if left >= 0 else "its lease ran out"
        return f"{node.lease_owner}, {ends}"
    if found[node.id] in (COMPLETED, FAILED):
        return _result(node)
    waits = [called[other] for other in node.dependencies if found[other] is not COMPLETED]
    if node.not_before is not None:
        waits.append(format_moment(node.not_before))
    waits += [HOLDS[kind] for kind in node.blocked_by if kind in HOLDS]
    return f"waits for {', '.join(waits)}" if waits else ""


def _result(node: NodeView) -> Raw | str:
    """What a node was completed or failed with; before that there is nothing."""
    ended = node.status in (COMPLETED.word, FAILED.word)
    return node.result_payload if ended else ""
