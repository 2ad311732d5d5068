"""A graph, and where it stands.

The rule this file keeps: that follows from which nodes there are and what they need, never from
their states or labels: a layout lasts until the graph grows.
"""

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
from msgspec import Struct

from agentd.errors import Failure
from agentd.ui.drawing.drawn import Drawn
from agentd.ui.layout.placed import Placed


class CannotDraw(Failure):
    """A graph that could not be laid out, and why."""


class Graph(Struct, frozen=True):
    """What a layout follows from; `edges` are places in `ids`: (the needed, who needs it)."""

    ids: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    @property
    def key(self) -> bytes:
        """What no other graph has."""
        return blake2b(msgspec.json.encode(self), digest_size=16).digest()


class Layout(Struct, frozen=True):
    """A graph, and where it stands; the numbers there are places in `graph.ids`."""

    graph: Graph
    placed: Placed


def graph_of(nodes: Sequence[Drawn]) -> Graph:
    """The graph of these nodes, and of their dependencies among each other."""
    places = {node.id: place for place, node in enumerate(nodes)}
    edges = (
        (places[needed], place)
        for place, node in enumerate(nodes)
        for needed in sorted({*node.dependencies} & places.keys(), key=places.__getitem__)
    )
    return Graph(tuple(places), tuple(edges))
