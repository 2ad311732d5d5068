"""Which requests may be sent again when their answer was lost, and when.

The rule this file keeps: a request is repeated where a second one has no second effect: a query, a
heartbeat, an end of an attempt (it is known by its lease), or whatever carries a `request_id`.
"""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from agentd.client.unreachable import UNKNOWN, NotSent
from agentd.errors import (
    ConnectionLost,
    DaemonUnreachable,
    InternalError,
    NoAnswer,
    NobodyListens,
    NoSocket,
    StorageError,
    TooManyConnections,
)

TRANSIENT = (DaemonUnreachable, StorageError, TooManyConnections, InternalError)
"""What may be over soon: a worker tries again later."""

_QUERIES = frozenset(
    {
        "describeinterface",
        "health",
        "metrics",
        "taskstatus",
        "gettaskstatus",
        "listtasks",
        "taskevents",
        "nodestatus",
        "watchevents",
        "listworkers",
        "listlimits",
        "listgates",
        "explainnode",
        "explaintask",
        "listresourcelocks",
    }
)
"""Names of methods, in lower case without underscores."""

_REPEATABLE = _QUERIES | {
    "heartbeatnode",
    "heartbeatresourcelock",
    "completenode",
    "failnode",
    "releasenode",
}

OUTCOME_UNKNOWN = (NoAnswer, ConnectionLost)
"""What leaves open whether a request was recorded."""

_FIRST = 0.01
_LONGEST = 0.5


def is_repeatable(method: str, params: Mapping[str, Any] | msgspec.Struct | None) -> bool:
    """Whether this request may be sent twice."""
    if _normalize(method) in _REPEATABLE:
        return True
    chosen = params.get("request_id") if isinstance(params, Mapping) else None
    return (chosen or getattr(params, "request_id", None)) is not None


def omit_unknown_outcome(error: DaemonUnreachable, method: str) -> None:
    """Take out of an error what is of no concern where the request records nothing."""
    if _normalize(method) in _QUERIES:
        error.args = (str(error).replace(f". {UNKNOWN}", ""),)


def _normalize(method: str) -> str:
    return method.replace("_", "").lower()


def backoff(first: float = _FIRST, longest: float = _LONGEST) -> Iterator[float]:
    """Seconds to wait before each further attempt: doubled each time, with jitter, bounded.

    Full jitter between half and all of it, so that clients that lost the daemon together do not
    come back together.
    """
    wait = first
    while True:
        yield wait * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
        wait = min(wait * 2, longest)


class Repeats:
    """The further attempts of one call that may take so many `seconds`.

    Where there was no connection to lose, there is nobody to come back, unless the caller is
    `patient`; where the time is over, it is over; and what may have been taken is sent again only
    if `repeat` allows it. `error` is what the first attempt came to, if there was one.
    """

    def __init__(
        self, seconds: float, error: DaemonUnreachable | None, *, repeat: bool, patient: bool
    ) -> None:
        """Raises `error` where there must be no further attempt."""
        self._seconds = seconds
        self._repeat = repeat
        self._patient = patient
        self._waits = backoff()
        self._lost: ConnectionLost | None = None
        if error is not None:
            self.record(error)

    @property
    def has_lost(self) -> bool:
        """Whether an attempt has failed already."""
        return self._lost is not None

    def record(self, error: DaemonUnreachable) -> None:
        """Keep what an attempt came to. Raises `error` where there must be no further one."""
        lost = self._lost
        if self._patient and isinstance(error, NobodyListens | NoSocket):
            error = NotSent(str(error))
        goes_on = isinstance(error, NotSent) or (self._repeat and isinstance(error, ConnectionLost))
        if not goes_on and (lost is None or isinstance(error, ConnectionLost)):
            raise error
        if lost is None or isinstance(lost, NotSent):  # what may have been taken stays unknown
            self._lost = error if isinstance(error, ConnectionLost) else lost

    def next_wait(self, left: float) -> float:
        """Seconds to wait before the next attempt; `left` are those that the call still has."""
        return max(min(next(self._waits), left), 0.0)

    def check_time(self, left: float) -> None:
        """Raise what an attempt came to, if the time is over: no daemon came back."""
        if left <= 0 and self._lost is not None:
            message = f"{self._lost}. No daemon came back within {self._seconds:g} s"
            raise type(self._lost)(message)
