"""What holds a task: cancelled, paused and resumed, and its budget."""

from collections.abc import Mapping

from agentd import api
from agentd.client.requests.request import Id, Request, request_id_or_new


def cancel_task(
    task_id: Id,
    *,
    reason: str | None = None,
    by: str | None = None,
    request_id: Id | None = None,
) -> Request[api.CancelTaskResult]:
    """Cancel a task and its descendants: leases are revoked, nothing more is handed out.

    Answers the ids of those that were cancelled, none where the task was so already. Raises
    `TaskNotFound`, `TaskHasEnded`, `RequestIdReused`.
    """
    params = api.CancelTaskParams(
        task_id=str(task_id), reason=reason, by=by, request_id=request_id_or_new(request_id)
    )
    return Request("CancelTask", params, api.CancelTaskResult)


def pause_task(
    task_id: Id,
    *,
    reason: str | None = None,
    by: str | None = None,
    request_id: Id | None = None,
) -> Request[api.OkResult]:
    """Hand out nothing more of a task until it is resumed; holders go on.

    Raises `TaskNotFound`, `TaskIsCancelled`, `TaskHasEnded`, `RequestIdReused`.
    """
    params = api.PauseTaskParams(
        task_id=str(task_id), reason=reason, by=by, request_id=request_id_or_new(request_id)
    )
    return Request("PauseTask", params, api.OkResult)


def resume_task(
    task_id: Id,
    *,
    reason: str | None = None,
    by: str | None = None,
    request_id: Id | None = None,
) -> Request[api.OkResult]:
    """Hand out nodes of a task again that was paused.

    Raises `TaskNotFound`, `TaskIsCancelled`, `TaskHasEnded`, `RequestIdReused`.
    """
    params = api.ResumeTaskParams(
        task_id=str(task_id), reason=reason, by=by, request_id=request_id_or_new(request_id)
    )
    return Request("ResumeTask", params, api.OkResult)


def set_budget(
    task_id: Id, budget: Mapping[str, int | float] | None, *, request_id: Id | None = None
) -> Request[api.OkResult]:
    """Replace a task's budget; None: it has none. Where a unit is reached nothing is handed out.

    Raises `TaskNotFound`, `TaskIsCancelled`, `InvalidParams`, `RequestIdReused`.
    """
    params = api.SetBudgetParams(
        task_id=str(task_id),
        budget=None if budget is None else dict(budget),
        request_id=request_id_or_new(request_id),
    )
    return Request("SetBudget", params, api.OkResult)
