"""How a record's payload, a value and a moment are written for clients."""

import msgspec
from msgspec import Raw, UnsetType

from agentd.api import NULL
from agentd.events import NodeAdded
from agentd.journal import Recorded


def payload_of(recorded: Recorded) -> Raw:
    """The payload of a record, null where it has none."""
    return Raw(recorded.payload or NULL)


def result_in(recorded: Recorded) -> Raw:
    """What the node came to that ended with this record, or was imported by it as it had ended."""
    event = recorded.event
    if not isinstance(event, NodeAdded):
        return payload_of(recorded)
    return Raw(NULL) if isinstance(event.result, UnsetType) else event.result


def to_json(value: object) -> Raw:
    """The value, encoded."""
    return Raw(msgspec.json.encode(value))


def unix_seconds(at: int | None) -> int | None:
    """Unix milliseconds as Unix seconds."""
    return None if at is None else at // 1000
