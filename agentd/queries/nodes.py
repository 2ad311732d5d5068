"""A node: its row, its settings, and what clients see of it."""

from types import MappingProxyType
from typing import Any

from msgspec import Raw

from agentd.api import (
    NULL,
    NodeView,
    fractional_seconds,
    gate_settings,
    is_id,
)
from agentd.errors import JournalDamaged, NodeNotFound
from agentd.events import (
    Amounts,
    DependenciesAdded,
    LockOfNode,
    NodeAdded,
    NodeSettings,
    NodeUpdated,
)
from agentd.journal import Recorded
from agentd.projections import NODES, NodeRow, priority_of
from agentd.queries.values import payload_of, result_in, unix_seconds
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
        dependencies_of(reader, row, added),
        payload_of(added),
        result_in(reader.record_at(row.result_seq)) if row.result_seq is not None else Raw(NULL),
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
    if isinstance(added.event, NodeAdded) and added.event.traceparent is not None:
        view.traceparent = added.event.traceparent
    return view


def dependencies_of(reader: Reader, row: NodeRow, added: Recorded | None = None) -> list[str]:
    """What the node depends on, in the order in which it came; `added` is what added it, if known.

    They are its own, and then those of nodes that were added later to come before it.
    """
    added = reader.record_at(row.added_seq) if added is None else added
    if not isinstance(added.event, NodeAdded):
        raise JournalDamaged(f"record {added.seq} did not add node {added.node_id}")
    seq = row.dependencies_seq
    if seq is None:
        return list(added.event.dependencies)
    found: list[str] = []
    while seq is not None:
        event = _dependencies_in(reader.record_at(seq))
        found[:0] = event.dependencies
        seq = event.previous
    return [*added.event.dependencies, *found]


def dependencies_seq_before(reader: Reader, row: NodeRow, before: int) -> int | None:
    """Where the last dependencies are recorded that the node got before that seq."""
    seq = row.dependencies_seq
    while seq is not None and seq > before:
        seq = _dependencies_in(reader.record_at(seq)).previous
    return seq


def _dependencies_in(recorded: Recorded) -> DependenciesAdded:
    if not isinstance(recorded.event, DependenciesAdded):
        raise JournalDamaged(f"record {recorded.seq} added no dependencies")
    return recorded.event


def is_satisfied(reader: Reader, row: NodeRow) -> bool:
    """Whether the dependents of the node no longer wait for it."""
    if row.status == "FAILED":
        return node_settings(reader, row).on_failure == "continue"
    return row.status == "COMPLETED"


def _show_settings(view: NodeView, settings: NodeSettings) -> None:
    """What was set, and no more."""
    shown: dict[str, Any] = {
        "retry": settings.retry,
        "lease_secs": unix_seconds(settings.lease_ms),
        "timeout_secs": unix_seconds(settings.timeout_ms),
        "on_failure": settings.on_failure,
        "requires": _as_list(settings.requires),
        "limits": _as_list(settings.limits),
        "gate": None if settings.gate is None else gate_settings(settings.gate),
        "locks": _as_written(settings.locks),
    }
    for name, value in shown.items():
        if value is not None:
            setattr(view, name, value)


def _as_written(locks: tuple[LockOfNode, ...] | None) -> list[str | LockOfNode] | None:
    """As they may be registered: an exclusive one by its key alone."""
    if locks is None:
        return None
    return [lock.key if lock.mode == "exclusive" else lock for lock in locks]


def _as_list(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)
