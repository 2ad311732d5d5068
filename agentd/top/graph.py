"""The graph of the chosen task, as `agentd task graph` draws it.

The rule this file keeps: what is drawn can be read, so a task of more than 500 nodes, or one whose
drawing is wider than the screen, is drawn around the chosen node only.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agentd.drawing import MOST, TooLarge, draw
from agentd.drawing import Line as Drawn
from agentd.live import NodeRow
from agentd.states import FAILED, GATE, RUNNABLE, RUNNING
from agentd.top.fit import fit
from agentd.top.lines import Line, Lines, Part
from agentd.top.nodes import BY_WORD, first_of

_STEPS = (3, 2, 1)
"""How far from the chosen node the others are, as far as there is room."""

_MOST_AROUND = 120
"""Nodes around the chosen one."""

_WORD = 11


class Graph(Lines[Drawn | str]):
    """A line a node, and lines that connect them."""

    empty = "no node"

    def heading(self, cells: int) -> Sequence[Part]:
        """What stands where; time runs down."""
        return [(fit("a node stands below all that it waits for", cells), "")]

    def parts(self, item: Drawn | str, cells: int) -> Sequence[Part]:
        """A line of the drawing."""
        if isinstance(item, str):
            return [(fit(item, cells), "dim")]
        if item.state is None:
            return [(fit(item.beside, cells), "")]
        word = f"{item.state.word:{_WORD}}"
        rest = max(cells - len(item.beside) - _WORD, 0)
        colour = item.state.colour
        before, sign, behind = item.beside.partition(item.state.sign)
        return [
            (before, ""),
            (sign, colour),
            (behind, ""),
            (word, colour),
            (fit(item.label, rest), ""),
        ]


class Around(NamedTuple):
    """A node among those that are looked at, with what it waits for among them."""

    id: str
    task_id: str
    dependencies: list[str]
    lease_owner: str | None
    gate: bool


def graph_lines(
    task_id: str, nodes: Mapping[str, NodeRow], chosen: str | None, cells: int
) -> list[Line[Drawn | str]]:
    """All of the graph, or what is around the chosen node, or else around who needs attention."""
    if len(nodes) <= MOST:
        try:
            return _lines(task_id, nodes, nodes, cells)
        except TooLarge:
            pass
    if not nodes:
        return []
    middle = chosen if chosen is not None and chosen in nodes else _first_to_look_at(nodes)
    for steps in _STEPS:
        some = around(nodes, middle, steps)
        told = f"{len(some)} of {len(nodes):,} nodes: those around {nodes[middle].label[:MOST]}"
        try:
            return [Line(None, told), *_lines(task_id, nodes, some, cells)]
        except TooLarge:
            continue
    return [Line(None, "too many lines pass by for this screen: `agentd ui` draws it")]


def around(nodes: Mapping[str, NodeRow], middle: str, steps: int) -> list[str]:
    """The ids of the node and of those that are so near, in the order of the task."""
    needed_by: dict[str, list[str]] = {}
    for node in nodes.values():
        for other in node.dependencies:
            needed_by.setdefault(other, []).append(node.id)
    found = {middle}
    edge = [middle]
    for _ in range(steps):
        near = (n for each in edge for n in (*nodes[each].dependencies, *needed_by.get(each, ())))
        edge = [each for each in dict.fromkeys(near) if each in nodes and each not in found]
        edge = edge[: _MOST_AROUND - len(found)]
        found.update(edge)
    return [each for each in nodes if each in found]


def _first_to_look_at(nodes: Mapping[str, NodeRow]) -> str:
    for state in (RUNNING, FAILED, GATE, RUNNABLE):
        if (found := first_of(nodes.values(), state.word)) is not None:
            return found.id
    return next(iter(nodes))


def _lines(
    task_id: str, nodes: Mapping[str, NodeRow], some: Iterable[str], cells: int
) -> list[Line[Drawn | str]]:
    """Raises `TooLarge`."""
    shown = [nodes[each] for each in some]
    ids = {node.id for node in shown}
    graph = [
        Around(
            node.id,
            task_id,
            [other for other in node.dependencies if other in ids],
            node.owner,
            node.ask is not None,
        )
        for node in shown
    ]
    states = {node.id: BY_WORD[node.state] for node in shown}
    called = {node.id: node.label for node in shown}
    return [Line(each.node_id, each) for each in draw(graph, states, called, cells)]
