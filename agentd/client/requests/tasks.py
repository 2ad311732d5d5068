"""Tasks: one shown with its nodes, and many listed."""

from agentd import api
from agentd.client.requests.request import Id, Request
from agentd.errors import InvalidParams


def task_status(task_id: Id) -> Request[api.TaskStatusResult]:
    """Show a task and all its nodes in registration order. Raises `TaskNotFound`."""
    return Request("TaskStatus", api.TaskStatusParams(task_id=str(task_id)), api.TaskStatusResult)


def list_tasks(
    *, prefix: str = "", runnable: bool = False, limit: int = 100, before: int | None = None
) -> Request[api.ListTasksResult]:
    """List tasks, newest first; with `runnable` those that have a runnable node, oldest first.

    `prefix` begins their ids. At most `limit` (1 to 1,000), fewer where they are large; `before` is
    the `next` of the page before this one.
    """
    try:
        params = api.ListTasksParams(prefix=prefix, runnable=runnable, limit=limit, before=before)
    except ValueError as error:  # of the prefix: what the daemon would say of it
        raise InvalidParams(f"ListTasks: {error}") from error
    return Request("ListTasks", params, api.ListTasksResult)
