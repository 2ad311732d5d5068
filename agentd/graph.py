"""Is this set of nodes a directed acyclic graph?

The rule this file keeps: a graph is judged whole, before anything of it is recorded, and the
refusal names the nodes that break it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from agentd.errors import InvalidGraph

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def check(
    nodes: Sequence[str],
    dependencies: Mapping[str, Sequence[str]],
    taken: Iterable[str],
    names: Mapping[str, str] = _NO_NAMES,
) -> None:
    """Raise `InvalidGraph` unless `nodes` with their `dependencies` are a DAG of new nodes.

    `taken` are those of the ids that the database has already; `names` are what nodes are called
    that have a name.
    """
    check_ids(nodes, taken)
    known = set(nodes)
    for node_id in nodes:
        for dependency in dependencies[node_id]:
            _refuse_unknown(node_id, dependency, known, names)
    check_acyclic(dependencies, names)


def check_ids(nodes: Sequence[str], taken: Iterable[str]) -> None:
    """Raise `InvalidGraph` where an id is given twice, or is taken."""
    seen: set[str] = set()
    for node_id in nodes:
        if node_id in seen:
            raise InvalidGraph(f"node {node_id} is given twice", node_ids=[node_id])
        seen.add(node_id)
    for node_id in taken:
        raise InvalidGraph(f"node {node_id} exists already; choose another id", node_ids=[node_id])


def check_acyclic(
    dependencies: Mapping[str, Collection[str]], names: Mapping[str, str] = _NO_NAMES
) -> None:
    """Raise `InvalidGraph` where nodes wait for each other, or one for itself."""
    for node_id, needed in dependencies.items():
        if node_id in needed:
            raise InvalidGraph(
                f"node {label(node_id, names)} depends on itself", node_ids=[node_id]
            )
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        # graphlib gives the cycle from dependency to dependent, first and last being the same node.
        cycle = list(error.args[1])
        raise InvalidGraph(
            f"the dependencies form a cycle: {' -> '.join(label(each, names) for each in cycle)}",
            node_ids=cycle[1:],
        ) from None


def _refuse_unknown(
    node_id: str, dependency: str, known: set[str], names: Mapping[str, str]
) -> None:
    if dependency not in known:
        raise InvalidGraph(
            f"node {label(node_id, names)} depends on {dependency}, "
            "which is not a node of this request",
            node_ids=[node_id, dependency],
        )


def label(node_id: str, names: Mapping[str, str]) -> str:
    """What a node is called in a message."""
    name = names.get(node_id)
    return node_id if name is None else repr(name)
