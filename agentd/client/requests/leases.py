"""The right to work on a node: acquired, and extended."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from agentd import api
from agentd.client.nodes import as_texts
from agentd.client.requests.request import Id, Request, request_id_or_new


def acquire_next_node(  # noqa: PLR0913 - one for each field of the request
    task_id: Id | None = None,
    *,
    lease_owner: str = "anonymous",
    node_id: Id | None = None,
    lease_secs: int | None = None,
    context_scope: api.ContextScope = "task",
    wait_secs: float = 0,
    labels: Sequence[str] = (),
    request_id: Id | None = None,
) -> Request[api.AcquireNextNodeResult | None]:
    """Lease the first runnable node, of a task or of all, with the context to work on it; or None.

    With `node_id` (an id or a name, of the task that is named) it is that node or none. The lease
    ends at `lease_expires_at` (Unix seconds) unless it is extended before; `lease` does that. It
    lasts `lease_secs`, or as long as the node says, or for the node timeout. None means that
    nothing is runnable now, nor was for `wait_secs` (0 to 60): others may be at work, or the task
    is done. `context_scope` says whose events come along: the task's, the node's and its
    dependencies', or none. `labels` are what the caller offers: a node that requires others is not
    handed out to it.

    Raises `TaskNotFound`, `NodeNotFound`, `InvalidParams`, `RequestIdReused`.
    """
    params = api.AcquireNextNodeParams(
        task_id=_task(task_id),
        lease_owner=lease_owner,
        node_id=None if node_id is None else str(node_id),
        lease_secs=lease_secs,
        context_scope=context_scope,
        wait_secs=wait_secs,
        labels=as_texts(labels, "$.labels", "AcquireNextNode"),
        request_id=request_id_or_new(request_id),
    )
    # A union is no type to the checker, but it is to the decoder.
    result: Any = api.AcquireNextNodeResult | None
    return Request("AcquireNextNode", params, result)


def acquire_nodes(  # noqa: PLR0913 - one for each field of the request
    count: int,
    task_id: Id | None = None,
    *,
    lease_owner: str = "anonymous",
    node_id: Id | None = None,
    lease_secs: int | None = None,
    context_scope: api.ContextScope = "task",
    wait_secs: float = 0,
    labels: Sequence[str] = (),
    request_id: Id | None = None,
) -> Request[api.AcquireNodesResult]:
    """Lease the first runnable nodes, up to `count` (1 to 64), as `acquire_next_node` does one.

    They are fewer where there are fewer, or where their contexts are large; `wait_secs` waits for
    the first. Raises `TaskNotFound`, `InvalidParams`, `RequestIdReused`.
    """
    params = api.AcquireNodesParams(
        count=count,
        task_id=_task(task_id),
        lease_owner=lease_owner,
        node_id=None if node_id is None else str(node_id),
        lease_secs=lease_secs,
        context_scope=context_scope,
        wait_secs=wait_secs,
        labels=as_texts(labels, "$.labels", "AcquireNodes"),
        request_id=request_id_or_new(request_id),
    )
    return Request("AcquireNodes", params, api.AcquireNodesResult)


def heartbeat_node(task_id: Id, node_id: Id, lease_id: Id) -> Request[api.HeartbeatNodeResult]:
    """Extend a lease to now + its length; answers its new end in Unix seconds.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`, `TaskIsCancelled`.
    """
    params = api.HeartbeatNodeParams(
        task_id=str(task_id), node_id=str(node_id), lease_id=str(lease_id)
    )
    return Request("HeartbeatNode", params, api.HeartbeatNodeResult)


def heartbeat_nodes(
    leases: Iterable[tuple[Id, Id, Id]],
) -> Request[api.HeartbeatNodesResult]:
    """Extend several leases at once, up to 1,000: each by its task, its node and its own id.

    Answers in their order: the new end of each, or the `error` by which it was refused.
    """
    held = [api.HeldLease(str(task), str(node), str(lease)) for task, node, lease in leases]
    params = api.HeartbeatNodeParams(leases=held)
    return Request("HeartbeatNode", params, api.HeartbeatNodesResult)


def _task(task_id: Id | None) -> str | UnsetType:
    return UNSET if task_id is None else str(task_id)
