"""Which task was imported from a source, and what follows from having been elsewhere."""

from agentd.events import LockAcquired
from agentd.projections import IMPORTS, TASKS, ImportRow, LockRow, TaskRow
from agentd.projections.imports import digest_of
from agentd.queries.registration import registration_of_task
from agentd.store import Reader


def seq_of_import(reader: Reader, source: str) -> int | None:
    """Where the task is registered that was imported from that source; None where none was."""
    row: ImportRow | None = reader.get(IMPORTS, (digest_of(source),))
    if row is None:
        return None
    task: TaskRow = reader.get(TASKS, (row.task_id,))
    return task.registered_seq


def may_end_early(reader: Reader, task_id: str) -> bool:
    """Whether nodes of this task, which there is, may have ended behind others that have not.

    What was imported is as it was; and a fork of that is, too.
    """
    event = registration_of_task(reader, task_id)
    return event.imported_from is not None or event.forked_from is not None


def lock_in_way(reader: Reader, key: str) -> LockRow | None:
    """What keeps a lock on the key from being taken over: one that was taken here."""
    for lock in reader.conflicting_locks(key, "exclusive"):
        event = reader.record_at(lock.acquired_seq).event
        if not isinstance(event, LockAcquired) or event.imported_from is None:
            return lock
    return None
