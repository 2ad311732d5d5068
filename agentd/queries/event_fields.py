"""An event as clients see it.

The rule this file keeps: every kind of event that is shown has the action type and the payload that
existing clients know.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Raw

from agentd.api import NULL, fractional_seconds, rfc3339
from agentd.errors import JournalDamaged
from agentd.events import (
    BudgetSet,
    Event,
    EventCommitted,
    LeaseExpired,
    LeaseRevoked,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    TaskCancelled,
    TaskPaused,
    TaskRegistered,
    TaskResumed,
)
from agentd.journal import Recorded
from agentd.queries.values import payload_of, to_json


def event_fields(recorded: Recorded) -> tuple[str, str, Any, str, Raw, str]:
    """The fields of an event as clients see it, under the name that existing clients know."""
    action_type, payload = _action_and_payload(recorded)
    moment = rfc3339(recorded.at)
    return recorded.event_id, recorded.task_id, recorded.node_id, action_type, payload, moment


def _action_and_payload(recorded: Recorded) -> tuple[str, Raw]:
    """The action type that clients know the event by, and its payload for them."""
    event = recorded.event
    show = _SHOWN.get(type(event))
    if show is None:
        raise JournalDamaged(f"record {recorded.seq} is a {recorded.kind}: never shown")
    return show(recorded, event)


def _show_commit(recorded: Recorded, event: EventCommitted) -> tuple[str, Raw]:
    return event.action_type, payload_of(recorded)


def _show_completion(recorded: Recorded, _event: NodeCompleted) -> tuple[str, Raw]:
    return "COMPLETE_NODE", _payload_as(b"result", recorded)


def _show_failure(recorded: Recorded, _event: NodeFailed) -> tuple[str, Raw]:
    return "FAIL_NODE", _payload_as(b"error", recorded)


def _show_acquisition(_recorded: Recorded, event: NodeAcquired) -> tuple[str, Raw]:
    return "ACQUIRE_NODE", _lease_payload(event)


def _show_expiry(_recorded: Recorded, event: LeaseExpired) -> tuple[str, Raw]:
    return "TIMEOUT_ROLLBACK", _lease_payload(event)


def _show_release(recorded: Recorded, event: NodeReleased) -> tuple[str, Raw]:
    return "RELEASE_NODE", _release_payload(event, recorded)


def _show_retry(_recorded: Recorded, event: NodeRetried) -> tuple[str, Raw]:
    return "RETRY_NODE", to_json({"reason": event.reason, "by": event.by})


def _show_node(_recorded: Recorded, event: NodeAdded) -> tuple[str, Raw]:
    return "ADD_NODE", to_json({"dependencies": event.dependencies})


def _show_registration(_recorded: Recorded, event: TaskRegistered) -> tuple[str, Raw]:
    return "REGISTER_TASK", to_json({"goal": event.goal, "node_count": event.node_count})


def _show_revocation(_recorded: Recorded, event: LeaseRevoked) -> tuple[str, Raw]:
    return "REVOKE_LEASE", _lease_payload(event)


def _show_cancellation(_recorded: Recorded, event: TaskCancelled) -> tuple[str, Raw]:
    shown: dict[str, Any] = {"reason": event.reason, "by": event.by}
    if event.descendants:
        shown["descendants"] = event.descendants
    if event.ancestor:
        shown["ancestor"] = event.ancestor
    return "CANCEL_TASK", to_json(shown)


def _show_pause(_recorded: Recorded, event: TaskPaused) -> tuple[str, Raw]:
    return "PAUSE_TASK", to_json({"reason": event.reason, "by": event.by})


def _show_resumption(_recorded: Recorded, event: TaskResumed) -> tuple[str, Raw]:
    return "RESUME_TASK", to_json({"reason": event.reason, "by": event.by})


def _show_budget(_recorded: Recorded, event: BudgetSet) -> tuple[str, Raw]:
    return "SET_BUDGET", to_json({"budget": event.budget})


_SHOWN: Mapping[type[Event], Callable[[Recorded, Any], tuple[str, Raw]]] = MappingProxyType(
    {
        EventCommitted: _show_commit,
        NodeCompleted: _show_completion,
        NodeFailed: _show_failure,
        NodeAcquired: _show_acquisition,
        LeaseExpired: _show_expiry,
        NodeReleased: _show_release,
        NodeRetried: _show_retry,
        NodeAdded: _show_node,
        TaskRegistered: _show_registration,
        LeaseRevoked: _show_revocation,
        TaskCancelled: _show_cancellation,
        TaskPaused: _show_pause,
        TaskResumed: _show_resumption,
        BudgetSet: _show_budget,
    }
)


def _payload_as(name: bytes, recorded: Recorded) -> Raw:
    return Raw(b'{"%b":%b}' % (name, recorded.payload or NULL))


def _lease_payload(event: NodeAcquired | LeaseExpired | LeaseRevoked) -> Raw:
    return to_json(
        {"lease_owner": event.lease_owner, "lease_expires_at": event.lease_expires_at // 1000}
    )


def _release_payload(event: NodeReleased, recorded: Recorded) -> Raw:
    not_before = fractional_seconds(event.not_before)
    return to_json(
        {
            "lease_owner": event.lease_owner,
            "reason": payload_of(recorded),
            "not_before": not_before,
        }
    )
