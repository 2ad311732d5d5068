"""Layers and slots: what stands above what, and in which order.

The rule this file keeps: the same graph comes out the same, on every machine and every time. The
library (fast-sugiyama) chooses; it hands out what it chose in an order of chance, so that is sorted
first. Nothing here is in pixels: a slot is as wide as a box with the room around it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import NamedTuple, cast

from fast_sugiyama import from_edges

_BEND = 0.2
"""The room that a line takes which passes by the boxes of a layer, in slots."""


_LaidOut = tuple[dict[int, tuple[float, float]], Sequence[tuple[int, int]]]
"""Where nodes and bends stand, the needed higher than who needs it, and what connects them."""


class Part(NamedTuple):
    """Nodes that lines connect: each one's layer and slot, bends included, and its lines."""

    layers: list[list[tuple[float, int]]]
    """Of each layer its slots, and what stands there: a node, or a bend behind the last node."""

    lines: list[list[int]]
    """From the needed node, over bends, to the one that needs it."""


def parts_of(count: int, edges: Sequence[tuple[int, int]]) -> list[Part]:
    """What is connected, as its first node was registered; single nodes behind all others."""
    connected = sorted({node for edge in edges for node in edge})
    found = [*_connected_parts(count, connected, edges)] if edges else []
    found.sort(key=lambda part: min(node for layer in part.layers for _, node in layer))
    single = sorted(set(range(count)).difference(connected))
    return [*found, *(Part([[(0.0, node)]], []) for node in single)]


def _connected_parts(
    count: int, connected: Sequence[int], edges: Sequence[tuple[int, int]]
) -> Iterator[Part]:
    # The library numbers its bends behind the nodes that it sees: so it sees numbers without gaps.
    numbers = {node: number for number, node in enumerate(connected)}
    laid_out = _lay_out_forward([(numbers[needed], numbers[needs]) for needed, needs in edges])

    def own(number: int) -> int:
        return connected[number] if number < len(connected) else count + number - len(connected)

    for places, links in laid_out:
        yield _part(
            count,
            {own(number): place for number, place in places.items()},
            sorted((own(one), own(other)) for one, other in links),
        )


def _lay_out_forward(edges: Sequence[tuple[int, int]]) -> list[_LaidOut]:
    """What the library makes of the edges, where all lines lead on, or of shorter ones.

    It puts a node before what it needs in one graph of 1,500, and differs with itself over those.
    """
    found = _ask_library(sorted(edges))
    if all(places[one][1] > places[other][1] for places, links in found for one, other in links):
        return found
    return _ask_library(_in_steps(edges))


def _in_steps(edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same from layer to layer, over bends of our own: no layer is left to be chosen.

    A node is in the first layer behind all that it needs.
    """
    needed_by: defaultdict[int, list[int]] = defaultdict(list)
    for needed, needs in edges:
        needed_by[needs].append(needed)
    layers: dict[int, int] = {}
    for node in TopologicalSorter(needed_by).static_order():
        layers[node] = max((layers[needed] + 1 for needed in needed_by[node]), default=0)
    steps: list[tuple[int, int]] = []
    bends = len(layers)
    for needed, needs in sorted(edges):
        between = layers[needs] - layers[needed] - 1
        steps += pairwise([needed, *range(bends, bends + between), needs])
        bends += between
    return steps


def _ask_library(edges: Sequence[tuple[int, int]]) -> list[_LaidOut]:
    """What the library makes of them."""
    parts = from_edges(
        edges,
        vertex_spacing=1.0,
        dummy_vertices=True,
        dummy_size=_BEND,
        ranking_type="up",
        crossing_minimization="median",
        transpose=False,
        check_layout=False,
    )
    return [
        (
            dict(cast("Sequence[tuple[int, tuple[float, float]]]", positions)),
            cast("Sequence[tuple[int, int]]", links),
        )
        for positions, _, _, links in parts
    ]


def _part(
    count: int, positions: Mapping[int, tuple[float, float]], links: Sequence[tuple[int, int]]
) -> Part:
    last = max(height for _, height in positions.values())
    layers: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for node, (slot, height) in positions.items():
        layers[round(last - height)].append((slot, node))
    ordered = _as_registered([sorted(layers[layer]) for layer in sorted(layers)], count)
    apart = [_apart(layer, count) for layer in ordered]
    least = min(layer[0][0] for layer in apart)
    after = {bend: to for bend, to in links if bend >= count}
    lines = [[node, to] for node, to in links if node < count]
    for line in lines:
        while line[-1] >= count:
            line.append(after[line[-1]])
    return Part([[(slot - least, node) for slot, node in layer] for layer in apart], lines)


def _as_registered(
    layers: list[list[tuple[float, int]]], count: int
) -> list[list[tuple[float, int]]]:
    """The same, or its mirror image: what was registered first stands above, or at the left."""
    stand = [[node for _, node in layer if node < count] for layer in layers]
    pairs = [here < there for layer in stand for here, there in pairwise(layer)]
    if 2 * sum(pairs) >= len(pairs):
        return layers
    return [[(-slot, node) for slot, node in reversed(layer)] for layer in layers]


def _apart(layer: list[tuple[float, int]], count: int) -> list[tuple[float, int]]:
    """The same in the same order, none in another's room: some of the library's slots are."""
    moved = [layer[0]]
    for slot, node in layer[1:]:
        before, other = moved[-1]
        room = sum(1.0 if each < count else _BEND for each in (node, other)) / 2
        moved.append((max(slot, before + room), node))
    return moved
