"""A task and its graph of nodes, registered as a whole."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentd import api
from agentd.client.nodes import node_defaults_of, node_specs
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.client.values import encode_optional
from agentd.errors import InvalidParams
from agentd.traces.context import current_traceparent


def register_task(  # noqa: PLR0913 - one for each field of the request
    goal: str,
    *,
    context: Any = msgspec.UNSET,
    initial_nodes: Sequence[api.NodeSpec | Mapping[str, Any]] = (),
    priority: int = 0,
    node_defaults: api.NodeDefaults | Mapping[str, Any] | None = None,
    parent_task_id: Id | None = None,
    labels: Mapping[str, str] | None = None,
    budget: Mapping[str, int | float] | None = None,
    paused: bool = False,
    timeout_secs: float | None = None,
    dedupe_key: str | None = None,
    traceparent: str | None = None,
    request_id: Id | None = None,
) -> Request[api.RegisterTaskResult]:
    """Register a goal and its graph of nodes, all or nothing.

    A node is a `NodeSpec` or a mapping with its fields, each of them optional: `id`, `name`,
    `dependencies` (ids or names of nodes of this task), `payload_schema` (any JSON), `priority`,
    `retry`, `lease_secs`, `timeout_secs`, `not_before` (Unix seconds or RFC 3339), `on_failure`,
    `requires` (labels that a worker must offer) and `limits` (names of limits of which it takes a
    slot). At most 20,000. `priority` and `node_defaults` are of those that say nothing.

    `labels` are what it is found by. Once a unit of its `budget` is reached, or while it is
    `paused`, none of its nodes is handed out. It is cancelled with its parent, and when
    `timeout_secs` are over. While a task goes on that bears the `dedupe_key`, that one is the
    answer, with `existing`, and the rest is ignored. `traceparent` (W3C Trace Context) is the span
    that the attempts of its nodes are children of; left out, the one that is active here, if the
    program traces, or the TRACEPARENT of the environment.

    Raises `InvalidGraph` (a duplicate id, an unknown dependency, a cycle), `TaskNotFound` and
    `TaskIsCancelled` (of the parent), `InvalidParams`, `RequestIdReused`, and
    `TypeError`, before anything is sent, where nodes have other fields. What a daemon of another
    version passes over is in the answer's `warnings`, and a Python warning, not an exception: the
    task is registered, and whoever caught one would register it again.
    """
    encoded, nodes = encode_optional(context, "$.context"), node_specs(initial_nodes)
    defaults = node_defaults_of(node_defaults)
    try:
        params = api.RegisterTaskParams(
            goal=goal,
            context=encoded,
            initial_nodes=nodes,
            priority=priority,
            node_defaults=defaults,
            parent_task_id=None if parent_task_id is None else str(parent_task_id),
            labels=dict(labels or {}),
            budget=None if budget is None else dict(budget),
            paused=paused,
            timeout_secs=timeout_secs,
            dedupe_key=dedupe_key,
            traceparent=traceparent or current_traceparent(),
            request_id=request_id_or_new(request_id),
        )
    except ValueError as error:  # what the daemon would say of it
        raise InvalidParams(f"RegisterTask: {error}") from error
    return Request("RegisterTask", params, api.RegisterTaskResult)
