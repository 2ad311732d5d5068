"""A task as it was at a place in the journal, or at a moment.

The rule this file keeps: what is asked of the past is asked by the same questions, of rows folded
from the task's own records; and what depends on the clock is judged by the moment of then.
"""

from agentd.api import rfc3339, to_milliseconds
from agentd.errors import TaskNotFound
from agentd.projections import TASKS, TaskRow
from agentd.store import Reader


def look_back(reader: Reader, task_id: str, at: int | str | None, now: int) -> tuple[Reader, int]:
    """Whom to ask, and the moment to judge by (Unix milliseconds): both as given without `at`.

    Raises `TaskNotFound` where the task had not been registered.
    """
    if at is None:
        return reader, now
    seq, moment = find_place(reader, at, now)
    then = reader.past(task_id, seq)
    if then.get(TASKS, (task_id,)) is None:
        raise _none_then(reader, task_id)
    return then, moment


def find_place(reader: Reader, at: int | str, now: int) -> tuple[int, int]:
    """The seq up to which all had happened, and the moment; what lies ahead is the present."""
    if isinstance(at, str):
        moment = min(to_milliseconds(at, "$.at"), now)
        return reader.seq_at(moment), moment
    last = reader.last_seq()
    if at > last:
        return last, now
    return at, reader.record_at(at).at if at else 0


def _none_then(reader: Reader, task_id: str) -> TaskNotFound:
    row: TaskRow | None = reader.get(TASKS, (task_id,))
    if row is None:
        return TaskNotFound.of(task_id)
    at = reader.record_at(row.registered_seq).at  # one that was imported may be older
    registered = f"{rfc3339(at)}, seq {row.registered_seq}"
    return TaskNotFound(
        f"there was no task {task_id} then: it was registered at {registered}", task_id=task_id
    )
