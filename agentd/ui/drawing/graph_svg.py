"""A task's graph as SVG: a box for each node, a link in each box, a line for each dependency.

The rule this file keeps: no script and no style, only classes; a state is told by colour, outline,
sign and word. A new state needs no new layout: the same layout is drawn again.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from agentd.states import COMPLETED, STATES
from agentd.ui.drawing.drawn import Drawn
from agentd.ui.drawing.layout import Layout
from agentd.ui.drawing.shapes import OUTLINES, TEXT_LEFT
from agentd.ui.drawing.svg_text import cell_count, cut_to, shown_title
from agentd.ui.layout.placed import BOX_HEIGHT, BOX_WIDTH, Route

_LABEL_CELLS = 21
_STATE_CELLS = 23
"""Letters are 7.3 and 6.7 pixels wide, as drawing.css sets them."""

_SIGNS = {state.word: state.sign for state in STATES}

_DEFINED = (
    '<defs><marker id="drawing-arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" '
    'markerHeight="8" orient="auto" markerUnits="userSpaceOnUse">'
    '<path class="arrow" d="M0 .5L8 4L0 7.5z"/></marker>'
    f'<clipPath id="drawing-box"><rect width="{BOX_WIDTH}" height="{BOX_HEIGHT}"/></clipPath>'
    "</defs>"
)


def graph_svg(layout: Layout, nodes: Sequence[Drawn], chosen: str | None = None) -> str:
    """The drawing; `nodes` are those of the layout, in its order, and `chosen` is one of their ids.

    Raises ValueError where they are others.
    """
    if tuple(node.id for node in nodes) != layout.graph.ids:
        raise ValueError("the layout is of other nodes: lay out the graph of these")
    placed = layout.placed
    told = escape(f"{_amount(len(nodes), 'node')}, {_amount(len(placed.routes), 'dependency')}")
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing graph" role="group" '
        f'aria-label="Graph: {told}" viewBox="0 0 {placed.width} {placed.height}" '
        f'width="{placed.width}" height="{placed.height}">'
    )
    boxes = (
        _box(node, corner, is_chosen=node.id == chosen)
        for node, corner in zip(nodes, placed.corners, strict=True)
    )
    lines = _lines(placed.routes, nodes, downwards=placed.downwards)
    return "".join((head, _DEFINED, *lines, *boxes, "</svg>"))


def _amount(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def _lines(routes: Iterable[Route], nodes: Sequence[Drawn], *, downwards: bool) -> Iterator[str]:
    yield '<g class="edges" marker-end="url(#drawing-arrow)">'
    for route in routes:
        kind = "edge done" if nodes[route.needed].state == COMPLETED.word else "edge"
        yield f'<path class="{kind}" d="{_curve(route.points, downwards=downwards)}"/>'
    yield "</g>"


def _curve(points: Sequence[tuple[int, int]], *, downwards: bool) -> str:
    """A line that leaves and enters layers at a right angle, and crosses them straight."""
    (x, y), *rest = points
    path = [f"M{x} {y}"]
    for number, (to_x, to_y) in enumerate(rest):
        if number % 2:
            path.append(f"L{to_x} {to_y}")
        elif downwards:
            half = (y + to_y) // 2
            path.append(f"C{x} {half} {to_x} {half} {to_x} {to_y}")
        else:
            half = (x + to_x) // 2
            path.append(f"C{half} {y} {half} {to_y} {to_x} {to_y}")
        x, y = to_x, to_y
    return "".join(path)


def _box(node: Drawn, corner: tuple[int, int], *, is_chosen: bool) -> str:
    word = node.state
    told = f"{_SIGNS[word]} {word}"
    remark = ""
    if node.remark:
        beside = escape(cut_to(_STATE_CELLS - cell_count(told) - 1, node.remark))
        remark = f'<tspan class="remark" unicode-bidi="isolate"> {beside}</tspan>'
    current = ' aria-current="true"' if is_chosen else ""
    return (
        f'<a class="node s-{word.lower()}"{current} href="{escape(node.href)}" '
        f'transform="translate({corner[0]} {corner[1]})">'
        f"{shown_title(node.label, word, node.remark)}"
        f'<path class="outline" d="{OUTLINES[word]}"/><g clip-path="url(#drawing-box)">'
        f'<text class="label" x="{TEXT_LEFT}" y="17">{escape(cut_to(_LABEL_CELLS, node.label))}'
        f'</text><text class="state" x="{TEXT_LEFT}" y="33">{told}{remark}</text></g></a>'
    )
