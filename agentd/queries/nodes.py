"""A node: its row, and what clients see of it."""

from types import MappingProxyType

from msgspec import Raw

from agentd.api import NULL, NodeView
from agentd.errors import JournalDamaged
from agentd.events import Amounts, NodeAdded
from agentd.projections import NODES, NodeRow
from agentd.queries.values import payload_of, unix_seconds
from agentd.store import Reader

_NOTHING: Amounts = MappingProxyType({})


def node_row(reader: Reader, task_id: str, node_id: str) -> NodeRow | None:
    """The node, or None where this task has no such node."""
    row: NodeRow | None = reader.get(NODES, (node_id,))
    return row if row is not None and row.task_id == task_id else None


def node_view(reader: Reader, row: NodeRow, usage: Amounts = _NOTHING) -> NodeView:
    """A node as clients see it."""
    added = reader.record_at(row.added_seq)
    if not isinstance(added.event, NodeAdded):
        raise JournalDamaged(f"record {added.seq} did not add node {row.node_id}")
    return NodeView(
        row.node_id,
        row.task_id,
        row.status,
        list(added.event.dependencies),
        payload_of(added),
        payload_of(reader.record_at(row.result_seq)) if row.result_seq is not None else Raw(NULL),
        unix_seconds(row.acquired_at),
        row.lease_id,
        row.lease_owner,
        unix_seconds(row.lease_expires_at),
        row.updated_at // 1000,
        dict(usage),
    )
