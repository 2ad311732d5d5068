"""What the worker that acquired a node needs to know."""

from agentd.api import MOST_SHOWN, DependencyView, NodeContext
from agentd.errors import JournalDamaged
from agentd.events import NodeAcquired, NodeFailed
from agentd.journal import Recorded
from agentd.projections import NODES, NodeRow
from agentd.queries.attempts import ended_attempts, endings
from agentd.queries.events import event_journal
from agentd.queries.nodes import node_row, node_view
from agentd.queries.tasks import task_row, task_view
from agentd.queries.values import payload_of
from agentd.store import Reader


def node_context(reader: Reader, acquired: Recorded, limit: int) -> NodeContext:
    """What the worker that acquired the node needs to know, with the newest `limit` events then."""
    task_id, node_id = acquired.task_id, acquired.node_id or ""
    task, row = task_row(reader, task_id), node_row(reader, task_id, node_id)
    # The row as it was then, whatever has become of the node since.
    then = NODES.reduce(row, acquired, (node_id,))
    event = acquired.event
    if task is None or not isinstance(then, NodeRow) or not isinstance(event, NodeAcquired):
        raise JournalDamaged(f"record {acquired.seq} acquired a node that has no row")
    view = node_view(reader, then, event.usage)
    view.attempt = event.attempt
    return NodeContext(
        task_view(reader, task),
        view,
        [_dependency_view(reader, each, acquired.seq) for each in view.dependencies],
        limit,
        event_journal(reader.tail(task_id, limit, acquired.version)),
        ended_attempts(reader, row, MOST_SHOWN, acquired.seq) if row and row.last_end_seq else [],
    )


def _dependency_view(reader: Reader, node_id: str, before: int) -> DependencyView:
    """The end that it had then: what failed may have been tried again since."""
    row: NodeRow | None = reader.get(NODES, (node_id,))
    for recorded in () if row is None else endings(reader, row):
        if recorded.seq < before:
            if isinstance(recorded.event, NodeFailed):
                return DependencyView(node_id, payload_of(recorded), "FAILED")
            return DependencyView(node_id, payload_of(recorded))
    raise JournalDamaged(f"dependency {node_id} of a runnable node has no result")
