"""How a task was registered."""

from agentd.errors import JournalDamaged
from agentd.events import TaskRegistered
from agentd.journal import Recorded
from agentd.projections import TASKS, TaskRow
from agentd.store import Reader


def registration_of_task(reader: Reader, task_id: str) -> TaskRegistered:
    """How this task, which there is, was registered."""
    row: TaskRow = reader.get(TASKS, (task_id,))
    return registration_of(reader, row)[1]


def registration_of(reader: Reader, row: TaskRow) -> tuple[Recorded, TaskRegistered]:
    """The record of the task's registration, and its event."""
    recorded = reader.record_at(row.registered_seq)
    if not isinstance(recorded.event, TaskRegistered):
        raise JournalDamaged(f"record {recorded.seq} is not the registration of {row.task_id}")
    return recorded, recorded.event
