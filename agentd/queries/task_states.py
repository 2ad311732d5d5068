"""What holds a task, and its state."""

from agentd.errors import JournalDamaged, TaskNotFound
from agentd.events import Amounts, BudgetSet, StateOfTask, TaskCancelled, TaskRegistered
from agentd.projections import TASK_STATES, TaskStateRow
from agentd.projections.task_states import ENDED
from agentd.projections.usage import node_scope, task_scope
from agentd.store import Reader


def find_state_row(reader: Reader, task_id: str) -> TaskStateRow | None:
    """The state of the task, or None where there is no such task."""
    row: TaskStateRow | None = reader.get(TASK_STATES, (task_id,))
    return row


def require_state_row(reader: Reader, task_id: str) -> TaskStateRow:
    """The state of the task that a client names. Raises `TaskNotFound`."""
    row = find_state_row(reader, task_id)
    if row is None:
        raise TaskNotFound.of(task_id)
    return row


def state_row(reader: Reader, task_id: str) -> TaskStateRow:
    """The state of a task, which there is. Raises `JournalDamaged`."""
    row = find_state_row(reader, task_id)
    if row is None:
        raise JournalDamaged(f"the nodes of task {task_id} are not counted")
    return row


def state_of_task(reader: Reader, row: TaskStateRow) -> StateOfTask:
    """The task's state: of its nodes no more is asked than whether any is ready."""
    return row.state(has_ready=row.may_be_stuck and bool(reader.stretches(row.task_id)))


def has_ended(reader: Reader, task_id: str) -> bool:
    """Whether the task has ended, so that there is nothing to wait for; it may be revived."""
    return state_of_task(reader, state_row(reader, task_id)) in ENDED


def cancellation(reader: Reader, row: TaskStateRow) -> TaskCancelled | None:
    """How the task was cancelled, if it was."""
    if row.cancelled_seq is None:
        return None
    event = reader.record_at(row.cancelled_seq).event
    if not isinstance(event, TaskCancelled):
        raise JournalDamaged(f"record {row.cancelled_seq} did not cancel task {row.task_id}")
    return event


def budget_of(reader: Reader, row: TaskStateRow) -> Amounts | None:
    """The task's budget, if it has one."""
    if row.budget_seq is None:
        return None
    event = reader.record_at(row.budget_seq).event
    if not isinstance(event, TaskRegistered | BudgetSet):
        raise JournalDamaged(f"record {row.budget_seq} gave task {row.task_id} no budget")
    return event.budget


def usage_of_task(reader: Reader, row: TaskStateRow) -> Amounts:
    """What the task has used, by unit."""
    return _usage(reader, task_scope(row.task_id)) if row.has_usage else {}


def usage_of_node(reader: Reader, row: TaskStateRow, node_id: str) -> Amounts:
    """What a node of the task has used, by unit."""
    return _usage(reader, node_scope(node_id)) if row.has_usage else {}


def _usage(reader: Reader, scope: str) -> Amounts:
    return {row.unit: row.amount for row in reader.usage(scope)}
