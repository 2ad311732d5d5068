"""Tasks: one shown with its nodes, and many listed."""

from collections.abc import Mapping, Sequence

from agentd import api
from agentd.client.requests.request import Id, Request, refused_here
from agentd.errors import InvalidParams


def task_status(
    task_id: Id,
    *,
    fields: Sequence[api.StatusField] | None = None,
    limit: int | None = None,
    after: int | None = None,
    at: int | str | None = None,
) -> Request[api.TaskStatusResult]:
    """Show a task and all its nodes in registration order, or a page of `limit` (1 to 1,000).

    `fields` leaves out the others of `counts`, `nodes` and `usage`; `after` is the `next` of the
    page before this one. With `at` it is shown as it was then: after the event of that seq, or up
    to a moment in RFC 3339. Raises `TaskNotFound`.
    """
    with refused_here("TaskStatus"):
        params = api.TaskStatusParams(
            task_id=str(task_id),
            fields=None if fields is None else list(fields),
            limit=limit,
            after=after,
            at=at,
        )
    return Request("TaskStatus", params, api.TaskStatusResult)


def list_tasks(  # noqa: PLR0913 - one for each field of the request
    *,
    prefix: str = "",
    runnable: bool = False,
    limit: int = 100,
    before: int | None = None,
    state: api.StateOfTask | None = None,
    label: Mapping[str, str] | None = None,
    parent_task_id: Id | None = None,
    goal_contains: str = "",
    since: float | str | None = None,
    until: float | str | None = None,
) -> Request[api.ListTasksResult]:
    """List tasks, newest first; with `runnable` those that have a runnable node, oldest first.

    `prefix` begins their ids; `label` are labels that they have, all of them; `since` and `until`
    (Unix seconds, or RFC 3339) say when they were registered. At most `limit` (1 to 1,000), fewer
    where they are large or few fit; `before` is the `next` of the page before this one.
    """
    try:
        params = api.ListTasksParams(
            prefix=prefix,
            runnable=runnable,
            limit=limit,
            before=before,
            state=state,
            label=dict(label or {}),
            parent_task_id=None if parent_task_id is None else str(parent_task_id),
            goal_contains=goal_contains,
            since=since,
            until=until,
        )
    except ValueError as error:  # of the prefix or a moment: what the daemon would say of it
        raise InvalidParams(f"ListTasks: {error}") from error
    return Request("ListTasks", params, api.ListTasksResult)
