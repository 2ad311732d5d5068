"""The requests, one function per method of the API: what it takes, what it answers, what it raises.

The rule this file keeps: each of these requests may be sent twice. A query and a heartbeat have no
second effect, a completion or a failure is known by its lease, and the others carry a `request_id`:
the caller's, or a fresh one. Both clients take their methods from here.

Every call may raise `DaemonUnreachable` (no daemon, or no answer in time) and these refusals:
`InvalidParams`, `RequestTooLarge` (a line is at most 1 MiB), `StorageError`, `InternalError` and
`TooManyConnections`. Ids are UUIDs, as strings or `uuid.UUID`. A payload is any value that msgspec
encodes as JSON, or `msgspec.Raw`; one that JSON has no form for (NaN, say) raises `Unsendable` or
`TypeError` with its place before anything is sent. In results payloads are `msgspec.Raw`: what came
in, byte for byte, which `msgspec.json.decode` decodes.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from agentd import api
from agentd.client.nodes import specs
from agentd.client.values import UNENCODABLE, encoded, given
from agentd.errors import InvalidParams, RequestTooLarge
from agentd.protocol import LINE_LIMIT

Result = TypeVar("Result")
Id = str | UUID
_encode = msgspec.json.Encoder().encode


class Request(NamedTuple, Generic[Result]):
    """A request that may be repeated, and the type of what answers it."""

    method: str
    params: api.Params
    result: type[Result]


def line(method: str, params: object) -> bytes:
    """One request as it goes over the wire; what is the caller's in `params` is `encoded` before.

    Raises `RequestTooLarge`, or what `encoded` raises of a text that is none.
    """
    try:
        text = _encode({"method": method, "params": params})
    except UNENCODABLE:
        encoded(params, "$")  # says where
        raise
    if len(text) >= LINE_LIMIT:
        raise RequestTooLarge(
            f"the request has {len(text)} bytes, one line may have {LINE_LIMIT} in all: "
            "keep large data in files and send their paths"
        )
    return text + b"\n"


def describe_interface() -> Request[api.DescribeInterfaceResult]:
    """Describe the protocol, its methods and their params and results as JSON Schema."""
    return Request("DescribeInterface", api.DescribeInterfaceParams(), api.DescribeInterfaceResult)


def health() -> Request[api.HealthResult]:
    """Say whether the daemon and its database are ready. Times are in seconds."""
    return Request("Health", api.HealthParams(), api.HealthResult)


def metrics() -> Request[api.MetricsResult]:
    """Count what the daemon has done since its start and what its database holds."""
    return Request("Metrics", api.MetricsParams(), api.MetricsResult)


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
        context=given(context, "$.context"),
        initial_nodes=specs(initial_nodes),
        request_id=_request_id(request_id),
    )
    return Request("RegisterTask", params, api.RegisterTaskResult)


def acquire_next_node(
    task_id: Id, *, lease_owner: str = "anonymous", request_id: Id | None = None
) -> Request[api.AcquireNextNodeResult | None]:
    """Lease the first runnable node of a task, with the context to work on it; or None.

    The lease ends at `lease_expires_at` (Unix seconds) unless it is extended before; `lease` does
    that. None means that nothing is runnable now: others may be at work, or the task is done.

    Raises `TaskNotFound`, `RequestIdReused`.
    """
    params = api.AcquireNextNodeParams(
        task_id=str(task_id), lease_owner=lease_owner, request_id=_request_id(request_id)
    )
    # A union is no type to the checker, but it is to the decoder.
    result: Any = api.AcquireNextNodeResult | None
    return Request("AcquireNextNode", params, result)


def commit_event(
    task_id: Id,
    node_id: Id,
    *,
    lease_id: Id | None = None,
    action_type: str = "COMMIT_EVENT",
    payload: Any = None,
    request_id: Id | None = None,
) -> Request[api.EventResult]:
    """Journal an event about a node; needs the lease while the node is RUNNING.

    Raises `TaskNotFound`, `NodeNotFound`, `LeaseRequired`, `StaleLease`, `RequestIdReused`.
    """
    params = api.CommitEventParams(
        task_id=str(task_id),
        node_id=str(node_id),
        lease_id=None if lease_id is None else str(lease_id),
        action_type=action_type,
        payload=encoded(payload, "$.payload"),
        request_id=_request_id(request_id),
    )
    return Request("CommitEvent", params, api.EventResult)


def heartbeat_node(task_id: Id, node_id: Id, lease_id: Id) -> Request[api.HeartbeatNodeResult]:
    """Extend a lease to now + the node timeout; answers its new end in Unix seconds.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`.
    """
    params = api.HeartbeatNodeParams(
        task_id=str(task_id), node_id=str(node_id), lease_id=str(lease_id)
    )
    return Request("HeartbeatNode", params, api.HeartbeatNodeResult)


def complete_node(
    task_id: Id, node_id: Id, lease_id: Id, result_payload: Any = None
) -> Request[api.EventResult]:
    """Complete a node with its result; a repeat with the same lease gets the first answer.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`.
    """
    params = api.CompleteNodeParams(
        task_id=str(task_id),
        node_id=str(node_id),
        lease_id=str(lease_id),
        result_payload=encoded(result_payload, "$.result_payload"),
    )
    return Request("CompleteNode", params, api.EventResult)


def fail_node(
    task_id: Id, node_id: Id, lease_id: Id, error_payload: Any = None
) -> Request[api.EventResult]:
    """Fail a node with its error, for good; a repeat with the same lease gets the first answer.

    Raises `TaskNotFound`, `NodeNotFound`, `StaleLease`, `IllegalTransition`.
    """
    params = api.FailNodeParams(
        task_id=str(task_id),
        node_id=str(node_id),
        lease_id=str(lease_id),
        error_payload=encoded(error_payload, "$.error_payload"),
    )
    return Request("FailNode", params, api.EventResult)


def task_status(task_id: Id) -> Request[api.TaskStatusResult]:
    """Show a task and all its nodes in registration order. Raises `TaskNotFound`."""
    return Request("TaskStatus", api.TaskStatusParams(task_id=str(task_id)), api.TaskStatusResult)


def list_tasks(
    *, prefix: str = "", runnable: bool = False, limit: int = 100, before: int | None = None
) -> Request[api.ListTasksResult]:
    """List tasks, newest first; with `runnable` those that have a runnable node, oldest first.

    `prefix` begins their ids. At most `limit` (1 to 1,000), fewer where they are large; `before` is
    the `next` of the page before this one.
    """
    try:
        params = api.ListTasksParams(prefix=prefix, runnable=runnable, limit=limit, before=before)
    except ValueError as error:  # of the prefix: what the daemon would say of it
        raise InvalidParams(f"ListTasks: {error}") from error
    return Request("ListTasks", params, api.ListTasksResult)


def task_events(
    task_id: Id, *, after: int | None = None, limit: int = 100
) -> Request[api.TaskEventsResult]:
    """Show a task's events without heartbeats, oldest first: the newest, or those behind a seq.

    At most `limit` (1 to 1,000), fewer where they are large; `after` is the `last_seq` of the page
    before this one. Raises `TaskNotFound`.
    """
    params = api.TaskEventsParams(task_id=str(task_id), after=after, limit=limit)
    return Request("TaskEvents", params, api.TaskEventsResult)


def _request_id(chosen: Id | None) -> str:
    """The caller's id, or one of our own: it makes the request safe to repeat."""
    return str(chosen or _new_id())


def _new_id() -> str:
    """A random UUID: RFC 9562, version 4. The uuid module takes three times as long for it."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
