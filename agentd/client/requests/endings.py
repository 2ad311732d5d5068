"""The end of a node, under its lease: COMPLETED with a result, or FAILED with an error."""

from collections.abc import Mapping
from typing import Any

from agentd import api
from agentd.client.requests.request import Id, Request
from agentd.client.values import encode


def complete_node(
    task_id: Id,
    node_id: Id,
    lease_id: Id,
    result_payload: Any = None,
    *,
    usage: Mapping[str, int | float] | None = None,
) -> Request[api.EventResult]:
    """Complete a node with its result; a repeat with the same lease gets the first answer.

    `usage` is added up by unit: {"input_tokens": 900, "cost_usd": 0.02}.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`, `TaskIsCancelled`.
    """
    params = api.CompleteNodeParams(
        task_id=str(task_id),
        node_id=str(node_id),
        lease_id=str(lease_id),
        result_payload=encode(result_payload, "$.result_payload"),
        usage=dict(usage or {}),
    )
    return Request("CompleteNode", params, api.EventResult)


def fail_node(
    task_id: Id,
    node_id: Id,
    lease_id: Id,
    error_payload: Any = None,
    *,
    usage: Mapping[str, int | float] | None = None,
) -> Request[api.EventResult]:
    """Fail a node with its error, for good; a repeat with the same lease gets the first answer.

    `usage` is added up by unit, as in `complete_node`.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`, `TaskIsCancelled`.
    """
    params = api.FailNodeParams(
        task_id=str(task_id),
        node_id=str(node_id),
        lease_id=str(lease_id),
        error_payload=encode(error_payload, "$.error_payload"),
        usage=dict(usage or {}),
    )
    return Request("FailNode", params, api.EventResult)
