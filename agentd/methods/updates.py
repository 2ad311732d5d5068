"""UpdateNode."""

from collections.abc import Sequence

from agentd import decide, queries
from agentd.api import UpdateNodeParams, UpdateNodeResult
from agentd.decide import Context, UpdateState
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.methods.state import known_node
from agentd.projections import NodeRow
from agentd.store import Reader


def _load_pending(reader: Reader, params: UpdateNodeParams, _context: Context) -> UpdateState:
    task_id = params.task_id
    task, version = queries.find_state_row(reader, task_id), reader.head(task_id).version
    if task is None:
        return UpdateState(task_id, version, None, [])
    nodes = [known_node(reader, row) for row in _rows(reader, params)]
    return UpdateState(task_id, version, task, nodes, queries.cancellation(reader, task))


def _rows(reader: Reader, params: UpdateNodeParams) -> Sequence[NodeRow]:
    if params.node_id is None:
        return [row for row in reader.pending_nodes(params.task_id) if not row.gate]
    row = queries.node_row(reader, params.task_id, params.node_id)
    return [] if row is None else [row]


def _show_updated(
    _reader: Reader, records: Sequence[Recorded], _params: UpdateNodeParams, _context: Context
) -> UpdateNodeResult:
    return UpdateNodeResult([each.node_id or "" for each in records])


def _show_none(_reader: Reader, _recorded: Recorded | None, _context: Context) -> UpdateNodeResult:
    return UpdateNodeResult([])


UPDATE_NODE = Command(_load_pending, decide.update_node, unchanged=_show_none, show=_show_updated)
