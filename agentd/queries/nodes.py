"""A node: its row, its settings, and what clients see of it."""

from types import MappingProxyType
from typing import Any

from msgspec import Raw

from agentd.api import (
    NULL,
    NodeView,
    fractional_seconds,
    is_id,
)
from agentd.errors import JournalDamaged, NodeNotFound
from agentd.events import Amounts, NodeAdded, NodeSettings, NodeUpdated
from agentd.journal import Recorded
from agentd.projections import NODES, NodeRow, priority_of
from agentd.queries.values import payload_of, unix_seconds
from agentd.store import Reader

_ID_LENGTH = 36
_NO_SETTINGS = NodeSettings()
_NOTHING: Amounts = MappingProxyType({})


def node_row(reader: Reader, task_id: str, node_id: str) -> NodeRow | None:
    """The node of that id or name, or None where this task has no such node."""
    if len(node_id) == _ID_LENGTH:  # nearly always: then it need not be looked at more closely
        row: NodeRow | None = reader.get(NODES, (node_id,))
        if row is not None:
            return row if row.task_id == task_id else None
    return None if is_id(node_id) else reader.node_named(task_id, node_id)


def require_node_row(reader: Reader, task_id: str, node_id: str) -> NodeRow:
    """The node of that id or name. Raises `NodeNotFound`."""
    row = node_row(reader, task_id, node_id)
    if row is None:
        raise NodeNotFound.of(task_id, node_id)
    return row


def node_settings(reader: Reader, row: NodeRow) -> NodeSettings:
    """What the node was registered with, or what was changed since."""
    if row.settings_seq is None:
        return _NO_SETTINGS
    return _settings_in(reader.record_at(row.settings_seq))


def settings_seq_before(reader: Reader, row: NodeRow, before: int) -> int | None:
    """Where the settings are recorded that the node had before that seq; None where it had none."""
    seq = row.settings_seq
    while seq is not None and seq > before:
        event = reader.record_at(seq).event
        seq = event.previous if isinstance(event, NodeUpdated) else None
    return seq


def _settings_in(recorded: Recorded) -> NodeSettings:
    event = recorded.event
    if not isinstance(event, NodeAdded | NodeUpdated):
        raise JournalDamaged(f"record {recorded.seq} has no settings of a node")
    return event.settings or _NO_SETTINGS


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
        "requires": _as_list(settings.requires),
        "limits": _as_list(settings.limits),
    }
    for name, value in shown.items():
        if value is not None:
            setattr(view, name, value)


def _as_list(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)
