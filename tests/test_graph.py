"""Which sets of nodes are a DAG, and what the refusal says of those that are not."""

import pytest

from agentd import graph
from agentd.errors import InvalidGraph

Graph = dict[str, list[str]]


def check(dependencies: Graph, taken: list[str] | None = None) -> None:
    graph.check(list(dependencies), dependencies, taken or [])


def refused(dependencies: Graph, taken: list[str] | None = None) -> InvalidGraph:
    with pytest.raises(InvalidGraph) as refusal:
        check(dependencies, taken)
    return refusal.value


@pytest.mark.parametrize(
    "dependencies",
    [
        {},
        {"a": []},
        {"a": [], "b": []},
        {"a": ["b"], "b": ["c"], "c": []},
        {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]},
    ],
    ids=["empty", "single", "flat", "chain", "diamond"],
)
def test_a_dag_is_accepted(dependencies: Graph) -> None:
    """Nodes in any order are fine as long as no path leads back."""
    check(dependencies)


def test_a_long_chain_is_accepted() -> None:
    """10,000 nodes in a row are ordinary."""
    names = [f"n{number}" for number in range(10_000)]
    check({name: names[at + 1 : at + 2] for at, name in enumerate(names)})


def test_a_duplicate_id_is_named() -> None:
    """A node id that is given twice is refused by its name."""
    with pytest.raises(InvalidGraph, match="node b is given twice") as refusal:
        graph.check(["a", "b", "b"], {"a": [], "b": []}, [])
    assert refusal.value.data["node_ids"] == ["b"]


def test_an_id_that_is_taken_is_named() -> None:
    """A node id that exists already is refused by its name, with a way on."""
    refusal = refused({"a": [], "b": []}, taken=["b"])
    assert refusal.message == "node b exists already; choose another id"
    assert refusal.data["node_ids"] == ["b"]


def test_a_dependency_on_itself_is_named() -> None:
    """A node that depends on itself is refused by its name."""
    refusal = refused({"a": [], "b": ["a", "b"]})
    assert refusal.message == "node b depends on itself"
    assert refusal.data["node_ids"] == ["b"]


def test_an_unknown_dependency_is_named() -> None:
    """A dependency that is no node of the request is refused with both names."""
    refusal = refused({"a": [], "b": ["a", "x"]})
    assert "node b depends on x" in refusal.message
    assert refusal.data["node_ids"] == ["b", "x"]


@pytest.mark.parametrize("length", [2, 3, 5])
def test_a_cycle_is_named_node_by_node(length: int) -> None:
    """The refusal of a cycle names the nodes on it, each depending on the one before it."""
    names = [f"n{number}" for number in range(length)]
    cycle: Graph = {name: [names[at - 1]] for at, name in enumerate(names)}
    refusal = refused({"before": [], **cycle, "behind": [names[0]]})
    on_it = refusal.data["node_ids"]
    assert sorted(on_it) == names
    assert all(cycle[name] == [on_it[at - 1]] for at, name in enumerate(on_it))
    assert all(name in refusal.message for name in names)
    assert "before" not in refusal.message
    assert "behind" not in refusal.message


def test_every_refusal_has_the_contracts_kind() -> None:
    """Whatever is wrong with a graph, `data.kind` is invalid_graph."""
    assert refused({"a": ["a"]}).data["kind"] == "invalid_graph"
