"""`agentd task graph ID`: the graph, drawn here or written down for a program that draws."""

import argparse
import re
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING

from agentd.api import TaskStatusResult
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import (
    console,
    drawing_text,
    is_terminal,
    plain_text,
    print_line,
    state_counts,
)
from agentd.cli.task import diagram
from agentd.client import Client
from agentd.node_labels import node_labels
from agentd.states import node_states
from agentd.text import printable

if TYPE_CHECKING:
    from agentd.drawing import Line

_FONTS = re.compile(r"@font-face \{[^}]*\}\s*")
"""Who looks at a picture is not to ask a server for its letters."""


def run(options: argparse.Namespace) -> int:
    """Print the graph. Raises `TooLarge`, `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        status = client.task_status(find_task_id(client, options.task))
    if options.json:
        print_data({"format": options.format, "text": _render(status, options.format)})
    elif options.format == "text" and is_terminal():
        _show(status)
    else:
        print(_render(status, options.format))
    return 0


def _render(status: TaskStatusResult, form: str) -> str:
    if form == "mermaid":
        return diagram.mermaid(status.nodes, node_labels(status.nodes), node_states(status.nodes))
    if form == "dot":
        return diagram.dot(status.nodes, node_labels(status.nodes), node_states(status.nodes))
    if form == "svg":
        return svg(status)
    return "\n".join(line.plain for line in _drawing_lines(status))


def _drawing_lines(
    status: TaskStatusResult, columns: int | None = None, *, ascii_only: bool = False
) -> "Sequence[Line]":
    from agentd.drawing import draw

    nodes = status.nodes
    return draw(nodes, node_states(nodes), node_labels(nodes), columns, ascii_only=ascii_only)


def _show(status: TaskStatusResult) -> None:
    screen = console()
    lines = _drawing_lines(status, screen.width, ascii_only=screen.options.ascii_only)
    print_line(screen, plain_text(status.task.goal, "bold"))
    print_line(screen, state_counts(node_states(status.nodes).values()) if lines else "no nodes")
    screen.print()
    for line in lines:
        print_line(screen, drawing_text(line))


def svg(status: TaskStatusResult) -> str:
    """The drawing as a picture of a terminal: no other program is needed."""
    from rich.console import Console

    lines = _drawing_lines(status)
    width = max((len(line.plain) for line in lines), default=0)
    screen = Console(record=True, file=StringIO(), width=width + 1, highlight=False)
    for line in lines:
        screen.print(drawing_text(line))
    drawn = screen.export_svg(title=printable(status.task.goal))
    return _FONTS.sub("", drawn)
