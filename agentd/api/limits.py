"""SetLimit, CloseLimit and ListLimits: how many nodes of a kind may run, and how often."""

from typing import Annotated

from msgspec import Meta, Struct

from agentd.api.amounts import LARGEST_AMOUNT, ResultAmounts, Text
from agentd.api.moments import FractionalSeconds, Moment, Seconds, to_milliseconds
from agentd.api.pages import Limit
from agentd.api.params import Params
from agentd.api.types import OrNull

MOST_STARTS = 10_000
"""Acquisitions that a rate may count."""

MaxRunning = Annotated[int, Meta(ge=0, le=LARGEST_AMOUNT)]


class RateSpec(Struct, forbid_unknown_fields=True):
    """So many acquisitions, and no more, in any so many seconds."""

    count: Annotated[int, Meta(ge=1, le=MOST_STARTS)]
    per_secs: Annotated[float, Meta(ge=1, le=86_400)]


class SetLimitParams(Params, forbid_unknown_fields=True):
    """Set how many nodes that name a limit may run at once, and how often one may be acquired."""

    name: Text
    max_running: Annotated[MaxRunning | None, Meta(description="null: any number")]
    rate: Annotated[RateSpec | None, Meta(description="null: any rate")] = None


class CloseLimitParams(Params, forbid_unknown_fields=True):
    """Hand out nothing that names a limit for a while, to anybody; `for_secs` 0 opens it."""

    name: Text
    for_secs: Seconds | None = None
    until: Moment | None = None
    reason: str | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.for_secs is None) is (self.until is None):
            raise ValueError("`$.for_secs`, or `$.until`: give one of the two")
        if self.until is not None:
            to_milliseconds(self.until, "$.until")


class ListLimitsParams(Params, forbid_unknown_fields=True):
    """List the limits that were set or closed, by name."""

    limit: OrNull[Limit] = 1_000
    after: str | None = None


class LimitView(Struct):
    """A limit; `waiting` are the ready nodes that name it, of tasks that are not cancelled."""

    name: str
    max_running: int | None
    rate: RateSpec | None
    running: int
    waiting: int
    closed_until: Annotated[FractionalSeconds | None, Meta(description="null unless it lies ahead")]
    reason: str | None
    usage: ResultAmounts


class ListLimitsResult(Struct):
    """A page of limits; `next` is the `after` of the next one, null on the last."""

    limits: list[LimitView]
    next: str | None
