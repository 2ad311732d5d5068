"""AddNodes."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import UNSET

from agentd import decide, queries
from agentd.api import AddNodesParams, AddNodesResult, is_id
from agentd.decide import Context, Growth, OldNode
from agentd.events import NodeAdded
from agentd.journal import Recorded
from agentd.methods.imports import warnings_of_ends
from agentd.methods.method import Command
from agentd.projections import NODES, NodeRow
from agentd.store import Reader


def _load_growth(reader: Reader, params: AddNodesParams, context: Context) -> Growth:
    """The task, and of its nodes those that the new ones have to do with."""
    task_id = params.task_id
    task, version = queries.find_state_row(reader, task_id), reader.head(task_id).version
    cancelled = None if task is None else queries.cancellation(reader, task)
    if task is None or cancelled is not None:
        return Growth(task_id, version, task, cancelled)
    node_ids = [spec.id or context.new_id() for spec in params.nodes]
    old = _old_nodes(reader, params, node_ids)
    edges = _edges(reader, params, old)
    registered = queries.registration_of_task(reader, task_id)
    return Growth(
        task_id,
        version,
        task,
        holder=_holder(reader, params),
        defaults=registered.node_defaults,
        node_ids=node_ids,
        taken=reader.existing_nodes([spec.id for spec in params.nodes if spec.id is not None]),
        old=old,
        edges=edges,
        names=_names(reader, edges),
        imported=registered.imported_from is not None,
    )


def _holder(reader: Reader, params: AddNodesParams) -> NodeRow | None:
    lease = params.lease
    return None if lease is None else queries.node_row(reader, params.task_id, lease.node_id)


def _old_nodes(
    reader: Reader, params: AddNodesParams, node_ids: Sequence[str]
) -> Mapping[str, OldNode]:
    """Nodes of the task by what means them: those that are named, and whose name is wanted."""
    new_names = [spec.name for spec in params.nodes if spec.name is not None]
    meant = {ref for spec in params.nodes for ref in (*spec.dependencies, *spec.before)}
    meant |= {event.node_id for event in params.events}
    meant -= {*node_ids, *new_names}
    by_id = {ref for ref in meant if is_id(ref)}
    rows: dict[str, NodeRow] = {}
    for node_id in by_id:
        row: NodeRow | None = reader.get(NODES, (node_id,))
        if row is not None and row.task_id == params.task_id:
            rows[node_id] = row
    if names := [*new_names, *(meant - by_id)]:
        rows |= {row.name or "": row for row in reader.nodes_named(params.task_id, names)}
    return {ref: OldNode(row, queries.is_satisfied(reader, row)) for ref, row in rows.items()}


def _edges(
    reader: Reader, params: AddNodesParams, old: Mapping[str, OldNode]
) -> Mapping[str, Sequence[str]]:
    def ids(refs: Iterator[str]) -> set[str]:
        return {old[ref].row.node_id for ref in refs if ref in old}

    needed = ids(ref for spec in params.nodes for ref in spec.dependencies)
    before = ids(ref for spec in params.nodes for ref in spec.before)
    if not needed or not before:
        return queries.NO_EDGES
    skips = not queries.may_end_early(reader, params.task_id)
    return queries.edges_between(reader, needed, before, skips_satisfied=skips)


def _names(reader: Reader, edges: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    """What the nodes between which these edges are are called, those that have a name."""
    rows: list[NodeRow] = [
        reader.get(NODES, (node_id,))
        for node_id in {*edges, *(each for needed in edges.values() for each in needed)}
    ]
    return {row.node_id: row.name for row in rows if row.name is not None}


def _show_added(
    _reader: Reader, records: Sequence[Recorded], _params: AddNodesParams, _context: Context
) -> AddNodesResult:
    added = [each for each in records if isinstance(each.event, NodeAdded)]
    warnings = warnings_of_ends(added)
    return AddNodesResult([each.node_id or "" for each in added], warnings or UNSET)


def _show_none(_reader: Reader, _recorded: Recorded | None, _context: Context) -> AddNodesResult:
    return AddNodesResult([])


ADD_NODES = Command(_load_growth, decide.add_nodes, unchanged=_show_none, show=_show_added)
