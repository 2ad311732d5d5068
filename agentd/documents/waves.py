"""The waves of a plan: what can run at once, if every node takes as long as the others.

The rule this file keeps: a node is in the first wave behind all that it depends on, and within a
wave nodes stand as they are handed out.
"""

from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter

from agentd.api import NodeSpec


def waves(nodes: Sequence[NodeSpec], priority: int) -> Iterator[list[NodeSpec]]:
    """The nodes of a plan without a cycle, wave by wave; `priority` is that of the task."""
    places = {node.id or "": place for place, node in enumerate(nodes)}
    sorter = TopologicalSorter({node.id or "": node.dependencies or () for node in nodes})
    sorter.prepare()

    def turn(node: NodeSpec) -> tuple[int, int]:
        own = priority if node.priority is None else node.priority
        return -own, places[node.id or ""]

    while ready := sorter.get_ready():
        yield sorted((nodes[places[each]] for each in ready), key=turn)
        sorter.done(*ready)
