"""SetLimit and CloseLimit.

The rule this file keeps: a limit that nobody has set does not limit, and is known as soon as a node
names it.
"""

from typing import ClassVar

from msgspec import Struct

from agentd.api import CloseLimitParams, RateSpec, SetLimitParams, to_milliseconds
from agentd.decide.context import Context
from agentd.errors import LimitUnknown
from agentd.events import LIMITS_STREAM, LimitClosed, LimitSet, Rate
from agentd.journal import Draft
from agentd.projections import LimitRow


class LimitsState(Struct, frozen=True):
    """The state of a limit; None where no node names it and nobody has set it."""

    version: int
    limit: LimitRow | None
    task_id: ClassVar[str] = LIMITS_STREAM
    result_seq: ClassVar[int] = 0


def set_limit(state: LimitsState, params: SetLimitParams, _context: Context) -> list[Draft]:
    """How many may run, and how often one may begin; nothing where it is so already."""
    event = LimitSet(params.name, params.max_running, _rate_of(params.rate))
    return [] if state.limit is not None and _says_so(state.limit, event) else [Draft(event)]


def close_limit(state: LimitsState, params: CloseLimitParams, context: Context) -> list[Draft]:
    """Nothing more of it is handed out until then; nothing where it is open and shall be."""
    limit = state.limit
    if limit is None:
        raise LimitUnknown(
            f"no node names the limit {params.name!r}, and nobody has set it: is it misspelled?",
            name=params.name,
        )
    until = _until(params, context.now)
    is_open = limit.closed_until is None or limit.closed_until <= context.now
    if limit.is_known and is_open and until <= context.now:
        return []
    return [Draft(LimitClosed(params.name, until, params.reason, params.by))]


def _until(params: CloseLimitParams, now: int) -> int:
    if params.until is not None:
        return to_milliseconds(params.until, "$.until")
    return now + round((params.for_secs or 0) * 1000)


def _rate_of(spec: RateSpec | None) -> Rate | None:
    return None if spec is None else Rate(spec.count, round(spec.per_secs * 1000))


def _says_so(limit: LimitRow, event: LimitSet) -> bool:
    rate = None if limit.rate_count is None else Rate(limit.rate_count, limit.rate_ms or 0)
    return limit.is_known and (limit.max_running, rate) == (event.max_running, event.rate)
