"""Other settings for nodes that are PENDING."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentd import api
from agentd.client.nodes import as_struct, as_texts
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.errors import InvalidParams


def update_node(  # noqa: PLR0913 - one for each field of the request
    task_id: Id,
    node_id: Id | None = None,
    *,
    priority: int | None = None,
    retry: api.RetrySpec | Mapping[str, Any] | None = None,
    not_before: float | str | None = None,
    lease_secs: int | None = None,
    timeout_secs: int | None = None,
    requires: Sequence[str] | None = None,
    limits: Sequence[str] | None = None,
    request_id: Id | None = None,
) -> Request[api.UpdateNodeResult]:
    """Change settings of a PENDING node, or without `node_id` of all PENDING nodes of the task.

    At least one is given; each replaces what the node had, and those that are left out stay. They
    hold from the next acquisition on, and attempts that counted go on counting. Answers the ids of
    the nodes.

    Raises `TaskNotFound`, `NodeNotFound`, `IllegalTransition` where the node is not PENDING,
    `TaskIsCancelled`, `InvalidParams`, `RequestIdReused`.
    """
    settings = {
        "priority": priority,
        "retry": as_struct(retry, api.RetrySpec, "$.retry", "UpdateNode"),
        "not_before": not_before,
        "lease_secs": lease_secs,
        "timeout_secs": timeout_secs,
        "requires": None if requires is None else _names(requires, "$.requires"),
        "limits": None if limits is None else _names(limits, "$.limits"),
    }
    given: dict[str, Any] = {name: each for name, each in settings.items() if each is not None}
    try:
        params = api.UpdateNodeParams(
            task_id=str(task_id),
            node_id=None if node_id is None else str(node_id),
            request_id=request_id_or_new(request_id),
            **given,
        )
    except ValueError as error:
        raise InvalidParams(f"UpdateNode: {error}") from error
    return Request("UpdateNode", params, api.UpdateNodeResult)


def _names(given: Sequence[str], place: str) -> list[str]:
    return as_texts(given, place, "UpdateNode")
