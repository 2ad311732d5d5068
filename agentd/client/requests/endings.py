"""The end of an attempt, under its lease: COMPLETED, failed, or given back."""

from collections.abc import Mapping
from typing import Any

from agentd import api
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.client.values import encode


def complete_node(
    task_id: Id,
    node_id: Id,
    lease_id: Id,
    result_payload: Any = None,
    *,
    usage: Mapping[str, int | float] | None = None,
    acquire_next: api.AcquireNext | None = None,
    request_id: Id | None = None,
) -> Request[api.EndingResult]:
    """Complete a node with its result; a repeat with the same lease gets the first answer.

    `usage` is added up by unit: {"input_tokens": 900, "cost_usd": 0.02}. With `acquire_next` the
    answer's `next` is the lease on the next node, or None where nothing is runnable: both happen,
    or neither.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`, `TaskIsCancelled`,
    `RequestIdReused`.
    """
    params = api.CompleteNodeParams(
        task_id=str(task_id),
        node_id=str(node_id),
        lease_id=str(lease_id),
        result_payload=encode(result_payload, "$.result_payload"),
        usage=dict(usage or {}),
        acquire_next=acquire_next,
        request_id=_request_id(acquire_next, request_id),
    )
    return Request("CompleteNode", params, api.EndingResult)


def fail_node(  # noqa: PLR0913 - one for each field of the request
    task_id: Id,
    node_id: Id,
    lease_id: Id,
    error_payload: Any = None,
    *,
    retryable: bool = True,
    retry_after_secs: float | None = None,
    kind: str | None = None,
    usage: Mapping[str, int | float] | None = None,
    acquire_next: api.AcquireNext | None = None,
    request_id: Id | None = None,
) -> Request[api.FailNodeResult]:
    """Fail a node with its error; a repeat with the same lease gets the first answer.

    Where the node has a `retry` and attempts are left, it is PENDING again and waits for its pause,
    or for exactly `retry_after_secs`; else, or unless `retryable`, it is FAILED. `kind` is a short
    word such as rate_limit, shown in `attempts` and counted in the metrics.

    `usage` and `acquire_next` are as in `complete_node`.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`, `TaskIsCancelled`,
    `RequestIdReused`.
    """
    params = api.FailNodeParams(
        task_id=str(task_id),
        node_id=str(node_id),
        lease_id=str(lease_id),
        error_payload=encode(error_payload, "$.error_payload"),
        retryable=retryable,
        retry_after_secs=retry_after_secs,
        kind=kind,
        usage=dict(usage or {}),
        acquire_next=acquire_next,
        request_id=_request_id(acquire_next, request_id),
    )
    return Request("FailNode", params, api.FailNodeResult)


def release_node(
    task_id: Id,
    node_id: Id,
    lease_id: Id,
    *,
    reason: str | None = None,
    after_secs: float | None = None,
    acquire_next: api.AcquireNext | None = None,
    request_id: Id | None = None,
) -> Request[api.ReleaseNodeResult]:
    """Give a node back without blame: the attempt does not count, the node keeps its place.

    It is not handed out before `after_secs` are over. A repeat with the same lease gets the first
    answer. `acquire_next` is as in `complete_node`; it may be given the same node again.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`, `TaskIsCancelled`,
    `RequestIdReused`.
    """
    params = api.ReleaseNodeParams(
        task_id=str(task_id),
        node_id=str(node_id),
        lease_id=str(lease_id),
        reason=reason,
        after_secs=after_secs,
        acquire_next=acquire_next,
        request_id=_request_id(acquire_next, request_id),
    )
    return Request("ReleaseNode", params, api.ReleaseNodeResult)


def _request_id(acquire_next: api.AcquireNext | None, chosen: Id | None) -> str | None:
    """An ending is known by its lease; what is acquired with it only by the request's id."""
    if acquire_next is None:
        return None if chosen is None else str(chosen)
    return request_id_or_new(chosen)
