"""The `counts` table: how many nodes of each task are in which status.

The rule this file keeps: a task of any size is counted by one row, so that a list of tasks never
looks at their nodes.
"""

from msgspec import Struct

from agentd.events import (
    Event,
    LeaseExpired,
    NodeAcquired,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    TaskRegistered,
)
from agentd.journal import Recorded
from agentd.projections.base import Dependents, Key, Projection
from agentd.projections.totals import delta_of


class CountsRow(Struct, frozen=True):
    """The nodes of one task by their status."""

    task_id: str
    pending: int
    running: int
    completed: int
    failed: int


KINDS: tuple[type[Event], ...] = (
    TaskRegistered,
    NodeAcquired,
    LeaseExpired,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
)


def keys(recorded: Recorded, _dependents: Dependents) -> tuple[Key, ...]:
    """An event that changes a status concerns its task."""
    return ((recorded.task_id,),) if type(recorded.event) in KINDS else ()


def reduce(row: CountsRow | None, recorded: Recorded, _key: Key) -> CountsRow | None:
    """Fold one event into its task's counts."""
    event = recorded.event
    if isinstance(event, TaskRegistered):  # it tells of all its nodes, so none is counted twice
        return CountsRow(recorded.task_id, event.node_count, 0, 0, 0)
    if row is None:
        return None
    delta = delta_of(event)
    return CountsRow(
        row.task_id,
        row.pending + delta.pending,
        row.running + delta.running,
        row.completed + delta.completed,
        row.failed + delta.failed,
    )


COUNTS = Projection(
    name="counts",
    row=CountsRow,
    key=("task_id",),
    fixed=("task_id",),
    kinds=KINDS,
    keys=keys,
    reduce=reduce,
)
