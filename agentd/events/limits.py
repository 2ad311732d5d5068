"""What happens to a limit."""

from msgspec import Struct

from agentd.events.base import Event

LIMITS_STREAM = "limits"
"""What stands in the place of a task's id in the records of limits; no task has this id."""


class Rate(Struct, frozen=True):
    """So many acquisitions, and no more, in any `per_ms` milliseconds."""

    count: int
    per_ms: int


class LimitSet(Event, frozen=True, omit_defaults=True):
    """So many nodes that name the limit may be RUNNING, and so many may be acquired in a time."""

    name: str
    max_running: int | None = None
    rate: Rate | None = None


class LimitClosed(Event, frozen=True, omit_defaults=True):
    """No node that names the limit is handed out before `until`, Unix milliseconds."""

    name: str
    until: int
    reason: str | None = None
    by: str | None = None
