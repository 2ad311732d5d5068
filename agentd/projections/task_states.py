"""The `task_states` table: what of a task changes, its nodes' statuses counted.

The rule this file keeps: a task of any size is one row, so that neither a list of tasks nor who
looks for work ever looks at the nodes of a task that hands out none.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from agentd.events import (
    BudgetSet,
    Event,
    EventCommitted,
    GateOpened,
    LeaseExpired,
    LeaseRevoked,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    StateOfTask,
    TaskCancelled,
    TaskPaused,
    TaskRegistered,
    TaskResumed,
)
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables
from agentd.projections.totals import delta_of

ENDED: tuple[StateOfTask, ...] = ("COMPLETED", "FAILED", "CANCELLED")


class TaskStateRow(Struct, frozen=True):
    """The nodes of one task by their status, and what holds the task.

    `cancelled_seq`, `paused_seq` and `budget_seq` point at the journal's records that cancelled it,
    paused it and gave it its budget, where that is so. `spent`: the budget is reached. `has_usage`:
    some was reported. `dedupe_key` never changes; it is here for the index. Of its gates
    `gates_to_open` are ready and have not been opened.
    """

    task_id: str
    pending: int
    running: int
    completed: int
    failed: int
    cancelled_seq: int | None = None
    paused_seq: int | None = None
    budget_seq: int | None = None
    spent: bool = False
    has_usage: bool = False
    dedupe_key: str | None = None
    gates_to_open: int = 0

    @property
    def nodes(self) -> int:
        """All nodes, whatever their status."""
        return self.pending + self.running + self.completed + self.failed

    @property
    def may_go_on(self) -> bool:
        """Whether it is not cancelled, and a node of it has not ended, or it has none yet."""
        open_nodes = self.pending + self.running > 0
        return self.cancelled_seq is None and (open_nodes or self.nodes == 0)

    @property
    def hands_out(self) -> bool:
        """Whether a node of it would be handed out if one is ready."""
        return self.cancelled_seq is None and self.paused_seq is None and not self.spent

    @property
    def may_be_stuck(self) -> bool:
        """Whether something failed and nobody works: it has failed if nothing is ready."""
        return self.cancelled_seq is None and self.failed > 0 and self.running == 0

    def state(self, *, has_ready: bool) -> StateOfTask:
        """The task's state; `has_ready` is looked at where it `may_be_stuck`."""
        if self.cancelled_seq is not None:
            return "CANCELLED"
        if self.completed and self.completed == self.nodes:
            return "COMPLETED"
        if self.may_be_stuck and not has_ready:
            return "FAILED"
        return "ACTIVE" if self.paused_seq is None else "PAUSED"


def keys(recorded: Recorded, _tables: Tables) -> tuple[Key, ...]:
    """An event that changes a status, or what holds the task, concerns its task."""
    event = recorded.event
    if type(event) is EventCommitted and not event.usage:
        return ()
    if type(event) is NodeAdded and event.place is None:  # its registration told of it
        return ()
    return ((recorded.task_id,),)


def reduce(row: TaskStateRow | None, recorded: Recorded, _key: Key) -> TaskStateRow | None:
    """Fold one event into its task's state."""
    event = recorded.event
    if isinstance(event, TaskRegistered):  # it tells of the nodes that were registered with it
        return _register(recorded, event)
    if row is None:
        return None
    if type(event) in COUNTED:
        delta = delta_of(event)
        row = msgspec.structs.replace(
            row,
            pending=row.pending + delta.pending,
            running=row.running + delta.running,
            completed=row.completed + delta.completed,
            failed=row.failed + delta.failed,
        )
    reducer = _REDUCERS.get(type(event))
    return row if reducer is None else reducer(row, recorded, event)


def _register(recorded: Recorded, event: TaskRegistered) -> TaskStateRow:
    return TaskStateRow(
        recorded.task_id,
        event.node_count - event.completed - event.failed,
        0,
        event.completed,
        event.failed,
        paused_seq=recorded.seq if event.paused else None,
        budget_seq=None if event.budget is None else recorded.seq,
        spent=event.spent,
        dedupe_key=event.dedupe_key,
    )


def _note_usage(
    row: TaskStateRow, _recorded: Recorded, event: EventCommitted | NodeCompleted | NodeFailed
) -> TaskStateRow:
    if not event.usage:
        return row
    return msgspec.structs.replace(row, spent=bool(row.spent or event.spent), has_usage=True)


def _cancel(row: TaskStateRow, recorded: Recorded, _event: TaskCancelled) -> TaskStateRow:
    return msgspec.structs.replace(row, cancelled_seq=recorded.seq)


def _pause(row: TaskStateRow, recorded: Recorded, _event: TaskPaused) -> TaskStateRow:
    return msgspec.structs.replace(row, paused_seq=recorded.seq)


def _resume(row: TaskStateRow, _recorded: Recorded, _event: TaskResumed) -> TaskStateRow:
    return msgspec.structs.replace(row, paused_seq=None)


def _set_budget(row: TaskStateRow, recorded: Recorded, event: BudgetSet) -> TaskStateRow:
    return msgspec.structs.replace(
        row, budget_seq=None if event.budget is None else recorded.seq, spent=event.spent
    )


def _open_gate(row: TaskStateRow, _recorded: Recorded, _event: GateOpened) -> TaskStateRow:
    return msgspec.structs.replace(row, gates_to_open=row.gates_to_open - 1)


COUNTED: tuple[type[Event], ...] = (
    NodeAdded,
    NodeAcquired,
    LeaseExpired,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    LeaseRevoked,
)
"""What changes how many nodes there are in each status, once the task is registered."""

_REDUCERS: dict[type[Event], Callable[[TaskStateRow, Recorded, Any], TaskStateRow]] = {
    EventCommitted: _note_usage,
    NodeCompleted: _note_usage,
    NodeFailed: _note_usage,
    TaskCancelled: _cancel,
    TaskPaused: _pause,
    TaskResumed: _resume,
    BudgetSet: _set_budget,
    GateOpened: _open_gate,
}

KINDS: tuple[type[Event], ...] = tuple(dict.fromkeys((TaskRegistered, *COUNTED, *_REDUCERS)))

TASK_STATES = Projection(
    name="task_states",
    row=TaskStateRow,
    key=("task_id",),
    fixed=("task_id", "dedupe_key"),
    kinds=KINDS,
    keys=keys,
    reduce=reduce,
)
