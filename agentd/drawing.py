"""A task's graph as it is drawn in a terminal: a row for each node, lines to those that need it.

The rule this file keeps: a node stands below all that it depends on, so time runs down the page.
The library that draws is renderdag, a port of what `sl smartlog` draws commits with: it takes a row
for each node and two columns for each line that passes by, so a graph stays readable at 80 columns
where boxes would not fit.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from renderdag import Ancestor, AncestorType, GraphRowRenderer

from agentd.errors import Failure
from agentd.states import GATE, STATES, Depending, State, in_dependency_order
from agentd.text import printable

MOST = 500
"""Nodes in a drawing: who has more of them wants a program that zooms."""

LEAST = 24
"""Columns for what stands beside the lines, on a terminal."""

_GAP = 2
_WORDS = max(len(state.word) for state in STATES)


class TooLarge(Failure):
    """A graph that is not for the eye."""


class Drawable(Depending, Protocol):
    """What is drawn of a node, and of all that it depends on; a `NodeView` is one."""

    @property
    def task_id(self) -> str:
        """The task that has it."""

    @property
    def lease_owner(self) -> str | None:
        """Who holds it."""

    @property
    def gate(self) -> object:
        """True where it is decided, not worked on."""


class Line(NamedTuple):
    """One line: those that connect, then the node's state and name where it is a node's."""

    beside: str
    state: State | None
    label: str
    node_id: str | None = None

    @property
    def plain(self) -> str:
        """The line without its colours."""
        word = self.state.word if self.state else ""
        return f"{self.beside}{word:{_WORDS + _GAP}}{self.label}".rstrip()


def draw(
    nodes: Sequence[Drawable],
    found: Mapping[str, State],
    called: Mapping[str, str],
    columns: int | None = None,
    *,
    ascii_only: bool = False,
) -> list[Line]:
    """The lines of the drawing; with `columns` it has to fit. Raises `TooLarge`."""
    if len(nodes) > MOST:
        raise _too_large(nodes, f"drawings end at {MOST}", "dot")
    rows = _rows(nodes, found, ascii_only=ascii_only)
    width = max((len(line) for _, lines in rows for line in lines), default=0) + _GAP
    if columns is not None and width + LEAST > columns:
        why = f"it takes {width + LEAST} columns, and here are {columns}"
        raise _too_large(nodes, why, "svg")
    drawn = []
    for node, (first, *rest) in rows:
        label = printable(called[node.id] + _remark(node, found[node.id]))
        drawn.append(Line(f"{first:{width}}", found[node.id], label, node.id))
        drawn += [Line(line, None, "") for line in rest]
    return drawn


def _remark(node: Drawable, state: State) -> str:
    """Who holds it; or that it is a gate, which nobody holds."""
    if node.lease_owner:
        return f" ({node.lease_owner})"
    return " (gate)" if node.gate and state is not GATE else ""


def _rows(
    nodes: Sequence[Drawable], found: Mapping[str, State], *, ascii_only: bool
) -> list[tuple[Drawable, list[str]]]:
    """The lines beside each node, its sign among them, and those below it."""
    output = GraphRowRenderer().output().with_min_row_height(1)
    renderer = output.build_ascii() if ascii_only else output.build_box_drawing()
    needed_by: dict[str, list[AncestorType]] = {node.id: [] for node in nodes}
    for node in nodes:
        for other in node.dependencies:
            needed_by[other].append(Ancestor.parent(node.id))
    rows = []
    for node in in_dependency_order(nodes):
        state = found[node.id]
        sign = state.word[0] if ascii_only else state.sign
        text = renderer.next_row(node.id, needed_by[node.id], sign, "")
        rows.append((node, [line.rstrip() for line in text.splitlines()]))
    return rows


def _too_large(nodes: Sequence[Drawable], why: str, form: str) -> TooLarge:
    return TooLarge(
        f"a graph of {len(nodes):,} nodes is too large to draw here: {why}; "
        f"`agentd task show {nodes[0].task_id}` lists the nodes, and `--format {form}` is for "
        "programs that zoom"
    )
