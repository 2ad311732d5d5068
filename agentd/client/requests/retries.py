"""Nodes that failed, tried again."""

from agentd import api
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.errors import InvalidParams


def retry_node(
    task_id: Id,
    node_id: Id | None = None,
    *,
    failed: bool = False,
    reason: str | None = None,
    by: str | None = None,
    request_id: Id | None = None,
) -> Request[api.RetryNodeResult]:
    """Make a node that FAILED PENDING again, or with `failed` all of the task that can be.

    Its attempts count anew, and their numbers go on. Answers the ids of the nodes. Raises
    `TaskNotFound`, `NodeNotFound`, `RequestIdReused`, and `NotRetryable` where the node is not
    FAILED or what depends on it ran although it failed.
    """
    try:
        params = api.RetryNodeParams(
            task_id=str(task_id),
            node_id=None if node_id is None else str(node_id),
            failed=failed,
            reason=reason,
            by=by,
            request_id=request_id_or_new(request_id),
        )
    except ValueError as error:
        raise InvalidParams(f"RetryNode: {error}") from error
    return Request("RetryNode", params, api.RetryNodeResult)
