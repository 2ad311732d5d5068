"""`agentd task cost TASK`: what a task has used of what it may, and which nodes used most."""

import argparse
import shlex
from collections.abc import Sequence

from agentd.api import NodeView, TaskStatusResult
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.screen import (
    console,
    is_terminal,
    plain_text,
    print_fields,
    print_line,
    print_table,
    print_whole,
)
from agentd.client import Client
from agentd.node_labels import node_labels
from agentd.quantities import format_amount
from agentd.references import node_name

_MOST = 20
"""Nodes on a terminal."""

Amounts = list[tuple[str, int | float, int | float | None]]


def run(options: argparse.Namespace) -> int:
    """Print usage. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        found = client.task_status(find_task_id(client, options.task))
    dearest = _nodes_by_cost(found)
    say_untold(found)
    if options.json:
        nodes = [{"node_id": n.id, "name": node_name(n), "usage": n.usage} for n in dearest]
        print_data({"usage": found.usage, "budget": found.budget, "nodes": nodes})
    elif is_terminal():
        _show(found, dearest)
    else:
        print_amounts(amounts(found))
        for node in dearest:
            for unit, used in node.usage.items():
                print_fields(unit, used, None, node.id, node_name(node))
    return 0


def amounts(found: TaskStatusResult) -> Amounts:
    """Each unit, how much of it is used, and how much may be, where that is said."""
    budget = found.budget or {}
    units = sorted({*found.usage, *budget})
    return [(unit, found.usage.get(unit, 0), budget.get(unit)) for unit in units]


def say_untold(found: TaskStatusResult) -> None:
    """Say of which units of the budget nobody has told: what nobody tells stops nothing."""
    for unit in sorted({*(found.budget or ())} - {*found.usage}):
        how = f"`agentd node commit TASK NODE LEASE --usage {shlex.quote(f'{unit}=AMOUNT')}` does"
        say(f"nobody has told yet how much {unit!r} was used: {how}")


def print_amounts(rows: Amounts) -> None:
    """For a program: a line for each unit; those of nodes have two fields more."""
    for unit, used, most in rows:
        print_fields(unit, used, most)


def show_amounts(rows: Amounts) -> None:
    """For a person: a table of the units."""
    cells = [
        (
            plain_text(unit),
            plain_text(format_amount(used)),
            plain_text("-" if most is None else format_amount(most)),
            plain_text("used up" if most is not None and used >= most else "", "red"),
        )
        for unit, used, most in rows
    ]
    if cells:
        print_table(console(), ("UNIT", "USED", "BUDGET", ""), cells, flexible=0)
    else:
        print_line(console(), "no budget, and no usage was told")


def _nodes_by_cost(found: TaskStatusResult) -> list[NodeView]:
    """The nodes that used anything, those first that have the largest share of any unit."""
    nodes = [node for node in found.nodes if any(node.usage.values())]
    return sorted(nodes, key=lambda node: share(node, found), reverse=True)


def share(node: NodeView, found: TaskStatusResult) -> float:
    """Its largest share of what the task has used of any unit, from 0 to 1."""
    shares = (used / total for u, used in node.usage.items() if (total := found.usage.get(u)))
    return max(shares, default=0)


def _show(found: TaskStatusResult, dearest: Sequence[NodeView]) -> None:
    screen = console()
    show_amounts(amounts(found))
    if not dearest:
        return
    called = node_labels(found.nodes)
    rows = [
        (
            plain_text(called[node.id]),
            plain_text(f"{share(node, found):.0%}"),
            plain_text(
                ", ".join(f"{unit} {format_amount(used)}" for unit, used in node.usage.items())
            ),
        )
        for node in dearest[:_MOST]
    ]
    screen.print()
    print_table(screen, ("NODE", "SHARE", "USED"), rows, flexible=2)
    if more := len(dearest) - len(rows):
        print_whole(screen, f"and {more:,} more: `agentd task cost {found.task.id} | less` has all")
