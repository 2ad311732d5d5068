"""CancelTask, PauseTask, ResumeTask, SetBudget and a task's time-out: what holds a task.

The rule this file keeps: a task is held by an event of its own, and one for each lease that is
taken away, never one for each node.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from msgspec import Struct

from agentd.api import CancelTaskParams, PauseTaskParams, ResumeTaskParams, SetBudgetParams
from agentd.decide.context import Context
from agentd.decide.state import Ledger, next_status, require_not_cancelled
from agentd.decide.usage import is_reached
from agentd.errors import TaskHasEnded, TaskNotFound
from agentd.events import (
    BudgetSet,
    LeaseRevoked,
    StateOfTask,
    TaskCancelled,
    TaskPaused,
    TaskResumed,
)
from agentd.journal import Draft
from agentd.projections import NodeRow, TaskRow
from agentd.projections.task_states import ENDED

TIMED_OUT_BY = "timeout"
"""Who cancels a task whose time is over."""


class Cancellable(Struct, frozen=True):
    """A task that has not ended, and its nodes that are held."""

    task_id: str
    held: Sequence[NodeRow] = ()


class ControlState(Struct, frozen=True):
    """The state of a task that is to be held or let go.

    `descendants` are those that have not ended, and `versions` where their streams end, with that
    of the task: known where the task is to be cancelled.
    """

    task_id: str
    version: int
    task: TaskRow | None
    state: StateOfTask = "ACTIVE"
    is_paused: bool = False
    cancelled: TaskCancelled | None = None
    held: Sequence[NodeRow] = ()
    descendants: Sequence[Cancellable] = ()
    versions: Mapping[str, int] = {}
    ledger: Ledger | None = None
    result_seq: ClassVar[int] = 0


def cancel_task(state: ControlState, params: CancelTaskParams, _context: Context) -> list[Draft]:
    """The end of the task and its descendants; nothing where it is cancelled already."""
    if _require_known(state).cancelled is not None:
        return []
    _require_going_on(state, "cancel")
    return _cancel(state, params.reason, params.by)


def time_out_task(state: ControlState, _params: object, context: Context) -> list[Draft]:
    """The same when the task's time is over and it has not ended."""
    timeout_at = None if state.task is None else state.task.timeout_at
    if timeout_at is None or timeout_at > context.now or state.state in ENDED:
        return []
    return _cancel(state, None, TIMED_OUT_BY)


def pause_task(state: ControlState, params: PauseTaskParams, _context: Context) -> list[Draft]:
    """Nothing more is handed out; nothing happens to a task that is paused."""
    _require_not_cancelled(state)
    _require_going_on(state, "pause")
    return [] if state.is_paused else [Draft(TaskPaused(params.reason, params.by))]


def resume_task(state: ControlState, params: ResumeTaskParams, _context: Context) -> list[Draft]:
    """The task goes on; nothing happens to one that is not paused."""
    _require_not_cancelled(state)
    _require_going_on(state, "resume")
    return [Draft(TaskResumed(params.reason, params.by))] if state.is_paused else []


def set_budget(state: ControlState, params: SetBudgetParams, _context: Context) -> list[Draft]:
    """Another budget in the place of the one that there is, or none."""
    _require_not_cancelled(state)
    used = state.ledger.used if state.ledger else {}
    return [Draft(BudgetSet(params.budget, is_reached(params.budget, used)))]


def _require_known(state: ControlState) -> ControlState:
    if state.task is None:
        raise TaskNotFound.of(state.task_id)
    return state


def _require_not_cancelled(state: ControlState) -> None:
    require_not_cancelled(state.task_id, _require_known(state).cancelled)


def _require_going_on(state: ControlState, what: str) -> None:
    if state.state in ENDED:
        raise TaskHasEnded(
            f"task {state.task_id} is {state.state}: there is nothing to {what}",
            task_id=state.task_id,
            state=state.state,
        )


def _cancel(state: ControlState, reason: str | None, by: str | None) -> list[Draft]:
    """The task's own event is the last one: it names the others, and is what is answered."""
    drafts: list[Draft] = []
    for each in state.descendants:
        drafts += _revocations(each.task_id, each.held)
        cancelled = TaskCancelled(reason, by, ancestor=state.task_id)
        drafts.append(Draft(cancelled, task_id=each.task_id))
    drafts += _revocations(state.task_id, state.held)
    descendants = tuple(each.task_id for each in state.descendants)
    drafts.append(Draft(TaskCancelled(reason, by, descendants), task_id=state.task_id))
    return drafts


def _revocations(task_id: str, held: Sequence[NodeRow]) -> Iterator[Draft]:
    for node in held:
        revoked = LeaseRevoked(
            node.lease_id or "",
            node.lease_owner or "",
            node.lease_expires_at or 0,
            next_status(node, "revoke"),
            node.attempt,
            node.last_end_seq,
        )
        yield Draft(revoked, node.node_id, task_id=task_id)
