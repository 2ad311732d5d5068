"""The `tasks` table: how far a task's stream goes, and how many nodes are in which status."""

from msgspec import Struct

from agentd.events import EVENTS, TaskRegistered
from agentd.journal import Recorded
from agentd.projections.base import Dependents, Key, Projection
from agentd.projections.counts import DELTAS, NONE


class TaskRow(Struct, frozen=True):
    """One task. `registered_seq` points at its TaskRegistered: goal and context are in the journal.

    `version` counts the task's events, `created_at` is Unix milliseconds; the rest count nodes.
    """

    task_id: str
    version: int
    registered_seq: int
    created_at: int
    pending: int
    running: int
    completed: int
    failed: int


def keys(recorded: Recorded, _dependents: Dependents) -> tuple[Key]:
    """Every event concerns its task."""
    return ((recorded.task_id,),)


def reduce(row: TaskRow | None, recorded: Recorded, _key: Key) -> TaskRow | None:
    """Fold one event into its task's row."""
    event = recorded.event
    if isinstance(event, TaskRegistered):
        return TaskRow(recorded.task_id, recorded.version, recorded.seq, recorded.at, 0, 0, 0, 0)
    if row is None:
        return None
    delta = DELTAS.get(type(event), NONE)
    return TaskRow(
        row.task_id,
        recorded.version,
        row.registered_seq,
        row.created_at,
        row.pending + delta.pending,
        row.running + delta.running,
        row.completed + delta.completed,
        row.failed + delta.failed,
    )


TASKS = Projection(
    name="tasks",
    row=TaskRow,
    key=("task_id",),
    fixed=("task_id", "registered_seq", "created_at"),
    kinds=EVENTS,
    keys=keys,
    reduce=reduce,
)
