"""A task's graph as SVG: where the boxes stand, and what is said in them."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentd.ui.drawing import Graph, Layout, graph_of, graph_svg
from agentd.ui.drawing.shapes import OUTLINES
from agentd.ui.drawing.svg_text import cell_count, cut_to
from agentd.ui.layout import parts
from agentd.ui.layout.place import place
from agentd.ui.layout.placed import BOX_HEIGHT, BOX_WIDTH, Placed
from tests.daemon_process import REPOSITORY
from tests.drawing import SHAPES, SVG, WORDS, alone, drawn, links, tangle, texts

SMALL = ((), (0,), (0,), (1, 2))
HOSTILE = (
    '<script>alert("1")</script>',
    "]]></title></svg><img src=x onerror=alert(1)>",
    "\x1b[31m\x00\ufffe\ud800 \u202etxet",
    "שלום " * 9,
    "e" + "\u0301" * 5_000,
    "名前の長いノードですよねこれは名前の長い",
    "w" * 2**20,
    "&amp;&#x41;\t\n",
)


def laid_out(graph: Graph) -> Layout:
    """The layout, made here."""
    return Layout(graph, place(len(graph.ids), graph.edges))


def svg_of(dependencies: object, label: str = "node", remark: str = "") -> str:
    """The drawing of nodes that need each other so."""
    nodes = drawn(dependencies, label, remark)  # type: ignore[arg-type] # tuples, too
    return graph_svg(laid_out(graph_of(nodes)), nodes)


# Where things stand


def boxes_of(placed: Placed) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of every box."""
    return [(x, y, x + BOX_WIDTH, y + BOX_HEIGHT) for x, y in placed.corners]


def check_room(placed: Placed) -> None:
    """No box is in another's room, nor outside."""
    boxes = boxes_of(placed)
    for left, top, right, bottom in boxes:
        assert left >= 0 <= top
        assert right <= placed.width
        assert bottom <= placed.height
    for one, other in combinations(boxes, 2):
        beside = one[2] <= other[0] or other[2] <= one[0]
        assert beside or one[3] <= other[1] or other[3] <= one[1]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_box_stands_in_anothers_room(shape: str) -> None:
    """Whatever a graph's shape, all boxes are there and none covers another."""
    graph = graph_of(drawn(SHAPES[shape](120)))
    placed = laid_out(graph).placed
    assert len(placed.corners) == 120
    check_room(placed)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_every_graph_is_drawn_whole(seed: int, count: int) -> None:
    """Every node has its room, and every dependency its line, which goes with the time."""
    graph = graph_of(drawn(tangle(count, seed)))
    placed = laid_out(graph).placed
    check_room(placed)
    assert [(route.needed, route.needs) for route in placed.routes] == sorted(
        graph.edges, key=lambda edge: (edge[1], edge[0])
    )
    boxes = boxes_of(placed)
    for route in placed.routes:
        left, top, right, bottom = boxes[route.needed]
        to_left, to_top, to_right, to_bottom = boxes[route.needs]
        middle, to_middle = (left + right) // 2, (to_left + to_right) // 2
        half, to_half = (top + bottom) // 2, (to_top + to_bottom) // 2
        down = [(middle, bottom), (to_middle, to_top)]
        right_hand = [(right, half), (to_left, to_half)]
        ends = [route.points[0], route.points[-1]]
        assert ends == (down if placed.downwards else right_hand)
        along = 1 if placed.downwards else 0
        assert all(here[along] < there[along] for here, there in pairwise(route.points))


@settings(deadline=None)
@given(st.integers(0, 2**32))
@example(11926)  # the library puts a node before what it needs
@example(1983)
def test_no_line_passes_through_a_box(seed: int) -> None:
    """Where a line curves nothing else stands, and where it is straight it passes by."""
    placed = laid_out(graph_of(drawn(tangle(30, seed)))).placed
    boxes = boxes_of(placed)
    for route in placed.routes:
        for (x, y), (to_x, to_y) in pairwise(route.points):
            for left, top, right, bottom in boxes:
                beside = max(x, to_x) <= left or min(x, to_x) >= right
                assert beside or max(y, to_y) <= top or min(y, to_y) >= bottom


def test_boxes_that_the_library_sets_too_close_are_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does so now and then: whoever follows in a layer stands a whole slot further then."""
    close = [(0, (0.0, 1.0)), (1, (0.8, 1.0)), (2, (0.4, 0.0))]
    monkeypatch.setattr(parts, "from_edges", lambda *_, **__: [(close, 1.0, 1.0, [(0, 2), (1, 2)])])
    check_room(place(3, [(0, 2), (1, 2)]))


def test_what_was_registered_first_stands_first() -> None:
    """Brothers stand in the order in which they were registered: from above, or from the left."""
    for count in (8, 30):
        placed = laid_out(graph_of(drawn(SHAPES["fan"](count)))).placed
        brothers = placed.corners[1:-1]
        assert brothers == sorted(brothers)


def test_nodes_alone_are_set_in_rows() -> None:
    """Nodes without lines stand in rows, about in the shape of a screen."""
    placed = laid_out(graph_of(drawn(alone(200)))).placed
    assert 0.8 < placed.width / placed.height < 2.5


def test_layouts_know_no_states() -> None:
    """Another state or label is no other graph; another node or dependency is."""
    nodes = drawn(SMALL)
    key = graph_of(nodes).key
    nodes[0].state, nodes[1].label = "FAILED", "renamed"
    assert graph_of(nodes).key == key
    assert graph_of(nodes[:-1]).key != key
    nodes[3].dependencies = ["n1"]
    assert graph_of(nodes).key != key


def test_dependencies_that_are_not_drawn_are_passed_over() -> None:
    """Of a part of a graph only its own lines are drawn."""
    nodes = drawn(SMALL)[1:]
    assert graph_of(nodes) == Graph(("n1", "n2", "n3"), ((0, 2), (1, 2)))


def test_a_layout_of_other_nodes_is_refused() -> None:
    """A drawing never shows one node at another's place."""
    nodes = drawn(SMALL)
    layout = laid_out(graph_of(nodes))
    with pytest.raises(ValueError, match="other nodes"):
        graph_svg(layout, nodes[:-1])


