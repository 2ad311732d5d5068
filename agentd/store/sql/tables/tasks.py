"""Lists of tasks, a page at a time.

The rule this file keeps: a page costs the same however many tasks there are. Ids that begin alike
were registered together, so many may share a prefix: few are sorted, many are met along the order
of registration. The + in the SQL keeps the planner on the one index or the other.
"""

import json
from collections.abc import Sequence

from agentd.projections import QUEUE, TASK_STATES, TASKS, TaskRow, TaskStateRow
from agentd.store.sql.statements import LARGEST_INTEGER, columns
from agentd.store.sql.tables.queue import HANDS_OUT
from agentd.store.sql.tables.rows import RowReader, RowTx

_TASKS = f"SELECT {columns(TASKS)} FROM tasks"
_BEFORE = (
    f"{_TASKS} WHERE +task_id >= ?1 AND +task_id < ?2 AND registered_seq < ?3 "
    "ORDER BY registered_seq DESC LIMIT ?4"
)
_BEFORE_OF_FEW = (
    f"{_TASKS} WHERE task_id >= ?1 AND task_id < ?2 AND +registered_seq < ?3 "
    "ORDER BY +registered_seq DESC LIMIT ?4"
)
_RUNNABLE_OF_FEW = (
    f"{_TASKS} WHERE task_id >= ?1 AND task_id < ?2 AND +registered_seq > ?3 "
    f"AND EXISTS (SELECT 1 FROM queue WHERE {HANDS_OUT} AND task_id = tasks.task_id) "
    "ORDER BY +registered_seq LIMIT ?4"
)
_SHARING = (
    "SELECT count(*) FROM "
    "(SELECT 1 FROM tasks WHERE task_id >= ? AND task_id < ? LIMIT ?) AS sharing"
)
_FEW = 4_000
"""Tasks that share a prefix and are sorted, in some milliseconds."""

_CHILDREN = (
    f"{_TASKS} WHERE parent_task_id = ? AND registered_seq < ? ORDER BY registered_seq DESC LIMIT ?"
)
_STATES = (
    f"SELECT {columns(TASK_STATES)} FROM task_states "
    "WHERE task_id IN (SELECT value FROM json_each(?))"
)
# As in the index of those that bear a dedupe_key.
_MAY_GO_ON = "cancelled_seq IS NULL AND (pending + running > 0 OR completed + failed = 0)"
_OPEN = (
    f"{_TASKS} WHERE task_id IN (SELECT task_id FROM task_states WHERE dedupe_key = ? "
    f"AND dedupe_key IS NOT NULL AND {_MAY_GO_ON}) ORDER BY +registered_seq DESC"
)
_OVERDUE = (
    f"{_TASKS} WHERE timeout_at > ? AND timeout_at <= ? AND EXISTS (SELECT 1 FROM task_states "
    f"WHERE task_states.task_id = tasks.task_id AND {_MAY_GO_ON}) "
    "ORDER BY timeout_at, registered_seq"
)
_NEXT_TIMEOUT = "SELECT min(timeout_at) FROM tasks WHERE timeout_at > ?"

_NEXT_RUNNABLE = (
    f"SELECT task_id FROM queue WHERE {HANDS_OUT} AND registered_seq > ? "
    "ORDER BY registered_seq LIMIT 1"
)


class TaskReader(RowReader):
    """See `protocols.tasks`."""

    def tasks(self, prefix: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.tasks`."""
        sql = _BEFORE_OF_FEW if self._have_few(prefix) else _BEFORE
        last = LARGEST_INTEGER if before is None else before
        return [TaskRow(*row) for row in self._all(sql, (*_id_range(prefix), last, limit))]

    def runnable_tasks(self, prefix: str, after: int, limit: int) -> list[TaskRow]:
        """See `Reader.runnable_tasks`.

        It goes from task to task, however many nodes of one there are.
        """
        if self._have_few(prefix):
            found = self._all(_RUNNABLE_OF_FEW, (*_id_range(prefix), after, limit))
            return [TaskRow(*row) for row in found]
        tasks: list[TaskRow] = []
        while len(tasks) < limit and (task := self._next_runnable_task(after)) is not None:
            after = task.registered_seq
            if task.task_id.startswith(prefix):
                tasks.append(task)
        return tasks

    def children(self, task_id: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.children`."""
        last = LARGEST_INTEGER if before is None else before
        return [TaskRow(*row) for row in self._all(_CHILDREN, (task_id, last, limit))]

    def states_of(self, task_ids: Sequence[str]) -> dict[str, TaskStateRow]:
        """See `Reader.states_of`."""
        rows = (TaskStateRow(*row) for row in self._all(_STATES, (json.dumps([*task_ids]),)))
        return {row.task_id: row for row in rows}

    def open_tasks(self, dedupe_key: str) -> list[TaskRow]:
        """See `Reader.open_tasks`."""
        return [TaskRow(*row) for row in self._all(_OPEN, (dedupe_key,))]

    def overdue_tasks(self, after: int, until: int) -> list[TaskRow]:
        """See `Reader.overdue_tasks`."""
        return [TaskRow(*row) for row in self._all(_OVERDUE, (after, until))]

    def next_timeout(self, after: int) -> int | None:
        """See `Reader.next_timeout`."""
        [(found,)] = self._all(_NEXT_TIMEOUT, (after,))
        moment: int | None = found
        return moment

    def _have_few(self, prefix: str) -> bool:
        if not prefix:  # which all have
            return False
        [(sharing,)] = self._all(_SHARING, (*_id_range(prefix), _FEW + 1))
        return bool(sharing <= _FEW)

    def _next_runnable_task(self, after: int) -> TaskRow | None:
        """By the tasks' age: what was added later stands behind younger tasks in the queue."""
        found = self._all(_NEXT_RUNNABLE, (after,))
        task: TaskRow | None = self.get(TASKS, found[0]) if found else None
        return task


class TaskTx(RowTx, TaskReader):
    """Lists of tasks in a write transaction."""

    def tasks(self, prefix: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.tasks`."""
        self._write_rows(TASKS.name)
        return super().tasks(prefix, before, limit)

    def runnable_tasks(self, prefix: str, after: int, limit: int) -> list[TaskRow]:
        """See `Reader.runnable_tasks`."""
        self._write_rows(TASKS.name)
        self._write_rows(QUEUE.name)
        return super().runnable_tasks(prefix, after, limit)

    def children(self, task_id: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.children`."""
        self._write_rows(TASKS.name)
        return super().children(task_id, before, limit)

    def states_of(self, task_ids: Sequence[str]) -> dict[str, TaskStateRow]:
        """See `Reader.states_of`."""
        self._write_rows(TASK_STATES.name)
        return super().states_of(task_ids)

    def open_tasks(self, dedupe_key: str) -> list[TaskRow]:
        """See `Reader.open_tasks`."""
        self._write_rows(TASKS.name)
        self._write_rows(TASK_STATES.name)
        return super().open_tasks(dedupe_key)

    def overdue_tasks(self, after: int, until: int) -> list[TaskRow]:
        """See `Reader.overdue_tasks`."""
        self._write_rows(TASKS.name)
        self._write_rows(TASK_STATES.name)
        return super().overdue_tasks(after, until)

    def next_timeout(self, after: int) -> int | None:
        """See `Reader.next_timeout`."""
        self._write_rows(TASKS.name)
        return super().next_timeout(after)


def _id_range(prefix: str) -> tuple[str, str]:
    """What all ids with that prefix, and no others, are between."""
    return prefix, prefix + "g"  # behind the digits of a UUID, which are 0 to f
