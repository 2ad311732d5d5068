"""Tasks, and what was used."""

from collections.abc import Sequence

from agentd.projections import (
    TASK_STATES,
    TASKS,
    USAGE,
    TaskRow,
    TaskStateRow,
    UsageRow,
)
from agentd.store.memory.locks import Locks
from agentd.store.memory.queue import Queue


class Tasks(Queue, Locks):
    """See `protocols.tasks` and `protocols.usage`."""

    def tasks(self, prefix: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.tasks`."""
        older = (t for t in self._tasks(prefix) if before is None or t.registered_seq < before)
        return sorted(older, key=lambda task: task.registered_seq, reverse=True)[:limit]

    def runnable_tasks(self, prefix: str, after: int, limit: int) -> list[TaskRow]:
        """See `Reader.runnable_tasks`."""
        newer = (task for task in self._tasks(prefix) if task.registered_seq > after)
        runnable = (t for t in newer if any(s.hands_out for s in self.stretches(t.task_id)))
        return sorted(runnable, key=lambda task: task.registered_seq)[:limit]

    def children(self, task_id: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.children`."""
        everything = self.tasks("", before, len(self.tables[TASKS.name]))
        return [task for task in everything if task.parent_task_id == task_id][:limit]

    def states_of(self, task_ids: Sequence[str]) -> dict[str, TaskStateRow]:
        """See `Reader.states_of`."""
        found = {each: self.get(TASK_STATES, (each,)) for each in task_ids}
        return {task_id: row for task_id, row in found.items() if row is not None}

    def open_tasks(self, dedupe_key: str) -> list[TaskRow]:
        """See `Reader.open_tasks`."""
        states: list[TaskStateRow] = list(self.rows(TASK_STATES))  # type: ignore[arg-type]  # its rows
        found = {s.task_id for s in states if s.dedupe_key == dedupe_key and s.may_go_on}
        everything = self.tasks("", None, len(self.tables[TASKS.name]))
        return [task for task in everything if task.task_id in found]

    def overdue_tasks(self, after: int, until: int) -> list[TaskRow]:
        """See `Reader.overdue_tasks`."""
        timed = [task for task in self._tasks("") if after < (task.timeout_at or after) <= until]
        timed = [t for t in timed if self.get(TASK_STATES, (t.task_id,)).may_go_on]
        return sorted(timed, key=lambda task: (task.timeout_at, task.registered_seq))

    def next_timeout(self, after: int) -> int | None:
        """See `Reader.next_timeout`."""
        ends = (task.timeout_at or 0 for task in self._tasks("") if task.timeout_at is not None)
        return min((end for end in ends if end > after), default=None)

    def usage(self, scope: str) -> list[UsageRow]:
        """See `Reader.usage`."""
        rows: list[UsageRow] = list(self.rows(USAGE))  # type: ignore[arg-type]  # its rows
        return [row for row in rows if row.scope == scope]
