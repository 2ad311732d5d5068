"""The `queue` table: the ready nodes of a task, counted by stretches of those that are alike.

The rule this file keeps: it follows the rows of nodes and tasks. A stretch has the ready nodes that
were registered together, demand the same and have the same rank, so they follow each other in the
order of handing out, and whatever holds one holds all. Who looks for work looks at stretches only:
a task that hands out none, or a demand that nobody meets, is passed by as a whole. A stretch in
which nothing is ready is no row.
"""

from msgspec import Struct
from msgspec.structs import replace

from agentd.projections.base import Key, Projection, Tables
from agentd.projections.nodes import NodeRow, is_ready, is_runnable
from agentd.projections.task_states import TASK_STATES, TaskStateRow
from agentd.projections.tasks import TASKS, TaskRow


class StretchRow(Struct, frozen=True):
    """Nodes of one task, registered in one `batch`, with the same demand and the same rank.

    So many of them are `ready`, and so many of these `runnable`: the others are gates, or wait for
    their moment or for locks. `held`: the task hands out none. `hands_out`: a node of it may be
    handed out, if its demand is met; it follows from the others, and is here for the indexes, as
    `registered_seq` is, by which the tasks that hand out nodes are listed.
    """

    task_id: str
    demand: str
    rank: int
    batch: int
    ready: int
    runnable: int
    held: bool
    hands_out: bool
    registered_seq: int

    @property
    def order(self) -> tuple[int, int]:
        """By which stretches are compared: of nodes of the least comes the next."""
        return self.rank, self.batch


def key_of(stretch: StretchRow) -> Key:
    """Its key."""
    return stretch.task_id, stretch.demand, stretch.rank, stretch.batch


def stretch_of(node: NodeRow) -> Key:
    """The stretch that the node is in while it is ready."""
    return node.task_id, node.demand, node.rank, node.batch


def follow_node(tables: Tables, before: NodeRow | None, after: NodeRow | None) -> None:
    """Count a node where it is ready now, and no more where it was."""
    left = before if before is not None and is_ready(before) else None
    entered = after if after is not None and is_ready(after) else None
    if left is None and entered is None:
        return
    if left is not None and entered is not None and _place(left) == _place(entered):
        return
    if left is not None:
        _count(tables, stretch_of(left), -1, -int(is_runnable(left)))
    if entered is not None:
        _count(tables, stretch_of(entered), 1, int(is_runnable(entered)))


def _place(node: NodeRow) -> tuple[Key, bool]:
    return stretch_of(node), is_runnable(node)


def _count(tables: Tables, key: Key, ready: int, runnable: int) -> None:
    row: StretchRow | None = tables.get(QUEUE, key)
    if row is None:
        row = _new_stretch(tables, key)
    if row is not None:
        row = _with_counts(row, row.ready + ready, row.runnable + runnable, held=row.held)
        tables.put(QUEUE, key, row if row.ready > 0 else None)


def _new_stretch(tables: Tables, key: Key) -> StretchRow | None:
    """One in which nothing is ready yet; a task that is cancelled has none."""
    state: TaskStateRow | None = tables.get(TASK_STATES, key[:1])
    task: TaskRow | None = tables.get(TASKS, key[:1])
    if state is None or task is None or state.cancelled_seq is not None:
        return None
    task_id, demand, rank, batch = key
    held, seq = not state.hands_out, task.registered_seq
    return StretchRow(task_id, demand, rank, batch, 0, 0, held, False, seq)  # noqa: FBT003 - hands out


def _with_counts(row: StretchRow, ready: int, runnable: int, *, held: bool) -> StretchRow:
    hands_out = runnable > 0 and not held
    return replace(row, ready=ready, runnable=runnable, held=held, hands_out=hands_out)


def follow_task(tables: Tables, before: TaskStateRow | None, after: TaskStateRow | None) -> None:
    """Hold its stretches, or no longer; where it is cancelled, there are none."""
    if before is None or after is None or is_held_alike(before, after):
        return
    held = None if after.cancelled_seq is not None else not after.hands_out
    for row in list(tables.stretches(after.task_id)):
        key = key_of(row)
        changed = None if held is None else _with_counts(row, row.ready, row.runnable, held=held)
        tables.put(QUEUE, key, changed)


def is_held_alike(one: TaskStateRow, other: TaskStateRow) -> bool:
    """Nearly always: what holds a task changes seldom, its nodes' statuses all the time."""
    return (
        one.cancelled_seq == other.cancelled_seq
        and one.paused_seq == other.paused_seq
        and one.spent == other.spent
    )


QUEUE = Projection(
    name="queue",
    row=StretchRow,
    key=("task_id", "demand", "rank", "batch"),
    fixed=("task_id", "demand", "rank", "batch", "registered_seq"),
    counters=("ready", "runnable"),
)
