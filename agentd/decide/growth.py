"""AddNodes: a task gets more nodes, and nodes that it has wait for them, all or nothing.

The rule this file keeps: only a PENDING node waits for more. What a new node depends on and is
satisfied already is not waited for.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

from msgspec import Struct

from agentd import graph
from agentd.api import (
    EMPTY_OBJECT,
    AddedNodeSpec,
    AddNodesParams,
    moment_or_none,
    or_default,
)
from agentd.decide.context import Context
from agentd.decide.imports import note_events, result_of, satisfies, status_of
from agentd.decide.leases import require_lease
from agentd.decide.registration import ids_by_name, node_settings, shorten
from agentd.decide.state import require_known, require_not_cancelled, require_task
from agentd.errors import InvalidGraph, InvalidParams
from agentd.events import DependenciesAdded, NodeAdded, NodeSettings, TaskCancelled
from agentd.journal import Draft
from agentd.projections import NodeRow, TaskStateRow

Edges = dict[str, dict[str, None]]
"""What each node depends on, in order, each once."""


class OldNode(Struct, frozen=True):
    """A node that the task has, and whether it is satisfied."""

    row: NodeRow
    satisfied: bool


class Growth(Struct, frozen=True):
    """The state AddNodes decides on: the new ids, those of them that are taken, and the old nodes.

    `old` has the nodes of the task that are meant, by the id or the name that means them, and those
    that have a name that a new node is to have. `holder` is the node whose lease is named, and
    `defaults` are the task's. Nodes of one that was `imported` may have ended elsewhere. `edges`
    are as much of the old graph as a cycle could go through, with the `names` of its nodes.
    """

    task_id: str
    version: int
    task: TaskStateRow | None
    cancelled: TaskCancelled | None = None
    holder: NodeRow | None = None
    defaults: NodeSettings | None = None
    node_ids: Sequence[str] = ()
    taken: Sequence[str] = ()
    old: Mapping[str, OldNode] = {}
    edges: Mapping[str, Sequence[str]] = {}
    names: Mapping[str, str] = {}
    imported: bool = False
    result_seq: ClassVar[int] = 0


def add_nodes(state: Growth, params: AddNodesParams, context: Context) -> list[Draft]:
    """The new nodes, of each that was there what it waits for besides, and what was noted."""
    require_task(state)
    require_not_cancelled(state.task_id, state.cancelled)
    if not state.imported:
        _refuse_what_is_imported(state.task_id, params)
    if params.lease is not None:
        holder = require_known(state.holder, state.task_id, params.lease.node_id)
        require_lease(holder, params.lease.lease_id)
    graph.check_ids(state.node_ids, state.taken)
    nodes = list(zip(state.node_ids, params.nodes, strict=True))
    named = ids_by_name(nodes)
    _refuse_taken_names(state, named)
    old = {each.row.node_id: each for each in state.old.values()}
    names = {**state.names, **_names(old), **{node_id: name for name, node_id in named.items()}}
    meant = {ref: each.row.node_id for ref, each in state.old.items()} | named
    needed, later = _new_edges(nodes, meant | {each: each for each in state.node_ids}, old, names)
    _refuse_cycle(state.edges, needed, later, names)
    satisfied = {node_id for node_id, each in old.items() if each.satisfied}
    settings = {node_id: node_settings(spec, state.defaults) for node_id, spec in nodes}
    satisfied |= {node_id for node_id, spec in nodes if satisfies(spec, settings[node_id])}
    added = _additions(state, nodes, needed, settings, satisfied, params.traceparent)
    meant |= {each: each for each in (*old, *state.node_ids)}
    noted = note_events(params.events, meant, context.now)
    return [*added, *_more_dependencies(later, old, satisfied), *noted]


def _refuse_what_is_imported(task_id: str, params: AddNodesParams) -> None:
    """Raise `InvalidParams` where a node of a task that began here is told to have ended."""
    told = "events" if params.events else ""
    for number, spec in enumerate(params.nodes):
        if spec.tells_an_end:
            told = f"nodes[{number}]"
            break
    if told:
        raise InvalidParams(
            f"AddNodes: `$.{told}` tells what was done elsewhere, and task {task_id} began here: "
            "`status`, `result_payload`, `ended_at` and `events` are for tasks that ImportTask made"
        )


def _refuse_taken_names(state: Growth, named: Mapping[str, str]) -> None:
    for name, node_id in named.items():
        if (other := state.old.get(name)) is not None:
            taken_by = other.row.node_id
            raise InvalidGraph(
                f"the name {name!r} is that of node {taken_by} of this task: choose another",
                node_ids=[node_id, taken_by],
            )


def _names(old: Mapping[str, OldNode]) -> dict[str, str]:
    return {node_id: each.row.name for node_id, each in old.items() if each.row.name is not None}


def _new_edges(
    nodes: Sequence[tuple[str, AddedNodeSpec]],
    meant: Mapping[str, str],
    old: Mapping[str, OldNode],
    names: Mapping[str, str],
) -> tuple[Edges, Edges]:
    """What the new nodes depend on, and what old ones depend on besides.

    Raises `InvalidGraph` for what means no node, or one that cannot wait for more.
    """
    needed: Edges = {}
    for node_id, spec in nodes:
        label = graph.label(node_id, names)
        needed[node_id] = _ids(spec.dependencies, meant, node_id, f"node {label} depends on")
    later: Edges = {}
    for node_id, spec in nodes:
        label = graph.label(node_id, names)
        for follower in _ids(spec.before, meant, node_id, f"node {label} comes before"):
            if follower in needed:
                needed[follower][node_id] = None
            else:
                _require_pending(old[follower].row, node_id, names)
                later.setdefault(follower, {})[node_id] = None
    return needed, later


def _ids(refs: Sequence[str], meant: Mapping[str, str], node_id: str, what: str) -> dict[str, None]:
    for each in refs:
        if each not in meant:
            raise InvalidGraph(
                f"{what} {shorten(each)!r}, which is a node neither of this request nor of the "
                "task",
                node_ids=[node_id],
            )
    return dict.fromkeys(meant[each] for each in refs)


def _require_pending(row: NodeRow, node_id: str, names: Mapping[str, str]) -> None:
    if row.status != "PENDING":
        raise InvalidGraph(
            f"node {graph.label(node_id, names)} cannot come before "
            f"{graph.label(row.node_id, names)}, which is {row.status}: only a PENDING node can "
            "wait for more",
            node_ids=[node_id, row.node_id],
        )


def _refuse_cycle(
    edges: Mapping[str, Sequence[str]], needed: Edges, later: Edges, names: Mapping[str, str]
) -> None:
    waits = {**edges, **needed}
    for node_id, more in later.items():
        waits[node_id] = [*edges.get(node_id, ()), *more]
    graph.check_acyclic(waits, names)


def _additions(
    state: Growth,
    nodes: Sequence[tuple[str, AddedNodeSpec]],
    needed: Edges,
    settings: Mapping[str, NodeSettings | None],
    satisfied: AbstractSet[str],
    traceparent: str | None,
) -> Iterator[Draft]:
    first = 0 if state.task is None else state.task.nodes
    for place, (node_id, spec) in enumerate(nodes):
        event = NodeAdded(
            first + place,
            tuple(needed[node_id]),
            len(needed[node_id].keys() - satisfied),
            status_of(spec),
            spec.name,
            settings[node_id],
            place,
            traceparent=traceparent,
            result=result_of(spec),
            updated_at=moment_or_none(spec.ended_at, "$.nodes"),
        )
        yield Draft(event, node_id, or_default(spec.payload_schema, EMPTY_OBJECT))


def _more_dependencies(
    later: Edges, old: Mapping[str, OldNode], satisfied: AbstractSet[str]
) -> Iterator[Draft]:
    for node_id, more in later.items():
        previous, done = old[node_id].row.dependencies_seq, len(more.keys() & satisfied)
        yield Draft(DependenciesAdded(tuple(more), previous, done), node_id)
