"""An event as clients see it.

The rule this file keeps: every kind of event that is shown has the action type and the payload that
existing clients know.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Raw

from agentd.api import NULL, fractional_seconds, gate_settings, rfc3339
from agentd.errors import JournalDamaged
from agentd.events import (
    LIMITS_STREAM,
    LOCKS_STREAM,
    BudgetSet,
    DependenciesAdded,
    Event,
    EventCommitted,
    GateDecided,
    GateOpened,
    LeaseExpired,
    LeaseExtended,
    LeaseRevoked,
    LimitClosed,
    LimitSet,
    LockAcquired,
    LockEnded,
    LockExpired,
    LockExtended,
    LockReleased,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    NodeSettings,
    NodeUpdated,
    TaskCancelled,
    TaskPaused,
    TaskRegistered,
    TaskResumed,
)
from agentd.journal import Recorded
from agentd.queries.values import payload_of, to_json, unix_seconds

ACTION_TYPES: Mapping[type[Event], str] = MappingProxyType(
    {
        TaskRegistered: "REGISTER_TASK",
        NodeAdded: "ADD_NODE",
        NodeAcquired: "ACQUIRE_NODE",
        LeaseExtended: "HEARTBEAT_NODE",
        LeaseExpired: "TIMEOUT_ROLLBACK",
        NodeCompleted: "COMPLETE_NODE",
        NodeFailed: "FAIL_NODE",
        NodeReleased: "RELEASE_NODE",
        NodeRetried: "RETRY_NODE",
        LeaseRevoked: "REVOKE_LEASE",
        TaskCancelled: "CANCEL_TASK",
        TaskPaused: "PAUSE_TASK",
        TaskResumed: "RESUME_TASK",
        BudgetSet: "SET_BUDGET",
        NodeUpdated: "UPDATE_NODE",
        DependenciesAdded: "UPDATE_NODE",
        LimitSet: "SET_LIMIT",
        LimitClosed: "CLOSE_LIMIT",
        GateOpened: "OPEN_GATE",
        GateDecided: "DECIDE_GATE",
        LockAcquired: "ACQUIRE_LOCK",
        LockExtended: "EXTEND_LOCK",
        LockReleased: "RELEASE_LOCK",
        LockEnded: "RELEASE_LOCK",
        LockExpired: "EXPIRE_LOCK",
    }
)
"""By which name clients know an event; what they committed has one of its own.

