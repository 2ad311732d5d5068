"""Which requests may be sent again when their answer was lost, and when.

The rule this file keeps: a request is repeated where a second one has no second effect: a query, a
heartbeat, an end of a node (it is known by its lease), or whatever carries a `request_id`.
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

PASSING = (DaemonUnreachable, StorageError, TooManyConnections, InternalError)
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
    }
)
"""Names of methods, in lower case without underscores."""

_REPEATABLE = _QUERIES | {"heartbeatnode", "completenode", "failnode"}

UNANSWERED = (NoAnswer, ConnectionLost)
"""What leaves open whether a request was recorded."""

_FIRST = 0.01
_LONGEST = 0.5


def is_repeatable(method: str, params: Mapping[str, Any] | msgspec.Struct | None) -> bool:
    """Whether this request may be sent twice."""
    if _plain(method) in _REPEATABLE:
        return True
    chosen = params.get("request_id") if isinstance(params, Mapping) else None
    return (chosen or getattr(params, "request_id", None)) is not None


def calm(error: DaemonUnreachable, method: str) -> None:
    """Take out of an error what is of no concern where the request records nothing."""
    if _plain(method) in _QUERIES:
        error.args = (str(error).replace(f". {UNKNOWN}", ""),)


def _plain(method: str) -> str:
    return method.replace("_", "").lower()


def waits(first: float = _FIRST, longest: float = _LONGEST) -> Iterator[float]:
    """Seconds to wait before each further attempt: doubled each time, with jitter, bounded.

    Full jitter between half and all of it, so that clients that lost the daemon together do not
    come back together.
    """
    wait = first
    while True:
        yield wait * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
        wait = min(wait * 2, longest)


def still_trying(
    error: DaemonUnreachable,
    lost: ConnectionLost | None,
    *,
    repeat: bool,
    patient: bool = False,
) -> ConnectionLost:
    """What to raise if no later attempt succeeds. Raises `error` where there must be none.

    `lost` is what an earlier attempt of the same call came to. Where there was no connection to
    lose, there is nobody to come back, unless the caller is `patient`; where the time is over, it
    is over; and what may have been taken is sent again only if `repeat` allows it.
    """
    if patient and isinstance(error, NobodyListens | NoSocket):
        error = NotSent(str(error))
    goes_on = isinstance(error, NotSent) or (repeat and isinstance(error, ConnectionLost))
    if not goes_on and (lost is None or isinstance(error, ConnectionLost)):
        raise error
    if lost is None or isinstance(lost, NotSent):  # what may have been taken stays unknown
        lost = error if isinstance(error, ConnectionLost) else lost
    assert lost is not None  # noqa: S101 - else it was raised above
    return lost


def gave_up(lost: ConnectionLost, seconds: float) -> ConnectionLost:
    """The time is over, and no daemon came back."""
    return type(lost)(f"{lost}. No daemon came back within {seconds:g} s")
