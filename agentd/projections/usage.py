"""The `usage` table: what a task, each of its nodes, and a limit's have used, added up by unit.

The rule this file keeps: amounts are added as the decimal numbers that they were written as: ten
times 0.1 is 1.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from agentd.events import Amount, EventCommitted, NodeCompleted, NodeFailed
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables
from agentd.projections.demands import limits_of
from agentd.projections.nodes import NODES

_TELLING = (EventCommitted, NodeCompleted, NodeFailed)
"""What may tell of usage."""

_EXACT = 2**53
"""From here on integers are no longer what every reader of JSON takes them for."""


class UsageRow(Struct, frozen=True):
    """How much of a unit was used within a scope, over all attempts."""

    scope: str
    unit: str
    amount: Amount


def task_scope(task_id: str) -> str:
    """All that a task has used."""
    return f"task {task_id}"


def node_scope(node_id: str) -> str:
    """All that a node has used."""
    return f"node {node_id}"


def limit_scope(name: str) -> str:
    """All that the nodes that name a limit have used."""
    return f"limit {name}"


def add(one: Amount, other: Amount) -> Amount:
    """The sum: of integers an integer, while that is exact."""
    if isinstance(one, int) and isinstance(other, int) and one + other < _EXACT:
        return one + other
    return float(Decimal(str(one)) + Decimal(str(other)))


def keys(recorded: Recorded, tables: Tables) -> Iterable[Key]:
    """An event with usage concerns its task, its node and the limits that this names."""
    event = recorded.event
    if not isinstance(event, _TELLING) or not event.usage:
        return ()
    node = tables.get(NODES, (recorded.node_id or "",))
    limits = () if node is None else limits_of(tables, node.demand)
    scopes = [task_scope(recorded.task_id), node_scope(recorded.node_id or "")]
    scopes += map(limit_scope, limits)
    return [(scope, unit) for scope in scopes for unit in event.usage]


def reduce(row: UsageRow | None, recorded: Recorded, key: Key) -> UsageRow | None:
    """Add what an event tells."""
    scope, unit = key
    event = recorded.event
    if not isinstance(event, _TELLING):
        return row
    return UsageRow(scope, unit, add(row.amount if row else 0, event.usage[unit]))


USAGE = Projection(
    name="usage",
    row=UsageRow,
    key=("scope", "unit"),
    fixed=("scope", "unit"),
    kinds=_TELLING,
    keys=keys,
    reduce=reduce,
)