That a moment has come has none: no view shows it.
"""


FORK = "FORK_TASK"
"""The name of a registration that made a task from another."""

IMPORT = "IMPORT_TASK"
"""The name of one that made it from what was elsewhere."""

_STREAMS_OF_NO_TASK = (LIMITS_STREAM, LOCKS_STREAM)


def event_fields(recorded: Recorded) -> tuple[str, Any, Any, str, Raw, str]:
    """The fields of an event as clients see it, under the name that existing clients know."""
    payload = _payload(recorded)
    moment = rfc3339(_moment_of(recorded))
    return (
        recorded.event_id,
        None if recorded.task_id in _STREAMS_OF_NO_TASK else recorded.task_id,
        recorded.node_id,
        action_type(recorded),
        payload,
        moment,
    )


def _moment_of(recorded: Recorded) -> int:
    """When it happened: what was noted elsewhere tells it."""
    event = recorded.event
    told = event.noted_at if isinstance(event, EventCommitted) else None
    return recorded.at if told is None else told


def action_type(recorded: Recorded) -> str:
    """The name that clients know the event by; of one that is never shown it is empty."""
    event = recorded.event
    if isinstance(event, EventCommitted):
        return event.action_type
    if isinstance(event, TaskRegistered):
        if event.forked_from is not None:
            return FORK
        if event.imported_from is not None:
            return IMPORT
    return ACTION_TYPES.get(type(event), "")


def is_by_client(recorded: Recorded) -> bool:
    """Whether CommitEvent wrote it, or it was imported like what that writes."""
    return isinstance(recorded.event, EventCommitted)


def _payload(recorded: Recorded) -> Raw:
    """The payload of the event for clients."""
    event = recorded.event
    show = _SHOWN.get(type(event))
    if show is None:
        raise JournalDamaged(f"record {recorded.seq} is a {recorded.kind}: never shown")
    return show(recorded, event)


def _show_commit(recorded: Recorded, _event: EventCommitted) -> Raw:
    return payload_of(recorded)


def _show_completion(recorded: Recorded, _event: NodeCompleted) -> Raw:
    return _payload_as(b"result", recorded)


def _show_failure(recorded: Recorded, _event: NodeFailed) -> Raw:
    return _payload_as(b"error", recorded)


def _show_lease(_recorded: Recorded, event: NodeAcquired | LeaseExpired | LeaseRevoked) -> Raw:
    return to_json(
        {"lease_owner": event.lease_owner, "lease_expires_at": event.lease_expires_at // 1000}
    )


def _show_extension(_recorded: Recorded, event: LeaseExtended) -> Raw:
    return to_json({"lease_expires_at": event.lease_expires_at // 1000})


def _show_release(recorded: Recorded, event: NodeReleased) -> Raw:
    not_before = fractional_seconds(event.not_before)
    return to_json(
        {
            "lease_owner": event.lease_owner,
            "reason": payload_of(recorded),
            "not_before": not_before,
        }
    )


def _show_reason(_recorded: Recorded, event: NodeRetried | TaskPaused | TaskResumed) -> Raw:
    return to_json({"reason": event.reason, "by": event.by})


def _show_node(_recorded: Recorded, event: NodeAdded) -> Raw:
    shown: dict[str, Any] = {"dependencies": event.dependencies}
    if event.status != "PENDING" and event.result_seq is None:
        shown["status"] = event.status
        if event.updated_at is not None:
            shown["ended_at"] = fractional_seconds(event.updated_at)
    return to_json(shown)


def _show_dependencies(_recorded: Recorded, event: DependenciesAdded) -> Raw:
    return to_json({"dependencies": event.dependencies})


def _show_registration(_recorded: Recorded, event: TaskRegistered) -> Raw:
    shown: dict[str, Any] = {"goal": event.goal, "node_count": event.node_count}
    if event.forked_from is not None:
        shown["forked_from"] = event.forked_from
    if event.imported_from is not None:
        shown["imported_from"] = event.imported_from
    if event.created_at is not None:
        shown["created_at"] = rfc3339(event.created_at)
    return to_json(shown)


def _show_cancellation(_recorded: Recorded, event: TaskCancelled) -> Raw:
    shown: dict[str, Any] = {"reason": event.reason, "by": event.by}
    if event.descendants:
        shown["descendants"] = event.descendants
    if event.ancestor:
        shown["ancestor"] = event.ancestor
    return to_json(shown)


def _show_budget(_recorded: Recorded, event: BudgetSet) -> Raw:
    return to_json({"budget": event.budget})


def _show_update(_recorded: Recorded, event: NodeUpdated) -> Raw:
    return to_json({name: value for name, value in _said(event.settings) if value is not None})


def _said(settings: NodeSettings) -> Iterator[tuple[str, Any]]:
    """The settings, under the names that clients know."""
    yield "priority", settings.priority
    yield "retry", settings.retry
    yield "lease_secs", unix_seconds(settings.lease_ms)
    yield "timeout_secs", unix_seconds(settings.timeout_ms)
    yield "not_before", fractional_seconds(settings.not_before)
    yield "on_failure", settings.on_failure
    yield "requires", settings.requires
    yield "limits", settings.limits
    yield "gate", None if settings.gate is None else gate_settings(settings.gate)
    yield "locks", settings.locks


def _show_limit(_recorded: Recorded, event: LimitSet) -> Raw:
    rate = event.rate
    shown = None if rate is None else {"count": rate.count, "per_secs": rate.per_ms / 1000}
    return to_json({"name": event.name, "max_running": event.max_running, "rate": shown})


def _show_closing(_recorded: Recorded, event: LimitClosed) -> Raw:
    until = fractional_seconds(event.until)
    shown = {"name": event.name, "closed_until": until, "reason": event.reason, "by": event.by}
    return to_json(shown)


def _show_opening(_recorded: Recorded, event: GateOpened) -> Raw:
    return to_json({"ask": event.ask, "timeout_at": fractional_seconds(event.timeout_at)})


def _show_decision(_recorded: Recorded, event: GateDecided) -> Raw:
    return to_json({"decision": event.decision, "by": event.by, "note": event.note})


def _show_lock(recorded: Recorded, event: LockAcquired) -> Raw:
    shown = {
        "resource_key": event.key,
        "lease_id": event.lease_id,
        "owner": event.owner,
        "mode": event.mode,
        "provider": event.provider,
        "node_id": event.node_id,
        "metadata": payload_of(recorded),
        "lease_expires_at": event.expires_at // 1000,
    }
    if event.imported_from is not None:
        shown["imported_from"] = event.imported_from
    return to_json(shown)


def _show_lock_extension(_recorded: Recorded, event: LockExtended) -> Raw:
    ends = event.expires_at // 1000
    return to_json(
        {"resource_key": event.key, "lease_id": event.lease_id, "lease_expires_at": ends}
    )


def _show_lock_end(_recorded: Recorded, event: LockReleased | LockEnded | LockExpired) -> Raw:
    shown = {"resource_key": event.key, "lease_id": event.lease_id, "owner": event.owner}
    return to_json(shown)


_SHOWN: Mapping[type[Event], Callable[[Recorded, Any], Raw]] = MappingProxyType(
    {
        EventCommitted: _show_commit,
        NodeCompleted: _show_completion,
        NodeFailed: _show_failure,
        NodeAcquired: _show_lease,
        LeaseExtended: _show_extension,
        LeaseExpired: _show_lease,
        NodeReleased: _show_release,
        NodeRetried: _show_reason,
        NodeAdded: _show_node,
        TaskRegistered: _show_registration,
        LeaseRevoked: _show_lease,
        TaskCancelled: _show_cancellation,
        TaskPaused: _show_reason,
        TaskResumed: _show_reason,
        BudgetSet: _show_budget,
        NodeUpdated: _show_update,
        DependenciesAdded: _show_dependencies,
        LimitSet: _show_limit,
        LimitClosed: _show_closing,
        GateOpened: _show_opening,
        GateDecided: _show_decision,
        LockAcquired: _show_lock,
        LockExtended: _show_lock_extension,
        LockReleased: _show_lock_end,
        LockEnded: _show_lock_end,
        LockExpired: _show_lock_end,
    }
)


def _payload_as(name: bytes, recorded: Recorded) -> Raw:
    return Raw(b'{"%b":%b}' % (name, recorded.payload or NULL))
