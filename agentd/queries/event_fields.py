"""An event as clients see it.

The rule this file keeps: every kind of event that is shown has the action type and the payload that
existing clients know.
"""

from typing import Any

from msgspec import Raw

from agentd.api import NULL, fractional_seconds, rfc3339
from agentd.errors import JournalDamaged
from agentd.events import (
    EventCommitted,
    LeaseExpired,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    TaskRegistered,
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
    match event:
        case EventCommitted():
            shown = event.action_type, payload_of(recorded)
        case NodeCompleted():
            shown = "COMPLETE_NODE", _payload_as(b"result", recorded)
        case NodeFailed():
            shown = "FAIL_NODE", _payload_as(b"error", recorded)
        case NodeAcquired():
            shown = "ACQUIRE_NODE", _lease_payload(event)
        case LeaseExpired():
            shown = "TIMEOUT_ROLLBACK", _lease_payload(event)
        case NodeReleased():
            shown = "RELEASE_NODE", _release_payload(event, recorded)
        case NodeRetried():
            shown = "RETRY_NODE", to_json({"reason": event.reason, "by": event.by})
        case NodeAdded():
            shown = "ADD_NODE", to_json({"dependencies": event.dependencies})
        case TaskRegistered():
            shown = "REGISTER_TASK", to_json({"goal": event.goal, "node_count": event.node_count})
        case _:
            raise JournalDamaged(f"record {recorded.seq} is a {recorded.kind}: never shown")
    return shown


def _payload_as(name: bytes, recorded: Recorded) -> Raw:
    return Raw(b'{"%b":%b}' % (name, recorded.payload or NULL))


def _lease_payload(event: NodeAcquired | LeaseExpired) -> Raw:
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