DRAWS = """
from agentd.ui.drawing import Layout, graph_of, graph_svg
from agentd.ui.layout.place import place
from tests.drawing import drawn, layers, tangle
for shape in (layers, tangle):
    nodes = drawn(shape(80))
    graph = graph_of(nodes)
    print(graph.key, graph_svg(Layout(graph, place(80, graph.edges)), nodes))
"""


def test_a_drawing_is_the_same_every_time() -> None:
    """Another process with another seed of hashes draws the same, to the letter."""
    seeds = ("1", "4711")
    outputs = {
        subprocess.run(
            [sys.executable, "-c", DRAWS],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in seeds
    }
    assert len(outputs) == 1


# What is said


def test_a_small_drawing() -> None:
    """One box needs another: a link each, with outline, label, sign, word and remark; one line."""
    nodes = drawn(((), (0,)))
    nodes[0].state, nodes[1].state, nodes[1].remark = "COMPLETED", "RUNNING", "alice"
    svg = graph_svg(laid_out(graph_of(nodes)), nodes)
    _, _, body = svg.partition("</defs>")
    assert body == (
        '<g class="edges" marker-end="url(#drawing-arrow)">'
        '<path class="edge done" d="M104 54C104 76 104 76 104 98"/></g>'
        '<a class="node s-completed" href="/nodes/n0" transform="translate(12 12)">'
        "<title>node 0 · COMPLETED</title>"
        f'<path class="outline" d="{OUTLINES["COMPLETED"]}"/><g clip-path="url(#drawing-box)">'
        '<text class="label" x="15" y="17">node 0</text>'
        '<text class="state" x="15" y="33">✓ COMPLETED</text></g></a>'
        '<a class="node s-running" href="/nodes/n1" transform="translate(12 98)">'
        "<title>node 1 · RUNNING · alice</title>"
        f'<path class="outline" d="{OUTLINES["RUNNING"]}"/><g clip-path="url(#drawing-box)">'
        '<text class="label" x="15" y="17">node 1</text>'
        '<text class="state" x="15" y="33">● RUNNING'
        '<tspan class="remark" unicode-bidi="isolate"> alice</tspan></text></g></a></svg>'
    )


def test_states_differ_in_shape() -> None:
    """Every state has an outline of its own, for who sees no colours."""
    assert set(OUTLINES) == set(WORDS)
    assert len(set(OUTLINES.values())) == len(WORDS)


def test_the_chosen_node_is_marked() -> None:
    """One node may be the one that the page is about."""
    nodes = drawn(SMALL)
    svg = graph_svg(laid_out(graph_of(nodes)), nodes, chosen="n2")
    assert [link.get("href") for link in links(svg) if link.get("aria-current")] == ["/nodes/n2"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_others_wrote_is_text(text: str) -> None:
    """A label is no markup, steers nothing, is bounded, and has room in its box."""
    svg = svg_of(SMALL, label=text, remark=text)
    assert len(svg) < 20_000
    root = ET.fromstring(svg)  # noqa: S314 - that it is well-formed is what is tested
    known = {
        "svg",
        "g",
        "a",
        "path",
        "text",
        "tspan",
        "title",
        "defs",
        "marker",
        "clipPath",
        "rect",
    }
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == known
    assert all(c.isprintable() for c in svg)
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in attributes if name == "style" or name.startswith("on")]
    for link in links(svg):
        label, state = texts(link)
        assert cell_count(label) <= 21
        assert cell_count(state) <= 23


@settings(deadline=None)
@given(st.text(max_size=60), st.integers(6, 30))
def test_a_cut_text_has_room(text: str, cells: int) -> None:
    """However many cells its letters take, a text that is cut fits; one that fits is not cut."""
    cut = cut_to(cells, text)
    assert cell_count(cut) <= cells
    assert ("…" in cut) or cell_count(cut) <= cells


def test_a_cut_text_keeps_its_end() -> None:
    """Names that differ in a number at their end stay apart."""
    assert cut_to(12, "build-module-7") == "build-m…le-7"
    assert cut_to(14, "build-module-7") == "build-module-7"


def test_a_drawing_without_nodes_is_one() -> None:
    """A task that has no nodes yet is an empty drawing."""
    assert links(svg_of(())) == []
