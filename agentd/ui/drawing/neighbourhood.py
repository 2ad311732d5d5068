"""What stands around one node of a large graph.

The rule this file keeps: the nearest first, what it needs and what needs it by turns, so that a
node that thousands wait for still shows what it waits for itself.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from msgspec import Struct
from msgspec.structs import replace

from agentd.ui.drawing.drawn import Drawn
from agentd.ui.drawing.levels import is_large


class Neighbourhood(Struct):
    """The nodes to draw, as registered, and how many as near are not among them."""

    nodes: list[Drawn]
    left_out: int


def neighbourhood(
    nodes: Sequence[Drawn], node_id: str, steps: int = 2, most: int = 200
) -> Neighbourhood:
    """The nodes up to `steps` lines away from one, itself included.

    Raises KeyError where there is no such node.
    """
    needs = {node.id: node.dependencies for node in nodes}
    needed_by: dict[str, list[str]] = {each: [] for each in needs}
    for node in nodes:
        for other in node.dependencies:
            if other in needed_by:
                needed_by[other].append(node.id)
    if node_id not in needs:
        raise KeyError(node_id)
    near, ring, found = {node_id}, [node_id], [node_id]
    for _ in range(steps):
        beside = chain.from_iterable(_beside(each, needs, needed_by) for each in ring)
        ring = [each for each in dict.fromkeys(beside) if each in needs and each not in near]
        near.update(ring)
        found += ring
    kept = _keep_nearest(nodes, found, most)
    while is_large(kept):  # few nodes, but with more lines than can be drawn
        kept = _keep_nearest(nodes, found, len(kept) // 2)
    return Neighbourhood(kept, len(found) - len(kept))


def _keep_nearest(nodes: Sequence[Drawn], found: Sequence[str], most: int) -> list[Drawn]:
    """The first of those that were found, as registered, and their lines among each other."""
    kept = {*found[:most]}
    return [
        replace(node, dependencies=[each for each in node.dependencies if each in kept])
        for node in nodes
        if node.id in kept
    ]


def _beside(
    node_id: str, needs: dict[str, list[str]], needed_by: dict[str, list[str]]
) -> Iterator[str]:
    """What a node needs and what needs it, by turns."""
    pairs = zip_longest(needs[node_id], needed_by[node_id])
    return (each for pair in pairs for each in pair if each is not None)
