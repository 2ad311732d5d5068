"""ForkTask."""

from collections.abc import Sequence

from agentd import decide, queries
from agentd.api import ForkTaskParams, ForkTaskResult
from agentd.decide import Context, ForkState, NamedNode, Origin, OriginNode
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.projections import NodeRow
from agentd.store import Reader


def _load(reader: Reader, params: ForkTaskParams, context: Context) -> ForkState:
    """The task as it is, or was, and the id of the new one."""
    return ForkState(context.new_id(), *_find_origin(reader, params, context))


def _prepare(reader: Reader, params: ForkTaskParams, context: Context) -> Command:
    """The same, as it was when the request came: the past of a task never changes."""
    found = _find_origin(reader, params, context)

    def load(_reader: Reader, _params: ForkTaskParams, context: Context) -> ForkState:
        return ForkState(context.new_id(), *found)

    return FORK_TASK._replace(load=load)


def _find_origin(
    reader: Reader, params: ForkTaskParams, context: Context
) -> tuple[Origin | None, Sequence[NamedNode]]:
    """The task, and the nodes that were named; of those that ended no result is read."""
    task_id, seq = params.task_id, reader.last_seq()
    if params.at is not None:
        seq, _moment = queries.find_place(reader, params.at, context.now)
    then, _moment = queries.look_back(reader, task_id, params.at, context.now)
    row = queries.task_row(then, task_id)
    if row is None:
        return None, ()
    recorded, event = queries.registration_of(reader, row)
    origin = Origin(
        seq,
        event,
        recorded.payload,
        queries.budget_of(then, queries.state_row(then, task_id)),
        [_origin_node(then, node) for node in then.nodes(task_id)],
    )
    return origin, [NamedNode(each, queries.node_row(then, task_id, each)) for each in params.rerun]


def _origin_node(reader: Reader, row: NodeRow) -> OriginNode:
    added = reader.record_at(row.added_seq)
    settings = None if row.settings_seq is None else queries.node_settings(reader, row)
    runs_on = settings is not None and settings.on_failure == "continue"
    return OriginNode(
        row,
        queries.dependencies_of(reader, row, added),
        settings,
        added.payload,
        row.status == "COMPLETED" or (row.status == "FAILED" and runs_on),
    )


def _show_fork(
    _reader: Reader, records: Sequence[Recorded], _params: ForkTaskParams, _context: Context
) -> ForkTaskResult:
    registered, *nodes = records
    return ForkTaskResult(registered.task_id, [each.node_id or "" for each in nodes])


FORK_TASK = Command(_load, decide.fork_task, show=_show_fork, prepare=_prepare)
