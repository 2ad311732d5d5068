"""A task and its graph of nodes, registered as a whole."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentd import api
from agentd.client.nodes import node_defaults_of, node_specs
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.client.values import encode_optional
from agentd.errors import InvalidParams


def register_task(
    goal: str,
    *,
    context: Any = msgspec.UNSET,
    initial_nodes: Sequence[api.NodeSpec | Mapping[str, Any]] = (),
    priority: int = 0,
    node_defaults: api.NodeDefaults | Mapping[str, Any] | None = None,
    request_id: Id | None = None,
) -> Request[api.RegisterTaskResult]:
    """Register a goal and its graph of nodes, all or nothing.

    A node is a `NodeSpec` or a mapping with its fields, each of them optional: `id`, `name`,
    `dependencies` (ids or names of nodes of this task), `payload_schema` (any JSON), `priority`,
    `retry`, `lease_secs`, `timeout_secs`, `not_before` (Unix seconds or RFC 3339) and `on_failure`.
    At most 20,000. `priority` and `node_defaults` are of those that say nothing.

    Raises `InvalidGraph` (a duplicate id, an unknown dependency, a cycle), `RequestIdReused`, and
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
            request_id=request_id_or_new(request_id),
        )
    except ValueError as error:  # what the daemon would say of it
        raise InvalidParams(f"RegisterTask: {error}") from error
    return Request("RegisterTask", params, api.RegisterTaskResult)
