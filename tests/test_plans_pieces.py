"""A plan as requests: one, or several of which each has all that its nodes wait for."""

import json
from collections.abc import Mapping

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from agentd.plans import pieces as cutting
from agentd.plans.pieces import Piece, pieces_of
from agentd.plans.plan import Plan, node_id
from agentd.protocol import LINE_LIMIT
from tests.plans import read

SOURCE = "test"


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """A graph without a cycle, its nodes in any order."""
    count = draw(st.integers(1, 8))
    order = draw(st.permutations(range(count)))
    needs = {}
    for place, node in enumerate(order):
        before = [str(other) for other in order[:place]]
        chosen = st.lists(st.sampled_from(before), unique=True) if before else st.just([])
        needs[str(node)] = draw(chosen)
    return dict(sorted(needs.items()))


def plan_of(needs: Mapping[str, list[str]], size: int = 0) -> Plan:
    """A plan of that graph, each node so large."""
    tasks = [{"id": key, "dependencies": own, "text": "x" * size} for key, own in needs.items()]
    return read(json.dumps({"tasks": tasks})).plan


def ids(piece: Piece) -> list[str]:
    """The nodes of a piece."""
    return [node.id or "" for node in piece.nodes]


def test_a_plan_that_fits_keeps_its_order() -> None:
    """In one request, whatever waits for what is behind it."""
    (piece,) = pieces_of(plan_of({"a": ["b"], "b": []}), SOURCE)
    assert ids(piece) == [node_id(SOURCE, "a"), node_id(SOURCE, "b")]


@given(graphs(), st.integers(1, 5))
def test_no_node_waits_for_one_of_a_later_piece(needs: dict[str, list[str]], most: int) -> None:
    """And every node is in one piece."""
    before = cutting.MOST_NODES
    cutting.MOST_NODES = most
    try:
        pieces = pieces_of(plan_of(needs), SOURCE)
    finally:
        cutting.MOST_NODES = before
    there: set[str] = set()
    for piece in pieces:
        there.update(ids(piece))
        assert len(piece.nodes) <= max(most, len(needs) if len(pieces) == 1 else 0)
        assert all(there.issuperset(node.dependencies or ()) for node in piece.nodes)
    assert sorted(each for piece in pieces for each in ids(piece)) == sorted(
        node_id(SOURCE, key) for key in needs
    )


def test_every_piece_fits_a_line() -> None:
    """However large the nodes are, and what was said about them, which comes behind them all."""
    nodes = {str(number): [] if not number else [str(number - 1)] for number in range(9)}
    plan = plan_of(nodes, 400_000)
    issue = json.dumps({"id": "a", "title": "a", "comments": [{"text": "x" * 400_000}] * 5})
    for pieces in (pieces_of(plan, SOURCE), pieces_of(read(issue).plan, SOURCE)):
        assert len(pieces) > 2
        assert all(len(msgspec.json.encode(piece)) < LINE_LIMIT * 0.95 for piece in pieces)
    assert [bool(piece.events) for piece in pieces] == [False, True, True, True]


def test_a_context_that_leaves_no_room() -> None:
    """The first request has it, and the nodes come behind it."""
    large = {"later": {"tasks": [{"id": 1, "text": "x" * 400_000}], "metadata": "y" * 800_000}}
    first, second = pieces_of(read(json.dumps(large)).plan, SOURCE)
    assert (first.nodes, len(second.nodes)) == ([], 1)


def test_ids_follow_from_the_source() -> None:
    """A repeat names the same nodes, and another source others."""
    assert node_id("a", "1") == node_id("a", "1")
    assert len({node_id("a", "1"), node_id("b", "1"), node_id("a", "2")}) == 3
