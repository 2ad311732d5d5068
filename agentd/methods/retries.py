"""RetryNode."""

from agentd import decide, queries
from agentd.api import RetryNodeParams, RetryNodeResult
from agentd.decide import Context, FailedNode, RetryState
from agentd.events import NodeRetried
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.projections import NODES, NodeRow
from agentd.store import Reader


def _load_failed(reader: Reader, params: RetryNodeParams, _context: Context) -> RetryState:
    task_id = params.task_id
    if params.node_id is None:
        rows = reader.failed_nodes(task_id)
    else:
        row = queries.node_row(reader, task_id, params.node_id)
        rows = [] if row is None else [row]
    task, version = queries.find_state_row(reader, task_id), reader.head(task_id).version
    cancelled = None if task is None else queries.cancellation(reader, task)
    nodes = [_failed_node(reader, row) for row in rows]
    return RetryState(task_id, version, task, nodes, cancelled)


def _failed_node(reader: Reader, row: NodeRow) -> FailedNode:
    runs_on = queries.node_settings(reader, row).on_failure == "continue"
    dependents: list[NodeRow] = [
        reader.get(NODES, (each,)) for each in reader.dependents(row.node_id)
    ]
    return FailedNode(row, row.status == "FAILED" and runs_on, dependents)


def _show_retried(reader: Reader, recorded: Recorded, _context: Context) -> RetryNodeResult:
    """All of the one request: they stand one behind the other."""
    event = recorded.event
    assert isinstance(event, NodeRetried)  # noqa: S101 - that is what retry_node decides
    first = recorded.seq - event.number + 1
    records = (reader.record_at(seq) for seq in range(first, recorded.seq + 1))
    return RetryNodeResult([each.node_id or "" for each in records])


def _show_none(_reader: Reader, _recorded: Recorded | None, _context: Context) -> RetryNodeResult:
    return RetryNodeResult([])


RETRY_NODE = Command(_load_failed, decide.retry_node, _show_retried, _show_none)
