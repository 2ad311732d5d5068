"""TaskStatus and ListTasks."""

from agentd import queries
from agentd.api import ListTasksParams, ListTasksResult, TaskStatusParams, TaskStatusResult
from agentd.decide import Context
from agentd.store import Reader


def task_status(reader: Reader, params: TaskStatusParams, context: Context) -> TaskStatusResult:
    """The task and its nodes."""
    return queries.task_status(reader, params, context.now)


def list_tasks(reader: Reader, params: ListTasksParams, context: Context) -> ListTasksResult:
    """A page of the tasks."""
    return queries.list_tasks(reader, params, context.now)
