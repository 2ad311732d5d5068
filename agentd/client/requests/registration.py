"""A task and its graph of nodes, registered as a whole."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentd import api
from agentd.client.nodes import node_specs
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.client.values import encode_optional


def register_task(
    goal: str,
    *,
    context: Any = msgspec.UNSET,
    initial_nodes: Sequence[api.NodeSpec | Mapping[str, Any]] = (),
    request_id: Id | None = None,
) -> Request[api.RegisterTaskResult]:
    """Register a goal and its graph of nodes, all or nothing.

    A node is a `NodeSpec` or a mapping with its fields, each of them optional: `id`,
    `dependencies` (ids of nodes of this task) and `payload_schema` (any JSON). At most 20,000.

    Raises `InvalidGraph` (a duplicate id, an unknown dependency, a cycle), `RequestIdReused`, and
    `TypeError`, before anything is sent, where nodes have other fields. What a daemon of another
    version passes over is in the answer's `warnings`, and a Python warning, not an exception: the
    task is registered, and whoever caught one would register it again.
    """
    params = api.RegisterTaskParams(
        goal=goal,
        context=encode_optional(context, "$.context"),
        initial_nodes=node_specs(initial_nodes),
        request_id=request_id_or_new(request_id),
    )
    return Request("RegisterTask", params, api.RegisterTaskResult)
