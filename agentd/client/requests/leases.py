"""The right to work on a node: acquired, and extended."""

from typing import Any

from agentd import api
from agentd.client.requests.request import Id, Request, request_id_or_new


def acquire_next_node(
    task_id: Id, *, lease_owner: str = "anonymous", request_id: Id | None = None
) -> Request[api.AcquireNextNodeResult | None]:
    """Lease the first runnable node of a task, with the context to work on it; or None.

    The lease ends at `lease_expires_at` (Unix seconds) unless it is extended before; `lease` does
    that. None means that nothing is runnable now: others may be at work, or the task is done.

    Raises `TaskNotFound`, `RequestIdReused`.
    """
    params = api.AcquireNextNodeParams(
        task_id=str(task_id), lease_owner=lease_owner, request_id=request_id_or_new(request_id)
    )
    # A union is no type to the checker, but it is to the decoder.
    result: Any = api.AcquireNextNodeResult | None
    return Request("AcquireNextNode", params, result)


def heartbeat_node(task_id: Id, node_id: Id, lease_id: Id) -> Request[api.HeartbeatNodeResult]:
    """Extend a lease to now + the node timeout; answers its new end in Unix seconds.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`, `TaskIsCancelled`.
    """
    params = api.HeartbeatNodeParams(
        task_id=str(task_id), node_id=str(node_id), lease_id=str(lease_id)
    )
    return Request("HeartbeatNode", params, api.HeartbeatNodeResult)
