"""A graph that is too large to draw: its levels, and how far each has come.

The rule this file keeps: every node is in exactly one level, below all that it needs; there are at
most as many levels as a person scrolls through, so deep graphs have several levels in one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from html import escape
from math import ceil

from msgspec import Struct

from agentd.states import STATES
from agentd.ui.drawing.drawn import Drawn

_MOST_NODES = 1_000
_MOST_EDGES = 4_000
_FURTHEST = 15_000
"""Levels that all lines pass by, together: each takes a bend, and room among the boxes there."""

_MOST_LEVELS = 100

_WIDTH = 820
_HEIGHT = 58
_STEP = 78
_BAR = (16, 24, _WIDTH - 32, 8)
"""Of the bar in a level's box: left, top, width, height in pixels."""

_LEAST = 3
"""Pixels of a state in that bar that only one of thousands is in."""


class Level(Struct):
    """Levels `first` to `last` of a graph, counted from 1, and the nodes in them, as registered."""

    first: int
    last: int
    node_ids: list[str]
    counts: dict[str, int]
    """By the words of the states, those that ask for attention first."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        same = self.first == self.last
        return f"Level {self.first:,}" if same else f"Levels {self.first:,}–{self.last:,}"  # noqa: RUF001 - a range


def is_large(nodes: Sequence[Drawn]) -> bool:
    """Whether the graph is to be shown by its levels: there is too much of it for the eye."""
    edges = sum(len(node.dependencies) for node in nodes)
    if len(nodes) > _MOST_NODES or edges > _MOST_EDGES:
        return True
    ranks = _ranks(nodes)
    needed = ((node.id, other) for node in nodes for other in node.dependencies if other in ranks)
    return sum(ranks[node] - ranks[other] for node, other in needed) > _FURTHEST


def collapse(nodes: Sequence[Drawn], most: int = _MOST_LEVELS) -> list[Level]:
    """The graph's levels, the first being those that need nothing."""
    ranks = _ranks(nodes)
    together = ceil((max(ranks.values(), default=0) + 1) / most)
    grouped: dict[int, list[Drawn]] = {}
    for node in nodes:
        grouped.setdefault(ranks[node.id] // together, []).append(node)
    return [_level(group, grouped[group], together, ranks) for group in sorted(grouped)]


def levels_svg(levels: Sequence[Level], hrefs: Sequence[str]) -> str:
    """The levels, one below the other; `hrefs` is where each leads to."""
    height = len(levels) * _STEP - (_STEP - _HEIGHT) + 2
    number = sum(len(level.node_ids) for level in levels)
    boxes = [
        _box(level, href, top * _STEP)
        for top, (level, href) in enumerate(zip(levels, hrefs, strict=True))
    ]
    ways = [
        f'<path class="edge" d="M{_WIDTH // 2} {top * _STEP + _HEIGHT}v{_STEP - _HEIGHT}"/>'
        for top in range(len(levels) - 1)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing levels" role="group" '
        f'aria-label="Graph: {number:,} nodes in {len(levels):,} levels" '
        f'viewBox="-1 -1 {_WIDTH + 2} {height}" width="{_WIDTH + 2}" height="{height}">'
        f'<g class="edges">{"".join(ways)}</g>{"".join(boxes)}</svg>'
    )


def _ranks(nodes: Sequence[Drawn]) -> dict[str, int]:
    """Of each node, how many stand one below the other above it; unknown dependencies are none."""
    needed = {node.id: node.dependencies for node in nodes}
    ranks: dict[str, int] = {}
    for each in _in_order(needed):
        above = (ranks[other] + 1 for other in needed[each] if other in ranks)
        ranks[each] = max(above, default=0)
    return ranks


def _in_order(needed: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """Each behind all that it needs. Most plans are registered so, and sorting takes a while."""
    seen: set[str] = set()
    for each, others in needed.items():
        if any(other in needed and other not in seen for other in others):
            return (one for one in TopologicalSorter(needed).static_order() if one in needed)
        seen.add(each)
    return needed


def _level(group: int, nodes: Sequence[Drawn], together: int, ranks: Mapping[str, int]) -> Level:
    counted = Counter(node.state for node in nodes)
    return Level(
        first=group * together + 1,
        last=max(ranks[node.id] for node in nodes) + 1,
        node_ids=[node.id for node in nodes],
        counts={state.word: counted[state.word] for state in STATES if counted[state.word]},
    )


def _box(level: Level, href: str, top: int) -> str:
    number = len(level.node_ids)
    counts = [
        f"{s.sign} {level.counts[s.word]:,} {s.word}" for s in STATES if s.word in level.counts
    ]
    return (
        f'<a class="level" href="{escape(href)}" transform="translate(0 {top})">'
        f'<rect class="outline" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
        f'<text class="label" x="16" y="17">{level.name} · {number:,} '
        f"{'node' if number == 1 else 'nodes'}</text>{_bar(level)}"
        f'<text class="state" x="16" y="48">{"  ".join(counts)}</text></a>'
    )


def _bar(level: Level) -> str:
    """How much of the level is in which state."""
    left, top, width, height = _BAR
    free = width - _LEAST * len(level.counts)
    rects, x, number = [], float(left), len(level.node_ids)
    for word, count in level.counts.items():
        share = _LEAST + free * count / number
        rects.append(
            f'<rect class="part s-{word.lower()}" x="{x:.1f}" y="{top}" width="{share:.1f}" '
            f'height="{height}"/>'
        )
        x += share
    return "".join(rects)
