"""The right to work on a node: acquired, and extended."""

from typing import Any

from agentd import api
from agentd.client.requests.request import Id, Request, request_id_or_new


def acquire_next_node(
    task_id: Id,
    *,
    lease_owner: str = "anonymous",
    node_id: Id | None = None,
    lease_secs: int | None = None,
    request_id: Id | None = None,
) -> Request[api.AcquireNextNodeResult | None]:
    """Lease the first runnable node of a task, with the context to work on it; or None.

    With `node_id` (an id or a name) it is that node or none. The lease ends at `lease_expires_at`
    (Unix seconds) unless it is extended before; `lease` does that. It lasts `lease_secs`, or as
    long as the node says, or for the node timeout. None means that nothing is runnable now: others
    may be at work, or the task is done.

    Raises `TaskNotFound`, `NodeNotFound`, `RequestIdReused`.
    """
    params = api.AcquireNextNodeParams(
        task_id=str(task_id),
        lease_owner=lease_owner,
        node_id=None if node_id is None else str(node_id),
        lease_secs=lease_secs,
        request_id=request_id_or_new(request_id),
    )
    # A union is no type to the checker, but it is to the decoder.
    result: Any = api.AcquireNextNodeResult | None
    return Request("AcquireNextNode", params, result)


def heartbeat_node(task_id: Id, node_id: Id, lease_id: Id) -> Request[api.HeartbeatNodeResult]:
    """Extend a lease to now + its length; answers its new end in Unix seconds.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`, `TaskIsCancelled`.
    """
    params = api.HeartbeatNodeParams(
        task_id=str(task_id), node_id=str(node_id), lease_id=str(lease_id)
    )
    return Request("HeartbeatNode", params, api.HeartbeatNodeResult)
