"""CancelTask, PauseTask, ResumeTask and SetBudget, and a task's time-out."""

from collections.abc import Iterator, Sequence

from agentd import decide, queries
from agentd.api import CancelTaskResult, OkResult, TaskParams
from agentd.decide import Cancellable, Context, ControlState
from agentd.events import TaskCancelled
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.methods.state import load_ledger
from agentd.projections import NodeRow, TaskRow
from agentd.projections.task_states import ENDED
from agentd.store import Reader

_CHILDREN_AT_ONCE = 1_000


def _load_control(reader: Reader, params: TaskParams, _context: Context) -> ControlState:
    """The task and what holds it, as far as it is there."""
    task_id = params.task_id
    task = queries.task_row(reader, task_id)
    if task is None:
        return ControlState(task_id, 0, None)
    state = queries.state_row(reader, task_id)
    return ControlState(
        task_id,
        reader.head(task_id).version,
        task,
        queries.state_of_task(reader, state),
        state.paused_seq is not None,
        queries.cancellation(reader, state),
        ledger=load_ledger(reader, state),
    )


def _load_cancellation(reader: Reader, params: TaskParams, context: Context) -> ControlState:
    """The same, with all that would be cancelled."""
    found = _load_control(reader, params, context)
    if found.task is None or found.state in ENDED:
        return found
    descendants = list(_descendants(reader, found.task_id))
    streams = [found.task_id, *(each.task_id for each in descendants)]
    return ControlState(
        found.task_id,
        found.version,
        found.task,
        found.state,
        held=_held_nodes(reader, found.task_id),
        descendants=descendants,
        versions={task_id: reader.head(task_id).version for task_id in streams},
    )


def _descendants(reader: Reader, task_id: str) -> Iterator[Cancellable]:
    """Those that have not ended, also below those that have, in the order of registration."""
    found: list[TaskRow] = []
    waiting = [task_id]
    while waiting:
        children = list(_children(reader, waiting.pop()))
        waiting += [child.task_id for child in children]
        found += children
    for row in sorted(found, key=lambda row: row.registered_seq):
        state = queries.state_of_task(reader, queries.state_row(reader, row.task_id))
        if state not in ENDED:
            yield Cancellable(row.task_id, _held_nodes(reader, row.task_id))


def _children(reader: Reader, task_id: str) -> Iterator[TaskRow]:
    before: int | None = None
    while page := reader.children(task_id, before, _CHILDREN_AT_ONCE):
        yield from page
        before = page[-1].registered_seq


def _held_nodes(reader: Reader, task_id: str) -> Sequence[NodeRow]:
    return reader.leased_nodes(task_id) if queries.state_row(reader, task_id).running else ()


def _show_cancelled(_reader: Reader, recorded: Recorded, _context: Context) -> CancelTaskResult:
    event = recorded.event
    assert isinstance(event, TaskCancelled)  # noqa: S101 - that is what cancel_task decides
    return CancelTaskResult([recorded.task_id, *event.descendants])


def _show_none_cancelled(
    _reader: Reader, _recorded: Recorded | None, _context: Context
) -> CancelTaskResult:
    return CancelTaskResult([])


def _show_ok(_reader: Reader, _recorded: Recorded | None, _context: Context) -> OkResult:
    return OkResult()


def _show_nothing(_reader: Reader, _recorded: Recorded, _context: Context) -> None:
    return None


CANCEL_TASK = Command(_load_cancellation, decide.cancel_task, _show_cancelled, _show_none_cancelled)
PAUSE_TASK = Command(_load_control, decide.pause_task, _show_ok, _show_ok)
RESUME_TASK = Command(_load_control, decide.resume_task, _show_ok, _show_ok)
SET_BUDGET = Command(_load_control, decide.set_budget, _show_ok)

TIME_OUT_TASK = Command(_load_cancellation, decide.time_out_task, _show_nothing)
"""The daemon's own command; it stands in no client's list."""
