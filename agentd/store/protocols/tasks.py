"""Lists of tasks, a page at a time."""

from collections.abc import Sequence
from typing import Protocol

from agentd.projections import TaskRow, TaskStateRow


class TaskReader(Protocol):
    """What is asked of tasks."""

    def tasks(self, prefix: str, before: int | None, limit: int) -> list[TaskRow]:
        """The newest `limit` tasks whose ids begin with `prefix`, newest first.

        With `before` they are the newest of those that were registered before that seq.
        """

    def runnable_tasks(self, prefix: str, after: int, limit: int) -> list[TaskRow]:
        """The first `limit` tasks, registered behind seq `after`, that hand out a runnable node.

        Oldest first; their ids begin with `prefix`. What the node demands is not asked.
        """

    def children(self, task_id: str, before: int | None, limit: int) -> list[TaskRow]:
        """The newest `limit` tasks whose parent is this one, newest first.

        With `before` they are the newest of those that were registered before that seq.
        """

    def states_of(self, task_ids: Sequence[str]) -> dict[str, TaskStateRow]:
        """The states of these tasks, by their ids."""

    def open_tasks(self, dedupe_key: str) -> list[TaskRow]:
        """The tasks that bear the key and `may_go_on`, newest first."""

    def overdue_tasks(self, after: int, until: int) -> list[TaskRow]:
        """The tasks that time out later than `after`, at `until` or before, soonest first.

        Those that do not `may_go_on` are left out.
        """

    def next_timeout(self, after: int) -> int | None:
        """When the first task times out that does so later than `after`."""
