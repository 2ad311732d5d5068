"""What a document says of the task as a whole: what holds it, and what it is found by.

The rule this file keeps: the fields and their limits are those of the request.
"""

from typing import Any

import msgspec

from agentd.api import RegisterTaskParams
from agentd.documents.fields import Fields
from agentd.documents.settings import read_seconds

HOLDS = {
    "parent_task_id": "a UUID",
    "labels": "an object of texts",
    "budget": "an object of numbers, 0 or more",
    "paused": "true or false",
    "timeout_secs": "a number of seconds (`timeout` takes a duration)",
    "dedupe_key": "a text of 1 to 256 characters",
}
"""By name, what is expected of the field."""

_TYPES = {field.name: field.type for field in msgspec.structs.fields(RegisterTaskParams)}


def read_holds(task: Fields) -> dict[str, Any]:
    """Those fields that are given, by their names in the request."""
    given = {name: task.get(name, _TYPES[name], expected, None) for name, expected in HOLDS.items()}
    if (timeout := read_seconds(task, "timeout", "timeout_secs", float)) is not None:
        given["timeout_secs"] = timeout
    return {name: value for name, value in given.items() if value is not None}
