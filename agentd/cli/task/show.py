"""`agentd task show ID`: a task, and how far each of its nodes has come."""

import argparse
import shlex
import time
from collections.abc import Sequence

from msgspec import Raw

from agentd.api import NodeView, TaskStatusResult
from agentd.cli.ids import TELLING_LENGTH, find_task_id, node_name
from agentd.cli.printing import print_data
from agentd.cli.quantities import format_amount
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
from agentd.cli.states import COMPLETED, FAILED, STATES, TASK_COLOURS, node_states
from agentd.cli.task.cost import amounts
from agentd.cli.task.node_words import NodeWords, seconds_of
from agentd.cli.times import format_age, format_duration
from agentd.client import Client

_MOST = 100
"""Nodes on a terminal; more would scroll those away that one looks for."""

_EMPTY = b"{}"


def run(options: argparse.Namespace) -> int:
    """Print a task. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        status = client.task_status(find_task_id(client, options.task))
        if options.json:
            print_data(status)
        elif is_terminal():
            _show(client, status)
        else:
            for node in status.nodes:
                _print_fields(node)
    return 0


def _print_fields(node: NodeView) -> None:
    needs = ",".join(node.dependencies)
    told = node.id, node.status, node_name(node), node.lease_owner, needs
    print_fields(*told, node.attempt, seconds_of(node, time.time()), _result(node))


def _result(node: NodeView) -> Raw | str:
    """What a node was completed or failed with; before that there is nothing."""
    ended = node.status in (COMPLETED.word, FAILED.word)
    return node.result_payload if ended else ""


def _show(client: Client, status: TaskStatusResult) -> None:
    screen, task = console(), status.task
    found = node_states(status.nodes)
    _show_task(status)
    print_line(screen, "nodes    ", state_counts(found.values()) if found else "none")
    if bytes(task.context) != _EMPTY:
        print_line(screen, "context  ", plain_text(task.context))
    if not status.nodes:
        return
    shown = status.nodes
    if len(shown) > _MOST:  # those first that ask for attention
        shown = sorted(shown, key=lambda node: STATES.index(found[node.id]))[:_MOST]
    screen.print()
    short = task.id[:TELLING_LENGTH]
    words = NodeWords(client, status.nodes, found)
    _show_nodes(shown, words)
    if more := len(status.nodes) - len(shown):
        print_whole(screen, f"and {more:,} more: `agentd task show {short} | less` has all")
    failed = [words.called[node.id] for node in shown if found[node.id] is FAILED]
    if failed and failed[0].isprintable():  # else what is shown of it is not its name
        print_whole(screen, f"then     agentd node log {short} {shlex.quote(failed[0])}")
    if failed and status.state != "CANCELLED":
        print_whole(screen, f"then     agentd task retry {short}")


def _show_task(status: TaskStatusResult) -> None:
    screen, task = console(), status.task
    print_line(screen, plain_text(task.goal, "bold"))
    print_line(screen, f"task     {task.id}, registered {format_age(task.created_at)} ago")
    if status.state:
        state = plain_text(status.state, TASK_COLOURS.get(status.state, ""))
        print_line(screen, "state    ", state)
    for unit, used, most in amounts(status):
        of = "" if most is None else f" of {format_amount(most)}"
        print_line(screen, f"used     {unit} {format_amount(used)}{of}")


def _show_nodes(nodes: Sequence[NodeView], words: NodeWords) -> None:
    now = time.time()
    rows = []
    for node in nodes:
        seconds = seconds_of(node, now)
        cells = (
            node.attempt or "-",
            "-" if seconds is None else format_duration(seconds),
            words.describe(node),
        )
        name, state = plain_text(words.called[node.id]), state_text(words.found[node.id])
        rows.append((name, state, *map(plain_text, cells)))
    print_table(console(), ("NODE", "STATE", "TRY", "TIME", ""), rows, flexible=4)
