"""The tables that are folded from the journal. They can be thrown away and refolded at any time.

The rule this package keeps: most tables fold events; the queue, and the slots of limits, follow the
rows of nodes and tasks, so that what changes a row changes them too, whatever event it was.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentd.events import EVENTS
from agentd.journal import Recorded
from agentd.projections import gates, limits, locks, queue, totals
from agentd.projections.base import Key, Projection, Tables
from agentd.projections.demands import DEMANDS, NO_DEMAND, Demand, DemandRow, demand_in, find_demand
from agentd.projections.edges import EDGES, EdgeRow
from agentd.projections.expired_locks import EXPIRED_LOCKS, ExpiredLockRow
from agentd.projections.gates import GATES, GateRow
from agentd.projections.imports import IMPORTS, ImportRow
from agentd.projections.limits import LIMITS, STARTS, LimitRow, StartRow
from agentd.projections.locks import LOCKS, WISHES, LockRow, WishRow, in_conflict
from agentd.projections.nodes import NODES, NodeRow, is_ready, is_runnable
from agentd.projections.queue import QUEUE, StretchRow
from agentd.projections.rank import priority_of, with_strikes
from agentd.projections.task_states import TASK_STATES, TaskStateRow
from agentd.projections.tasks import TASKS, TaskRow
from agentd.projections.totals import TOTALS, TotalsRow
from agentd.projections.usage import USAGE, UsageRow

PROJECTIONS: tuple[Projection, ...] = (
    TASKS,
    TASK_STATES,
    DEMANDS,
    LIMITS,
    USAGE,
    NODES,
    WISHES,
    EDGES,
    TOTALS,
    QUEUE,
    STARTS,
    GATES,
    LOCKS,
    EXPIRED_LOCKS,
    IMPORTS,
)
"""In the order in which an event is folded into them."""

Follow = Callable[[Tables, Any, Any], None]
"""What else is changed when a row is: (tables, the row before, the row after)."""


def _follow_node(tables: Tables, before: NodeRow | None, after: NodeRow | None) -> None:
    """Most nodes demand nothing, are no gates, and hold no locks."""
    queue.follow_node(tables, before, after)
    if after is None:
        return
    if after.demand:
        limits.follow_node(tables, before, after)
    if after.gate:
        gates.follow_node(tables, before, after)
    if after.has_locks:
        locks.follow_node(tables, before, after)


def _follow_task(tables: Tables, before: TaskStateRow | None, after: TaskStateRow | None) -> None:
    """Its nodes' statuses change all the time, what holds it seldom."""
    if before is None or after is None or queue.is_held_alike(before, after):
        return
    queue.follow_task(tables, before, after)
    locks.follow_task(tables, before, after)


_FOLLOWERS: Mapping[str, tuple[Follow, ...]] = {
    NODES.name: (_follow_node,),
    TASK_STATES.name: (_follow_task,),
    WISHES.name: (locks.follow_wish,),
    LOCKS.name: (locks.follow_lock,),
}

_STEPS_BY_EVENT = {
    kind: tuple(
        (p, _FOLLOWERS.get(p.name, ())) for p in PROJECTIONS if kind in p.kinds and p is not TOTALS
    )
    for kind in EVENTS
}
_TOTALS_KEY = (totals.SCOPE,)


def project(tables: Tables, recorded: Recorded) -> None:
    """Fold one record into every row that it concerns."""
    project_all(tables, (recorded,))


def project_all(tables: Tables, records: Sequence[Recorded]) -> None:
    """Fold records, one after the other, into every row that they concern.

    The totals, which each of them concerns, are written once.
    """
    get, put = tables.get, tables.put
    for recorded in records:
        for projection, followers in _STEPS_BY_EVENT[type(recorded.event)]:
            for key in projection.keys(recorded, tables):
                before = get(projection, key)
                row = projection.reduce(before, recorded, key)
                put(projection, key, row)
                for follow in followers:
                    follow(tables, before, row)
    put(TOTALS, _TOTALS_KEY, totals.add_all(get(TOTALS, _TOTALS_KEY), records))


__all__ = [
    "DEMANDS",
    "EDGES",
    "EXPIRED_LOCKS",
    "GATES",
    "IMPORTS",
    "LIMITS",
    "LOCKS",
    "NODES",
    "NO_DEMAND",
    "PROJECTIONS",
    "QUEUE",
    "STARTS",
    "TASKS",
    "TASK_STATES",
    "TOTALS",
    "USAGE",
    "WISHES",
    "Demand",
    "DemandRow",
    "EdgeRow",
    "ExpiredLockRow",
    "GateRow",
    "ImportRow",
    "Key",
    "LimitRow",
    "LockRow",
    "NodeRow",
    "Projection",
    "StartRow",
    "StretchRow",
    "Tables",
    "TaskRow",
    "TaskStateRow",
    "TotalsRow",
    "UsageRow",
    "WishRow",
    "demand_in",
    "find_demand",
    "in_conflict",
    "is_ready",
    "is_runnable",
    "priority_of",
    "project",
    "project_all",
    "with_strikes",
]
