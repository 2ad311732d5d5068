"""Limits, and who waits for them."""

from collections import defaultdict
from collections.abc import Mapping

from agentd.api import LimitView, ListLimitsParams, ListLimitsResult, RateSpec, fractional_seconds
from agentd.causes import LimitState
from agentd.errors import JournalDamaged
from agentd.events import LimitClosed
from agentd.projections import (
    LIMITS,
    STARTS,
    LimitRow,
    NodeRow,
    demand_in,
    find_demand,
)
from agentd.projections.limits import start_before
from agentd.projections.usage import limit_scope
from agentd.store import Reader


def limit_state(reader: Reader, name: str) -> LimitState:
    """The limit, which a node names, and the acquisition that its rate goes by."""
    row: LimitRow = reader.get(LIMITS, (name,))
    key = start_before(row)
    return LimitState(row, None if key is None else reader.get(STARTS, key).at)


def limits_of_node(reader: Reader, row: NodeRow) -> list[LimitState]:
    """The limits of which the node takes a slot."""
    return [limit_state(reader, name) for name in find_demand(reader, row.demand).limits]


def closing_reason(reader: Reader, row: LimitRow) -> LimitClosed | None:
    """How it was closed, if it was, and has not been opened since."""
    if row.closed_seq is None:
        return None
    event = reader.record_at(row.closed_seq).event
    if not isinstance(event, LimitClosed):
        raise JournalDamaged(f"record {row.closed_seq} did not close the limit {row.name!r}")
    return event


def list_limits(reader: Reader, params: ListLimitsParams, now: int) -> ListLimitsResult:
    """A page of the limits that were set or closed."""
    rows = reader.known_limits(params.after or "", params.limit + 1)
    page = rows[: params.limit]
    demands = _demands_by_limit(reader)
    views = [_limit_view(reader, row, demands[row.name], now) for row in page]
    return ListLimitsResult(views, page[-1].name if len(rows) > params.limit else None)


def _limit_view(reader: Reader, row: LimitRow, demands: list[str], now: int) -> LimitView:
    is_closed = row.closed_until is not None and row.closed_until > now
    closing = closing_reason(reader, row) if is_closed else None
    return LimitView(
        row.name,
        row.max_running,
        None if row.rate_count is None else RateSpec(row.rate_count, (row.rate_ms or 0) / 1000),
        row.running,
        reader.count_ready(demands),
        fractional_seconds(row.closed_until) if is_closed else None,
        None if closing is None else closing.reason,
        {used.unit: used.amount for used in reader.usage(limit_scope(row.name))},
    )


def _demands_by_limit(reader: Reader) -> Mapping[str, list[str]]:
    """The demands of ready nodes that name each limit, all found in one go."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in reader.demands_in_queue():
        for name in demand_in(row).limits:
            found[name].append(row.demand)
    return found
