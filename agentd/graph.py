"""Is this set of nodes a directed acyclic graph?

The rule this file keeps: a graph is judged whole, before anything of it is recorded, and the
refusal names the nodes that break it.
"""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from agentd.errors import InvalidGraph


def check(
    nodes: Sequence[str],
    dependencies: Mapping[str, Sequence[str]],
    taken: Iterable[str],
    names: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Raise `InvalidGraph` unless `nodes` with their `dependencies` are a DAG of new nodes.

    `taken` are those of the ids that the database has already; `names` are what nodes are called
    that have a name.
    """
    _refuse_duplicates(nodes)
    for node_id in taken:
        raise InvalidGraph(f"node {node_id} exists already; choose another id", node_ids=[node_id])
    known = set(nodes)
    for node_id in nodes:
        for dependency in dependencies[node_id]:
            _refuse_edge(node_id, dependency, known, names)
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        # graphlib gives the cycle from dependency to dependent, first and last being the same node.
        cycle = list(error.args[1])
        raise InvalidGraph(
            f"the dependencies form a cycle: {' -> '.join(_label(each, names) for each in cycle)}",
            node_ids=cycle[1:],
        ) from None


def _refuse_duplicates(nodes: Sequence[str]) -> None:
    seen: set[str] = set()
    for node_id in nodes:
        if node_id in seen:
            raise InvalidGraph(f"node {node_id} is given twice", node_ids=[node_id])
        seen.add(node_id)


def _refuse_edge(node_id: str, dependency: str, known: set[str], names: Mapping[str, str]) -> None:
    if dependency == node_id:
        raise InvalidGraph(f"node {_label(node_id, names)} depends on itself", node_ids=[node_id])
    if dependency not in known:
        raise InvalidGraph(
            f"node {_label(node_id, names)} depends on {dependency}, "
            "which is not a node of this request",
            node_ids=[node_id, dependency],
        )


def _label(node_id: str, names: Mapping[str, str]) -> str:
    name = names.get(node_id)
    return node_id if name is None else repr(name)
