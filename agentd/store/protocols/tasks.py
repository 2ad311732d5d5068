"""Lists of tasks, a page at a time."""

from typing import Protocol

from agentd.projections import TaskRow


class TaskReader(Protocol):
    """What is asked of tasks."""

    def tasks(self, prefix: str, before: int | None, limit: int) -> list[TaskRow]:
        """The newest `limit` tasks whose ids begin with `prefix`, newest first.

        With `before` they are the newest of those that were registered before that seq.
        """

    def runnable_tasks(self, prefix: str, after: int, limit: int) -> list[TaskRow]:
        """The first `limit` tasks, registered behind seq `after`, that have a runnable node.

        Oldest first; their ids begin with `prefix`.
        """
