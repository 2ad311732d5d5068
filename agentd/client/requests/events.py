"""Events: one journalled about a node, those of a task shown, and those to come watched."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentd import api
from agentd.client.nodes import as_texts
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.client.values import encode


def commit_event(  # noqa: PLR0913 - one for each field of the request
    task_id: Id,
    node_id: Id,
    *,
    lease_id: Id | None = None,
    action_type: str = "COMMIT_EVENT",
    payload: Any = None,
    usage: Mapping[str, int | float] | None = None,
    checkpoint: bool = False,
    request_id: Id | None = None,
) -> Request[api.EventResult]:
    """Journal an event about a node; needs the lease while the node is RUNNING.

    `usage` is added up by unit, as in `complete_node`. A `checkpoint`, which needs the lease, is
    what the next holder of the node goes on from: `context.checkpoint`.

    Raises `TaskNotFound`, `NodeNotFound`, `LeaseRequired`, `StaleLease`, `TaskIsCancelled`,
    `RequestIdReused`.
    """
    params = api.CommitEventParams(
        task_id=str(task_id),
        node_id=str(node_id),
        lease_id=None if lease_id is None else str(lease_id),
        action_type=action_type,
        payload=encode(payload, "$.payload"),
        usage=dict(usage or {}),
        checkpoint=checkpoint,
        request_id=request_id_or_new(request_id),
    )
    return Request("CommitEvent", params, api.EventResult)


def task_events(
    task_id: Id, *, after: int | None = None, limit: int = 100
) -> Request[api.TaskEventsResult]:
    """Show a task's events without heartbeats, oldest first: the newest, or those behind a seq.

    At most `limit` (1 to 1,000), fewer where they are large; `after` is the `last_seq` of the page
    before this one. Raises `TaskNotFound`.
    """
    params = api.TaskEventsParams(task_id=str(task_id), after=after, limit=limit)
    return Request("TaskEvents", params, api.TaskEventsResult)


def watch_events(
    *,
    after_seq: int | None = None,
    task_id: Id | None = None,
    kinds: Sequence[str] | None = None,
    wait_secs: float = 0,
    limit: int = 100,
) -> Request[api.WatchEventsResult]:
    """Show the events of all tasks, or of one, behind a seq; wait up to 60 s for the first.

    Heartbeats are shown only where `kinds`, action types, name them. At most `limit` (1 to 1,000);
    `last_seq` of the answer is `after_seq` of the next call, also where there are none: then
    nothing that fits was missed. Without `after_seq` it begins now. Raises `TaskNotFound`,
    `InvalidParams`.
    """
    params = api.WatchEventsParams(
        after_seq=after_seq,
        task_id=None if task_id is None else str(task_id),
        kinds=None if kinds is None else as_texts(kinds, "$.kinds", "WatchEvents"),
        wait_secs=wait_secs,
        limit=limit,
    )
    return Request("WatchEvents", params, api.WatchEventsResult)
