"""Why a node is not handed out, or the nodes of a task, and what would help."""

from agentd import api
from agentd.client.requests.request import Id, Request, refused_here


def explain_node(
    task_id: Id, node_id: Id, *, at: int | str | None = None
) -> Request[api.ExplainNodeResult]:
    """Say why a node is not handed out: every cause, and as `next` what would help, or None.

    With `at` as it was then: after the event of that seq, or up to a moment in RFC 3339; limits
    and workers are left out. Raises `TaskNotFound`, `NodeNotFound`.
    """
    with refused_here("ExplainNode"):
        params = api.ExplainNodeParams(task_id=str(task_id), node_id=str(node_id), at=at)
    return Request("ExplainNode", params, api.ExplainNodeResult)


def explain_task(task_id: Id) -> Request[api.ExplainTaskResult]:
    """Say why the nodes of a task are not handed out: each cause, and how many nodes it holds.

    Raises `TaskNotFound`.
    """
    return Request(
        "ExplainTask", api.ExplainTaskParams(task_id=str(task_id)), api.ExplainTaskResult
    )
