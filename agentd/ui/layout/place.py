"""Layers and slots in pixels: where boxes stand and lines bend.

The rule this file keeps: no box stands in another's room, and no line passes through one: lines
bend between layers, and pass by the boxes of a layer straight. Parts that nothing connects are set
side by side, as words on lines. Time runs down or to the right, whichever suits a screen better.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

from agentd.ui.layout.parts import Part, parts_of
from agentd.ui.layout.placed import BOX_HEIGHT, BOX_WIDTH, Placed, Route

_MARGIN = 12
_BESIDE = 14
"""Pixels between two boxes of a layer, and between parts."""

_STEEPEST = 140
"""Pixels that are added between two layers, at most, where lines go far to the side."""

_FLAT = 12
"""So many times as far as to the side, at most, such a line goes along."""

_SCREEN = (1200, 750)
"""The shape that drawings are to come near to, in pixels."""


class Direction(NamedTuple):
    """Which way time runs, and what that makes of a layer and of a slot, in pixels."""

    downwards: bool
    layer: int
    gap: int
    """Between two layers, at least."""

    box: int
    """How much of a slot a box takes."""

    @property
    def slot(self) -> int:
        """From one box of a layer to the next."""
        return self.box + _BESIDE


DIRECTIONS = (
    Direction(downwards=False, layer=BOX_WIDTH, gap=56, box=BOX_HEIGHT),
    Direction(downwards=True, layer=BOX_HEIGHT, gap=44, box=BOX_WIDTH),
)


def place(count: int, edges: Sequence[tuple[int, int]]) -> Placed:
    """Where `count` nodes stand that `edges` connect: (the needed, who needs it)."""
    parts = parts_of(count, edges)
    tried = [_pack(count, parts, direction) for direction in DIRECTIONS]
    return min(tried, key=lambda one: max(one.width / _SCREEN[0], one.height / _SCREEN[1]))


def _pack(count: int, parts: Sequence[Part], direction: Direction) -> Placed:
    """All parts on shelves, about as wide as the screen's shape wants them."""
    blocks = [_Block(part, direction, count) for part in parts]
    area = sum((one.width + _BESIDE) * (one.height + _BESIDE) for one in blocks)
    widest = max((one.width for one in blocks), default=0)
    room = max(widest, round(sqrt(area * _SCREEN[0] / _SCREEN[1])))
    x = y = shelf = width = 0
    corners: dict[int, tuple[int, int]] = {}
    routes: list[Route] = []
    for number, one in enumerate(blocks):
        begins_singles = number > 0 and not parts[number].lines and bool(parts[number - 1].lines)
        if x and (begins_singles or x + one.width > room):
            x, y, shelf = 0, y + shelf + _BESIDE, 0
        one.put(x + _MARGIN, y + _MARGIN, corners, routes)
        x, shelf = x + one.width + _BESIDE, max(shelf, one.height)
        width = max(width, x - _BESIDE)
    routes.sort(key=lambda route: (route.needs, route.needed))
    return Placed(
        width=width + 2 * _MARGIN,
        height=y + shelf + 2 * _MARGIN,
        downwards=direction.downwards,
        corners=[corners[node] for node in range(count)],
        routes=routes,
    )


class _Block:
    """A part in pixels, from its own upper left corner."""

    def __init__(self, part: Part, direction: Direction, count: int) -> None:
        self._part, self._direction, self._count = part, direction, count
        self._slots = {node: slot for layer in part.layers for slot, node in layer}
        self._layers = {node: n for n, layer in enumerate(part.layers) for _, node in layer}
        self._begins = self._layer_begins()
        along = self._begins[-1] + direction.layer
        across = self._across(max(self._slots.values())) + direction.box
        self.width, self.height = (across, along) if direction.downwards else (along, across)

    def _layer_begins(self) -> list[int]:
        """Where each layer begins: further from the one before where lines go far to the side."""
        furthest = [0.0] * len(self._part.layers)
        for line in self._part.lines:
            for here, there in pairwise(line):
                far = abs(self._slots[here] - self._slots[there])
                furthest[self._layers[there]] = max(furthest[self._layers[there]], far)
        begins = [0]
        for far in furthest[1:]:
            gap = self._direction.gap + min(self._across(far) // _FLAT, _STEEPEST)
            begins.append(begins[-1] + self._direction.layer + gap)
        return begins

    def put(self, x: int, y: int, corners: dict[int, tuple[int, int]], routes: list[Route]) -> None:
        """Add the boxes and the lines, with the part's corner at (x, y)."""
        for node, slot in self._slots.items():
            if node < self._count:
                begin = self._begins[self._layers[node]]
                corners[node] = self._point(x, y, begin, self._across(slot))
        for line in self._part.lines:
            points = [point for node in line for point in self._ways_through_layer(x, y, node)]
            routes.append(Route(line[0], line[-1], points[1:-1]))

    def _ways_through_layer(self, x: int, y: int, node: int) -> list[tuple[int, int]]:
        """Where a line enters the layer of a node or a bend, and where it leaves it."""
        begin = self._begins[self._layers[node]]
        middle = self._across(self._slots[node]) + self._direction.box // 2
        return [
            self._point(x, y, along, middle) for along in (begin, begin + self._direction.layer)
        ]

    def _across(self, slots: float) -> int:
        return round(slots * self._direction.slot)

    def _point(self, x: int, y: int, along: int, across: int) -> tuple[int, int]:
        return (x + across, y + along) if self._direction.downwards else (x + along, y + across)
