"""What keeps a ready node from being handed out, besides its dependencies.

The rule this file keeps: who looks for work and who explains why there is none ask the same
functions, so they never disagree.
"""

from msgspec import Struct

from agentd.api import CauseKind
from agentd.projections import LimitRow, TaskStateRow

LIMIT_KINDS: tuple[CauseKind, ...] = ("limit_closed", "limit_full", "rate")
"""Why a limit has no slot, in the order in which that is told."""


class LimitState(Struct, frozen=True):
    """A limit, and when the acquisition was that its rate needs to be long ago, if any.

    That moment is Unix milliseconds.
    """

    row: LimitRow
    start_at: int | None = None

    @property
    def has_room_at(self) -> int | None:
        """When its rate has room again, in Unix milliseconds; None where it always has."""
        if self.start_at is None or self.row.rate_ms is None:
            return None
        return self.start_at + self.row.rate_ms

    def is_closed(self, now: int) -> bool:
        """Whether somebody closed it, and that is not over."""
        return self.row.closed_until is not None and self.row.closed_until > now

    @property
    def is_full(self) -> bool:
        """Whether as many run as may."""
        return self.row.max_running is not None and self.row.running >= self.row.max_running

    def is_too_frequent(self, now: int) -> bool:
        """Whether one more acquisition now would exceed its rate."""
        room_at = self.has_room_at
        return room_at is not None and room_at > now

    def has_room(self, now: int) -> bool:
        """Whether it has a slot at this moment."""
        return not (self.is_full or self.is_closed(now) or self.is_too_frequent(now))


def causes_of_task(task: TaskStateRow) -> list[CauseKind]:
    """What holds the whole task."""
    causes: list[tuple[CauseKind, bool]] = [
        ("cancelled", task.cancelled_seq is not None),
        ("paused", task.paused_seq is not None),
        ("budget_spent", bool(task.spent)),
    ]
    return [kind for kind, holds in causes if holds]


def causes_of_limit(limit: LimitState, now: int) -> list[CauseKind]:
    """Why the limit has no slot at this moment."""
    causes: list[tuple[CauseKind, bool]] = [
        ("limit_closed", limit.is_closed(now)),
        ("limit_full", limit.is_full),
        ("rate", limit.is_too_frequent(now)),
    ]
    return [kind for kind, holds in causes if holds]
