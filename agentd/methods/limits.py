"""SetLimit, CloseLimit and ListLimits."""

from agentd import decide, queries
from agentd.api import (
    CloseLimitParams,
    ListLimitsParams,
    ListLimitsResult,
    OkResult,
    SetLimitParams,
)
from agentd.decide import Context, LimitsState
from agentd.events import LIMITS_STREAM
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.projections import LIMITS
from agentd.store import Reader


def _load(
    reader: Reader, params: SetLimitParams | CloseLimitParams, _context: Context
) -> LimitsState:
    return LimitsState(reader.head(LIMITS_STREAM).version, reader.get(LIMITS, (params.name,)))


def _show_ok(_reader: Reader, _recorded: Recorded | None, _context: Context) -> OkResult:
    return OkResult()


def list_limits(reader: Reader, params: ListLimitsParams, context: Context) -> ListLimitsResult:
    """A page of the limits."""
    return queries.list_limits(reader, params, context.now)


SET_LIMIT = Command(_load, decide.set_limit, _show_ok, _show_ok)
CLOSE_LIMIT = Command(_load, decide.close_limit, _show_ok, _show_ok)
