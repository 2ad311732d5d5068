"""More nodes for a task that is there."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentd import api
from agentd.client.nodes import added_node_specs, as_struct, notes_of
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.errors import InvalidParams
from agentd.traces.context import current_traceparent


def add_nodes(
    task_id: Id,
    nodes: Sequence[api.NodeSpec | Mapping[str, Any]],
    *,
    lease: api.LeaseRef | Mapping[str, Any] | None = None,
    events: Sequence[api.NoteSpec | Mapping[str, Any]] = (),
    traceparent: str | None = None,
    request_id: Id | None = None,
) -> Request[api.AddNodesResult]:
    """Add nodes to a task, all or nothing; one that has ended goes on with them.

    They are as in `register_task`; `dependencies` may name any node of the task, what has ended
    too, and `before` names nodes that are PENDING and shall wait for the new one as well. At most
    20,000. With `lease`, a `node_id` and its `lease_id`, only while that is current. `traceparent`
    is that of the new nodes, as in `register_task`. Where the task was imported, nodes may have
    ended, and `events` are what was noted about any of its nodes, as in `import_task`, without
    ids. Answers the ids of the new nodes, in the order given.

    Raises `TaskNotFound`, `TaskIsCancelled`, `InvalidGraph` (an id or a name that is taken, an
    unknown dependency, a `before` that is unknown or not PENDING, a cycle), `NodeNotFound` (of the
    lease, or an event), `StaleLease`, `InvalidParams`, `RequestIdReused`, and `TypeError`, before
    anything is sent, where nodes have other fields.
    """
    specs, notes = added_node_specs(nodes), notes_of(events, api.NoteSpec)
    try:
        params = api.AddNodesParams(
            task_id=str(task_id),
            nodes=specs,
            events=notes,
            lease=as_struct(lease, api.LeaseRef, "$.lease", "AddNodes"),
            traceparent=traceparent or current_traceparent(),
            request_id=request_id_or_new(request_id),
        )
    except ValueError as error:  # what the daemon would say of it
        raise InvalidParams(f"AddNodes: {error}") from error
    return Request("AddNodes", params, api.AddNodesResult)
