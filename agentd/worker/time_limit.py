"""How long a command may take, and when it has to be told.

The rule this file keeps: a node's own time is over for everybody at its `deadline_at`, so a command
that may not take longer is ended so early that its worker can still say why.
"""

import time
from typing import NamedTuple

from msgspec import UNSET

from agentd.client import AsyncLease

_MARGIN = 1.0
"""Seconds before the deadline in which the node is failed, at most; of a short time less."""

_SHARE = 1 / 10
"""Of the time that a node has: as much at most is kept for failing it, and as much for its command
to end."""


class TimeLimit(NamedTuple):
    """Moments of the monotonic clock: SIGTERM, and when the command must be gone, where there are.

    `seconds` is the limit as people know it, and `grace` how long a command has to end. `is_early`
    says that the command is told before that is over: the limit is the node's.
    """

    seconds: float
    grace: float
    stop_at: float | None = None
    gone_by: float | None = None
    is_early: bool = False

    def grace_left(self) -> float:
        """Seconds that a command has to end which is told now."""
        if self.gone_by is None:
            return self.grace
        return max(min(self.grace, self.gone_by - time.monotonic()), 0)


def time_limit(lease: AsyncLease, timeout: float | None, grace: float, now: float) -> TimeLimit:
    """That of a command which starts `now` and may take `timeout` seconds."""
    limit = TimeLimit(_whole_if_it_is(timeout or 0), grace)
    if timeout is not None:
        limit = limit._replace(stop_at=now + timeout)
    if lease.deadline_at is None:
        return limit
    left = lease.deadline_at - time.time()
    gone_by = now + left - min(_MARGIN, left * _SHARE)
    stop_at = gone_by - min(grace, left * _SHARE)
    limit = limit._replace(gone_by=gone_by)
    if limit.stop_at is not None and limit.stop_at <= stop_at:
        return limit
    return limit._replace(seconds=_node_timeout(lease, left), stop_at=stop_at, is_early=True)


def _node_timeout(lease: AsyncLease, left: float) -> float:
    seconds = lease.context.node.timeout_secs
    return round(left) if seconds is UNSET else seconds


def _whole_if_it_is(seconds: float) -> float:
    return int(seconds) if seconds == int(seconds) else seconds
