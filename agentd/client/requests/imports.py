"""What was planned and done elsewhere, as a task."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentd import api
from agentd.client.nodes import imported_node_specs, node_defaults_of, notes_of
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.client.values import encode_optional
from agentd.errors import InvalidParams
from agentd.traces.context import current_traceparent


def import_task(  # noqa: PLR0913 - one for each field of the request
    goal: str,
    source: str,
    nodes: Sequence[api.NodeSpec | Mapping[str, Any]],
    *,
    context: Any = msgspec.UNSET,
    events: Sequence[api.ImportedEventSpec | Mapping[str, Any]] = (),
    created_at: float | str | None = None,
    priority: int = 0,
    node_defaults: api.NodeDefaults | Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    budget: Mapping[str, int | float] | None = None,
    paused: bool = False,
    traceparent: str | None = None,
    request_id: Id | None = None,
) -> Request[api.ImportTaskResult]:
    """Take over what was planned and done elsewhere, all or nothing.

    `source`, 1 to 4,096 characters, stands for what is imported: repeated with it, the answer is
    the task that was made then, whatever has become of it, with `existing`, and the rest is
    ignored. `nodes` are as in `register_task`, and may have a `status`: COMPLETED or FAILED, with
    a `result_payload` and the moment `ended_at`. `events` are what was noted about them, in order:
    each has a `node_id` (an id or a name), and may have an `action_type`, a `payload`, a
    `timestamp` and its own `id`. Moments are Unix seconds or RFC 3339; what is not given is the
    moment of the import. All else is as in `register_task`. A plan of more than 20,000 nodes, or
    larger than a line, begins `paused`, goes on with `add_nodes`, and is resumed.

    Answers the ids of the task and its nodes; what completed behind nodes that did not is in
    `warnings`. Raises `InvalidGraph`, `NodeNotFound` (of an event), `InvalidParams` (also for an
    event's id that is taken), `RequestIdReused`, and `TypeError`, before anything is sent, where
    nodes or events have other fields.
    """
    encoded, specs = encode_optional(context, "$.context"), imported_node_specs(nodes)
    notes, defaults = notes_of(events, api.ImportedEventSpec), node_defaults_of(node_defaults)
    try:
        params = api.ImportTaskParams(
            goal=goal,
            source=source,
            nodes=specs,
            context=encoded,
            created_at=created_at,
            paused=paused,
            labels=dict(labels or {}),
            priority=priority,
            node_defaults=defaults,
            budget=None if budget is None else dict(budget),
            events=notes,
            traceparent=traceparent or current_traceparent(),
            request_id=request_id_or_new(request_id),
        )
    except ValueError as error:  # what the daemon would say of it
        raise InvalidParams(f"ImportTask: {error}") from error
    return Request("ImportTask", params, api.ImportTaskResult)
