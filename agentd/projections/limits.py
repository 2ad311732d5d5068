"""The `limits` table, and that of the acquisitions that a rate counts.

The rule this file keeps: a slot goes with the lease. Who runs is counted whether anybody has set
the limit or not, so that one that is set later counts those that run already.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from agentd.events import Event, LimitClosed, LimitSet, NodeAdded, NodeUpdated
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables
from agentd.projections.demands import limits_of
from agentd.projections.nodes import NodeRow

REMEMBERED_STARTS = 10_000
"""Acquisitions of one limit: no rate counts more."""


class LimitRow(Struct, frozen=True):
    """A limit that a node names or somebody has set. Times are Unix milliseconds.

    `is_known`: somebody has set it, or closed it. `starts` are the acquisitions since it has a
    rate. `closed_seq` points at the record that closed it until `closed_until`.
    """

    name: str
    running: int = 0
    is_known: bool = False
    max_running: int | None = None
    rate_count: int | None = None
    rate_ms: int | None = None
    starts: int = 0
    closed_until: int | None = None
    closed_seq: int | None = None


class StartRow(Struct, frozen=True):
    """When a node that names the limit was acquired.

    The n-th acquisition, counted from 0, is in the slot n modulo `REMEMBERED_STARTS`.
    """

    name: str
    slot: int
    at: int


def start_before(limit: LimitRow) -> Key | None:
    """The acquisition that has to be long ago before the next one; None where any time will do."""
    count = limit.rate_count
    if count is None or limit.starts < count:
        return None
    return limit.name, (limit.starts - count) % REMEMBERED_STARTS


def keys(recorded: Recorded, _tables: Tables) -> list[Key]:
    """An event concerns the limits that it names."""
    event = recorded.event
    if isinstance(event, LimitSet | LimitClosed):
        return [(event.name,)]
    if isinstance(event, NodeAdded | NodeUpdated) and event.settings is not None:
        return [(name,) for name in event.settings.limits or ()]
    return []


def reduce(row: LimitRow | None, recorded: Recorded, key: Key) -> LimitRow:
    """Fold one event into its limit; one that is only named is there, and no more."""
    row = row or LimitRow(key[0])
    reducer = _REDUCERS.get(type(recorded.event))
    return row if reducer is None else reducer(row, recorded, recorded.event)


def _set_limit(row: LimitRow, _recorded: Recorded, event: LimitSet) -> LimitRow:
    rate = event.rate
    return replace(
        row,
        is_known=True,
        max_running=event.max_running,
        rate_count=None if rate is None else rate.count,
        rate_ms=None if rate is None else rate.per_ms,
        starts=0 if rate is None else row.starts,
    )


def _close_limit(row: LimitRow, recorded: Recorded, event: LimitClosed) -> LimitRow:
    is_ahead = event.until > recorded.at
    return replace(
        row,
        is_known=True,
        closed_until=event.until if is_ahead else None,
        closed_seq=recorded.seq if is_ahead else None,
    )


def follow_node(tables: Tables, before: NodeRow | None, after: NodeRow | None) -> None:
    """Take a slot of each of its limits while the node is RUNNING."""
    if after is None or before is None or not after.demand or before.status == after.status:
        return
    if after.status == "RUNNING":
        for name in limits_of(tables, after.demand):
            _take_slot(tables, name, after.acquired_at or 0)
    elif before.status == "RUNNING":
        for name in limits_of(tables, after.demand):
            row: LimitRow = tables.get(LIMITS, (name,))
            tables.put(LIMITS, (name,), replace(row, running=row.running - 1))


def _take_slot(tables: Tables, name: str, at: int) -> None:
    row: LimitRow = tables.get(LIMITS, (name,))
    starts = row.starts
    if row.rate_count is not None:
        slot = starts % REMEMBERED_STARTS
        tables.put(STARTS, (name, slot), StartRow(name, slot, at))
        starts += 1
    tables.put(LIMITS, (name,), replace(row, running=row.running + 1, starts=starts))


_REDUCERS: dict[type[Event], Callable[[LimitRow, Recorded, Any], LimitRow]] = {
    LimitSet: _set_limit,
    LimitClosed: _close_limit,
}

LIMITS = Projection(
    name="limits",
    row=LimitRow,
    key=("name",),
    fixed=("name",),
    kinds=(LimitSet, LimitClosed, NodeAdded, NodeUpdated),
    keys=keys,
    reduce=reduce,
)


STARTS = Projection(
    name="starts",
    row=StartRow,
    key=("name", "slot"),
    fixed=("name", "slot"),
)
