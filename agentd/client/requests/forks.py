"""A task that begins as another was."""

from collections.abc import Sequence

from agentd import api
from agentd.client.nodes import as_texts
from agentd.client.requests.request import Id, Request, refused_here, request_id_or_new
from agentd.traces.context import current_traceparent


def fork_task(
    task_id: Id,
    *,
    at: int | str | None = None,
    rerun: Sequence[Id] = (),
    failed: bool = False,
    goal: str | None = None,
    traceparent: str | None = None,
    request_id: Id | None = None,
) -> Request[api.ForkTaskResult]:
    """Begin a new task as another is, or was `at` a seq or a moment in RFC 3339.

    Its nodes are new, with the same names, fields and edges. What had ended there has ended here,
    with its result; what was RUNNING is PENDING, and attempts begin anew. The nodes that are named
    in `rerun` (ids or names), with `failed` all that are FAILED, and all that depend on them are
    PENDING too. `traceparent` is that of the new task, as in `register_task`. Answers the ids of
    the task and its nodes, these in their order. Raises `TaskNotFound`, `NodeNotFound`,
    `InvalidParams`, `RequestIdReused`.
    """
    with refused_here("ForkTask"):
        params = api.ForkTaskParams(
            task_id=str(task_id),
            at=at,
            rerun=[str(each) for each in as_texts(rerun, "$.rerun", "ForkTask")],
            failed=failed,
            goal=goal,
            traceparent=traceparent or current_traceparent(),
            request_id=request_id_or_new(request_id),
        )
    return Request("ForkTask", params, api.ForkTaskResult)
