"""Which old nodes a cycle could go through, when nodes are added to a task.

The rule this file keeps: what is looked at is little where little is touched, however large the
task is. A cycle goes from a new node to an old one that it depends on, down to one that is to wait
for a new node. Such a way is looked for from both of its ends in turn, and the search is over when
either end has nothing more to look at. A join of very many nodes is not read where the other end
may be over sooner.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from agentd.projections import NODES, NodeRow
from agentd.queries.nodes import dependencies_of
from agentd.store import Reader

Edge = tuple[str, tuple[str, str]]
"""The node that is met, and the edge that leads there: who depends, and on whom."""

_LITTLE = 64
"""Edges that are looked at downwards at once: how many lead upwards is not known before."""

NO_EDGES: Mapping[str, Sequence[str]] = MappingProxyType({})


def edges_between(
    reader: Reader,
    dependencies: Iterable[str],
    before: Iterable[str],
    *,
    skips_satisfied: bool = True,
) -> Mapping[str, Sequence[str]]:
    """Edges of old nodes, all of those with which new ones could form a cycle.

    `dependencies` are the old nodes that new ones depend on, `before` those that are to wait for
    new ones. Nothing where no way leads from one of the first down to one of the others.
    `skips_satisfied`: what a node waits for no longer had nothing to wait for itself.
    """
    ends, starts = set(before), set(dependencies)
    if not ends or not starts:
        return NO_EDGES
    look_down = _look_down(reader, skips_satisfied=skips_satisfied)
    down, up = _Search(starts, look_down), _Search(ends, _look_up(reader))
    while not (down.is_over or up.is_over):
        row: NodeRow = reader.get(NODES, (down.next,))
        goes_down = down.seen + row.waiting_on <= up.seen + _LITTLE
        (down if goes_down else up).step()
    if down.is_over:
        return down.edges if ends & down.nodes else NO_EDGES
    return up.edges if starts & up.nodes else NO_EDGES


class _Search:
    """Goes from node to node along edges; `seen` grows with the work that it was."""

    def __init__(self, starts: Iterable[str], look: Callable[[str], Iterable[Edge]]) -> None:
        self.nodes = set(starts)
        self.edges: dict[str, list[str]] = {}
        self.seen = 0
        self._look = look
        self._open = list(self.nodes)

    @property
    def is_over(self) -> bool:
        """Whether all nodes have been looked at that there are."""
        return not self._open

    @property
    def next(self) -> str:
        """The node that is looked at next."""
        return self._open[-1]

    def step(self) -> None:
        """Look at one node."""
        self.seen += 1
        for other, (node_id, dependency) in self._look(self._open.pop()):
            self.seen += 1
            self.edges.setdefault(node_id, []).append(dependency)
            if other not in self.nodes:
                self.nodes.add(other)
                self._open.append(other)


def _look_down(reader: Reader, *, skips_satisfied: bool) -> Callable[[str], Iterable[Edge]]:
    """Below a node that waits for nothing there is none that is PENDING, where that is skipped."""

    def look(node_id: str) -> Iterable[Edge]:
        row: NodeRow = reader.get(NODES, (node_id,))
        if row.waiting_on or not skips_satisfied:
            for each in dependencies_of(reader, row):
                yield each, (node_id, each)

    return look


def _look_up(reader: Reader) -> Callable[[str], Iterable[Edge]]:
    return lambda node_id: ((each, (each, node_id)) for each in reader.dependents(node_id))
