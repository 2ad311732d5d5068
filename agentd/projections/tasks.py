"""The `tasks` table: which tasks there are, and where in the journal they began.

The rule this file keeps: what changes with every event is not in here, so that a task's row is
written once. Its nodes' statuses are in `nodes`, and how far its stream goes, the journal says.
"""

from msgspec import Struct

from agentd.events import TaskRegistered
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables


class TaskRow(Struct, frozen=True):
    """One task. `registered_seq` points at its TaskRegistered, which has goal, labels and context.

    `created_at` is Unix milliseconds, of one that was imported as it was told; so is `timeout_at`:
    when it is cancelled unless it has ended.
    """

    task_id: str
    registered_seq: int
    created_at: int
    parent_task_id: str | None = None
    timeout_at: int | None = None


def keys(recorded: Recorded, _tables: Tables) -> tuple[Key]:
    """An event concerns its task."""
    return ((recorded.task_id,),)


def reduce(row: TaskRow | None, recorded: Recorded, _key: Key) -> TaskRow | None:
    """Fold one event into its task's row."""
    event = recorded.event
    if not isinstance(event, TaskRegistered):
        return row
    return TaskRow(
        recorded.task_id,
        recorded.seq,
        recorded.at if event.created_at is None else event.created_at,
        event.parent_task_id,
        event.timeout_at,
    )


TASKS = Projection(
    name="tasks",
    row=TaskRow,
    key=("task_id",),
    fixed=("task_id",),
    kinds=(TaskRegistered,),
    keys=keys,
    reduce=reduce,
)
