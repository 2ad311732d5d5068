"""What the worker that acquired a node needs to know."""

from agentd.api import DependencyView, NodeContext
from agentd.errors import JournalDamaged
from agentd.events import NodeAcquired
from agentd.journal import Recorded
from agentd.projections import NODES, NodeRow
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
    if task is None or not isinstance(then, NodeRow):
        raise JournalDamaged(f"record {acquired.seq} acquired a node that has no row")
    usage = acquired.event.usage if isinstance(acquired.event, NodeAcquired) else {}
    view = node_view(reader, then, usage)
    return NodeContext(
        task_view(reader, task),
        view,
        [_dependency_view(reader, dependency) for dependency in view.dependencies],
        limit,
        event_journal(reader.tail(task_id, limit, acquired.version)),
    )


def _dependency_view(reader: Reader, node_id: str) -> DependencyView:
    row: NodeRow | None = reader.get(NODES, (node_id,))
    if row is None or row.result_seq is None:
        raise JournalDamaged(f"dependency {node_id} of a runnable node has no result")
    return DependencyView(node_id, payload_of(reader.record_at(row.result_seq)))
