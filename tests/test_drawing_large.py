"""Graphs that are too large to draw whole: their levels, and what stands around one node."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.ui.drawing import collapse, is_large, levels_svg, neighbourhood
from tests.drawing import alone, chain, drawn, fan, layers, links, mesh, tangle, texts


def test_what_is_too_large_for_the_eye() -> None:
    """More than a thousand nodes, or several thousand lines, are shown by their levels."""
    assert not is_large(drawn(layers(1_000)))
    assert is_large(drawn(alone(1_001)))
    assert is_large(drawn([[], *([0] * 50 for _ in range(100))]))


def test_lines_that_pass_by_many_levels_are_too_much() -> None:
    """A few hundred nodes are too much where lines go past hundreds of levels."""
    near = [[number - 1] if number else [] for number in range(400)]
    far = [[number - 1, 0] if number > 1 else near[number] for number in range(400)]
    assert not is_large(drawn(near))
    assert is_large(drawn(far))


def test_it_does_not_matter_which_node_was_registered_first() -> None:
    """Levels follow from what nodes need, also where the last was registered first."""
    nodes = drawn(layers(100))
    levels = collapse(nodes)
    backwards = collapse(nodes[::-1])
    assert [{*level.node_ids} for level in backwards] == [{*level.node_ids} for level in levels]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 12))
def test_every_node_is_in_a_level_below_what_it_needs(seed: int, count: int, most: int) -> None:
    """Levels are as many as asked for at most, and nothing in one needs what is below it."""
    nodes = drawn(tangle(count, seed))
    levels = collapse(nodes, most)
    assert len(levels) <= most
    level_of = {node_id: place for place, level in enumerate(levels) for node_id in level.node_ids}
    assert sorted(level_of) == sorted(node.id for node in nodes)
    for node in nodes:
        for needed in node.dependencies:
            assert level_of[needed] <= level_of[node.id]
            assert most < 60 or level_of[needed] < level_of[node.id]
    for level in levels:
        assert sum(level.counts.values()) == len(level.node_ids)
    assert [level.first for level in levels[1:]] == [level.last + 1 for level in levels[:-1]]


def test_levels_of_a_mesh() -> None:
    """A level is a row of a mesh; what asks for attention is counted first."""
    levels = collapse(drawn(mesh(9)))
    assert [level.name for level in levels] == ["Level 1", "Level 2", "Level 3"]
    assert levels[1].node_ids == ["n3", "n4", "n5"]
    assert list(levels[1].counts.items()) == [("runnable", 1), ("PENDING", 1), ("blocked", 1)]


def test_deep_graphs_have_several_levels_in_one() -> None:
    """Ten thousand nodes in a row are a hundred boxes."""
    levels = collapse(drawn(chain(10_000)))
    assert [level.name for level in levels[:2]] == ["Levels 1–100", "Levels 101–200"]  # noqa: RUF001 - a range
    assert len(levels) == 100


def test_levels_are_drawn_with_their_counts() -> None:
    """Each is a link with its name, its size, and how many nodes are in which state."""
    levels = collapse(drawn(fan(16)))
    drawing = links(levels_svg(levels, ["?a&b", "two", "three"]))
    assert [link.get("href") for link in drawing] == ["?a&b", "two", "three"]
    assert texts(drawing[0]) == ["Level 1 · 1 node", "● 1 RUNNING"]
    name, states = texts(drawing[1])
    assert name == "Level 2 · 14 nodes"
    assert states == (
        "● 2 RUNNING  ✗ 2 FAILED  ◇ 2 gate  ◎ 2 runnable  ○ 2 PENDING  ⊘ 2 blocked  ✓ 2 COMPLETED"
    )


def test_a_drawing_of_no_levels_is_one() -> None:
    """A task without nodes has none."""
    assert links(levels_svg(collapse([]), [])) == []


def test_what_stands_around_a_node() -> None:
    """It is what it needs and what needs it, up to two lines away, as registered."""
    found = neighbourhood(drawn(chain(10)), "n5")
    assert [node.id for node in found.nodes] == ["n3", "n4", "n5", "n6", "n7"]
    assert found.left_out == 0


def test_of_many_neighbours_both_sides_are_shown() -> None:
    """A node that thousands wait for still shows what it waits for; the rest is counted."""
    dependencies = [[], [], [0, 1], *([2] for _ in range(5_000))]
    found = neighbourhood(drawn(dependencies), "n2", most=20)
    assert {"n0", "n1", "n2"} < {node.id for node in found.nodes}
    assert len(found.nodes) == 20
    assert found.left_out == 5_003 - 20


def test_a_neighbourhood_can_be_drawn() -> None:
    """Where everything needs everything, fewer nodes are shown."""
    found = neighbourhood(drawn([list(range(number)) for number in range(300)]), "n150")
    assert not is_large(found.nodes)
    assert 20 < len(found.nodes) < 200
    assert found.left_out == 300 - len(found.nodes)


def test_the_neighbourhood_of_no_node() -> None:
    """Who asks for a node that is not there is told so."""
    with pytest.raises(KeyError):
        neighbourhood(drawn(chain(3)), "n7")
