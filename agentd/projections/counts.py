"""What each event does to the number of nodes in each status; tasks and totals both count by it."""

from collections.abc import Mapping
from typing import NamedTuple

from agentd.events import (
    Event,
    LeaseExpired,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
)


class Delta(NamedTuple):
    """Nodes more (or fewer) in each status."""

    pending: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0


NONE = Delta()

DELTAS: Mapping[type[Event], Delta] = {
    NodeAdded: Delta(pending=1),
    NodeAcquired: Delta(pending=-1, running=1),
    LeaseExpired: Delta(pending=1, running=-1),
    NodeCompleted: Delta(running=-1, completed=1),
    NodeFailed: Delta(running=-1, failed=1),
}
