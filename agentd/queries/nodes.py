"""A node: its row, its settings, and what clients see of it."""

from types import MappingProxyType
from typing import Any

from msgspec import Raw

from agentd.api import (
    MOST_LISTED,
    NULL,
    NodeStatusParams,
    NodeStatusResult,
    NodeView,
    fractional_seconds,
    is_id,
)
from agentd.errors import JournalDamaged, NodeNotFound, TaskNotFound
from agentd.events import Amounts, NodeAdded, NodeSettings
from agentd.journal import Recorded
from agentd.projections import NODES, NodeRow, priority_of
from agentd.queries.attempts import ended_attempts
from agentd.queries.task_states import find_state_row, usage_of_node
from agentd.queries.values import payload_of, unix_seconds
from agentd.store import Reader

_NO_SETTINGS = NodeSettings()
_NOTHING: Amounts = MappingProxyType({})


def node_row(reader: Reader, task_id: str, node_id: str) -> NodeRow | None:
    """The node of that id or name, or None where this task has no such node."""
    if not is_id(node_id):
        return reader.node_named(task_id, node_id)
    row: NodeRow | None = reader.get(NODES, (node_id,))
    return row if row is not None and row.task_id == task_id else None


def node_settings(reader: Reader, row: NodeRow) -> NodeSettings:
    """What the node was registered with."""
    if row.settings_seq is None:
        return _NO_SETTINGS
    return _settings_in(reader.record_at(row.settings_seq))


def _settings_in(recorded: Recorded) -> NodeSettings:
    event = recorded.event
    if not isinstance(event, NodeAdded):
        raise JournalDamaged(f"record {recorded.seq} has no settings of a node")
    return event.settings or _NO_SETTINGS


def node_status(reader: Reader, params: NodeStatusParams) -> NodeStatusResult:
    """The node, and how its attempts ended. Raises `TaskNotFound` or `NodeNotFound`."""
    task_id = params.task_id
    task = find_state_row(reader, task_id)
    if task is None:
        raise TaskNotFound.of(task_id)
    row = node_row(reader, task_id, params.node_id)
    if row is None:
        raise NodeNotFound.of(task_id, params.node_id)
    view = node_view(reader, row, usage_of_node(reader, task, row.node_id))
    return NodeStatusResult(view, ended_attempts(reader, row, MOST_LISTED))


def node_view(reader: Reader, row: NodeRow, usage: Amounts = _NOTHING) -> NodeView:
    """A node as clients see it."""
    added = reader.record_at(row.added_seq)
    view = NodeView(
        row.node_id,
        row.task_id,
        row.status,
        list(added_dependencies(added)),
        payload_of(added),
        payload_of(reader.record_at(row.result_seq)) if row.result_seq is not None else Raw(NULL),
        unix_seconds(row.acquired_at),
        row.lease_id,
        row.lease_owner,
        unix_seconds(row.lease_expires_at),
        row.updated_at // 1000,
        row.name,
        priority_of(row.rank),
        row.attempt,
        fractional_seconds(row.not_before),
        dict(usage),
    )
    if row.settings_seq is not None:
        same = row.settings_seq == row.added_seq
        _show_settings(view, _settings_in(added) if same else node_settings(reader, row))
    return view


def added_dependencies(added: Recorded) -> tuple[str, ...]:
    """What the node that this record added depends on."""
    if not isinstance(added.event, NodeAdded):
        raise JournalDamaged(f"record {added.seq} did not add node {added.node_id}")
    return added.event.dependencies


def _show_settings(view: NodeView, settings: NodeSettings) -> None:
    """What was set, and no more."""
    shown: dict[str, Any] = {
        "retry": settings.retry,
        "lease_secs": unix_seconds(settings.lease_ms),
        "timeout_secs": unix_seconds(settings.timeout_ms),
        "on_failure": settings.on_failure,
    }
    for name, value in shown.items():
        if value is not None:
            setattr(view, name, value)
