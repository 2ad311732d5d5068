"""`agentd task show ID`: a task, and how far each of its nodes has come."""

import argparse
import shlex
import time
from collections.abc import Mapping, Sequence

from msgspec import UNSET, Raw

from agentd.api import NodeView, TaskStatusResult
from agentd.cli.ids import TELLING_LENGTH, find_task_id
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
from agentd.cli.task.cost import amounts
from agentd.cli.task.node_words import NodeWords, seconds_of
from agentd.client import Client
from agentd.quantities import format_amount
from agentd.references import node_name
from agentd.states import COMPLETED, FAILED, GATE, STATES, TASK_COLOURS, State, node_states
from agentd.times import format_age, format_duration

_MOST = 100
"""Nodes on a terminal; more would scroll those away that one looks for."""

_EMPTY = b"{}"


def run(options: argparse.Namespace) -> int:
    """Print a task. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        status = client.task_status(find_task_id(client, options.task), at=options.at)
        if options.json:
            print_data(status)
        elif is_terminal():
            _show(client, status, options.at)
        else:
            for node in status.nodes:
                _print_fields(node, None if options.at is not None else time.time())
    return 0


def _print_fields(node: NodeView, now: float | None) -> None:
    needs = ",".join(node.dependencies)
    told = node.id, node.status, node_name(node), node.lease_owner, needs
    print_fields(*told, node.attempt, seconds_of(node, now), _result(node))


def _result(node: NodeView) -> Raw | str:
    """What a node was completed or failed with; before that there is nothing."""
    ended = node.status in (COMPLETED.word, FAILED.word)
    return node.result_payload if ended else ""


def _show(client: Client, status: TaskStatusResult, at: int | str | None) -> None:
    screen, task = console(), status.task
    found = node_states(status.nodes)
    _show_task(status, at)
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
    words = NodeWords(client, status.nodes, found, at)
    _show_nodes(shown, words, None if at is not None else time.time())
    if more := len(status.nodes) - len(shown):
        print_whole(screen, f"and {more:,} more: `agentd task show {short} | less` has all")
    if at is None:
        _show_advice(status, shown, words, found)


def _show_advice(
    status: TaskStatusResult,
    shown: Sequence[NodeView],
    words: NodeWords,
    found: Mapping[str, State],
) -> None:
    """What to type next."""
    screen, short = console(), status.task.id[:TELLING_LENGTH]
    gates = [words.called[node.id] for node in shown if found[node.id] is GATE]
    if gates and gates[0].isprintable():
        print_whole(screen, f"then     agentd gate show {short} {shlex.quote(gates[0])}")
        print_whole(screen, f"         agentd gate approve {short} {shlex.quote(gates[0])}")
    failed = [node for node in shown if found[node.id] is FAILED]
    if failed and (name := words.called[failed[0].id]).isprintable():  # else it is not its name
        look = "gate show" if failed[0].gate else "node log"
        print_whole(screen, f"then     agentd {look} {short} {shlex.quote(name)}")
    if failed and status.state != "CANCELLED":
        print_whole(screen, f"then     agentd task retry {short}")


def _show_task(status: TaskStatusResult, at: int | str | None) -> None:
    screen, task = console(), status.task
    print_line(screen, plain_text(task.goal, "bold"))
    print_line(screen, f"task     {task.id}, registered {format_age(task.created_at)} ago")
    if (origin := task.forked_from) is not UNSET:
        print_line(screen, f"forked from {origin.task_id}, as it was after seq {origin.seq}")
    if task.imported_from is not UNSET:
        print_line(screen, "imported from ", task.imported_from)
    if at is not None:
        then = f"after seq {at}" if isinstance(at, int) else f"at {at}"
        print_line(screen, f"as it was {then}")
    if status.state:
        state = plain_text(status.state, TASK_COLOURS.get(status.state, ""))
        print_line(screen, "state    ", state)
    for unit, used, most in amounts(status):
        of = "" if most is None else f" of {format_amount(most)}"
        print_line(screen, f"used     {unit} {format_amount(used)}{of}")


def _show_nodes(nodes: Sequence[NodeView], words: NodeWords, now: float | None) -> None:
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
