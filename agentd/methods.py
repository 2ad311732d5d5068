"""The methods: what each takes and answers, how it loads its state, decides, and shows the outcome.

The rule this file keeps: `METHODS` is the one list. Decoding, `DescribeInterface` and the command
line's help are made from it. A command has load, decide and view; a query has query, and `unready`
where it has an answer even when the database does not. A command's answer is a view of one record
of the journal, so that it can be given again.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from agentd import __version__, api, decide, queries
from agentd.decide import Context, NodeState, Registration, TaskState
from agentd.errors import WIRE_ERRORS, StorageError
from agentd.events import STATUSES, LeaseExtended, NodeAcquired
from agentd.journal import Recorded
from agentd.lifecycle import edge
from agentd.status import Status
from agentd.store import Reader

PROTOCOL = "agentd-jsonl-v1"


class Command(NamedTuple):
    """A method that may write. `view` shows the record that answers it; without one it is null."""

    load: Callable[[Reader, Any, Context], Any]
    decide: Callable[[Any, Any, Context], list[Any]]
    view: Callable[[Reader, Recorded, Context], Any]


class Method(NamedTuple):
    """A method of the interface; its summary is the docstring of its params.

    A command `grows` where its work does with the objects in its params, each of which may be a
    node. A query is `brief` where its answer is small whatever the database holds; `pieces` makes
    the answer where that may be of any size.
    """

    name: str
    params: type[api.Params]
    result: Any
    aliases: tuple[str, ...]
    command: Command | None = None
    query: Callable[[Reader, Any, Context], Any] | None = None
    unready: Callable[[StorageError, Context], Any] | None = None
    grows: bool = False
    brief: bool = False
    pieces: type[Status] | None = None

    @property
    def summary(self) -> str:
        """One sentence of help."""
        return (self.params.__doc__ or "").strip()


def _load_registration(
    reader: Reader, params: api.RegisterTaskParams, context: Context
) -> Registration:
    chosen = [spec.id for spec in params.initial_nodes if spec.id is not None]
    node_ids = [spec.id or context.new_id() for spec in params.initial_nodes]
    return Registration(context.new_id(), node_ids, reader.existing_nodes(chosen))


def _load_task(reader: Reader, params: api.TaskParams, context: Context) -> TaskState:
    task_id = params.task_id
    task = queries.task_row(reader, task_id)
    if task is None:
        return TaskState(task_id, 0, None)
    expired = reader.expired_leases(context.honoured, context.now, task_id)
    version = reader.head(task_id).version
    return TaskState(task_id, version, task, expired, reader.next_runnable(task_id))


def _load_node(reader: Reader, params: api.NodeParams, _context: Context) -> NodeState:
    task_id = params.task_id
    task = queries.task_row(reader, task_id)
    node = queries.node_row(reader, task_id, params.node_id)
    return NodeState(task_id, reader.head(task_id).version, task, node)


def _registered(reader: Reader, recorded: Recorded, _context: Context) -> api.RegisterTaskResult:
    task_id = recorded.task_id
    node_ids = [node.node_id for node in reader.nodes(task_id)]
    warnings = queries.warnings(reader, task_id)
    return api.RegisterTaskResult(task_id, node_ids, list(warnings) or msgspec.UNSET)


def _acquired(
    reader: Reader, recorded: Recorded, context: Context
) -> api.AcquireNextNodeResult | None:
    event = recorded.event
    if not isinstance(event, NodeAcquired):  # leases were rolled back, and nothing is runnable
        return None
    return api.AcquireNextNodeResult(
        recorded.task_id,
        recorded.node_id or "",
        event.lease_id,
        event.lease_owner,
        event.lease_expires_at // 1000,
        queries.node_context(reader, recorded, context.event_limit),
    )


def _nothing(_reader: Reader, _recorded: Recorded, _context: Context) -> None:
    return None


def _event(_reader: Reader, recorded: Recorded, _context: Context) -> api.EventResult:
    return api.EventResult(recorded.event_id)


def _extended(_reader: Reader, recorded: Recorded, _context: Context) -> api.HeartbeatNodeResult:
    event = recorded.event
    assert isinstance(event, LeaseExtended)  # noqa: S101 - that is what heartbeat_node decides
    return api.HeartbeatNodeResult(ok=True, lease_expires_at=event.lease_expires_at // 1000)


def _describe(_reader: Reader, _params: Struct, _context: Context) -> api.DescribeInterfaceResult:
    return _interface()


@cache
def _interface() -> api.DescribeInterfaceResult:
    transitions = {
        "AcquireNextNode": edge("acquire"),
        "CompleteNode": edge("complete"),
        "FailNode": edge("fail"),
        "timeout_rollback": edge("timeout_rollback"),
    }
    return api.DescribeInterfaceResult(
        PROTOCOL,
        "unix-domain-socket",
        "one JSON object per line, UTF-8, at most 1048576 bytes with its newline",
        __version__,
        api.StateModel(list(STATUSES), transitions),
        [api.ErrorDescription(e.code, e.kind, (e.__doc__ or "").strip()) for e in WIRE_ERRORS],
        [_describe_method(method) for method in METHODS],
    )


def _describe_method(method: Method) -> api.MethodDescription:
    return api.MethodDescription(
        method.name,
        method.summary,
        msgspec.json.schema(method.params),
        msgspec.json.schema(method.result),
        list(method.aliases),
    )


def _health(reader: Reader, _params: Struct, context: Context) -> api.HealthResult:
    reader.last_seq()
    return api.HealthResult("ok", "ok", context.lease_ms // 1000, context.event_limit)


def _unready(error: StorageError, context: Context) -> api.HealthResult:
    return api.HealthResult(
        "unavailable", error.message, context.lease_ms // 1000, context.event_limit
    )


def _metrics(reader: Reader, _params: Struct, context: Context) -> api.MetricsResult:
    return api.MetricsResult(
        (context.now - context.started_at) // 1000,
        context.lease_ms // 1000,
        context.event_limit,
        context.runtime,
        queries.database_metrics(reader, context.now),
    )


def _task_status(
    reader: Reader, params: api.TaskStatusParams, _context: Context
) -> api.TaskStatusResult:
    return queries.task_status(reader, params.task_id)


def _list_tasks(
    reader: Reader, params: api.ListTasksParams, _context: Context
) -> api.ListTasksResult:
    return queries.list_tasks(reader, params)


def _task_events(
    reader: Reader, params: api.TaskEventsParams, _context: Context
) -> api.TaskEventsResult:
    return queries.task_events(reader, params)


METHODS: tuple[Method, ...] = (
    Method(
        "DescribeInterface",
        api.DescribeInterfaceParams,
        api.DescribeInterfaceResult,
        ("describe_interface",),
        query=_describe,
        brief=True,
    ),
    Method(
        "Health",
        api.HealthParams,
        api.HealthResult,
        ("health",),
        query=_health,
        unready=_unready,
        brief=True,
    ),
    Method(
        "Metrics", api.MetricsParams, api.MetricsResult, ("metrics",), query=_metrics, brief=True
    ),
    Method(
        "RegisterTask",
        api.RegisterTaskParams,
        api.RegisterTaskResult,
        ("register_task",),
        Command(_load_registration, decide.register_task, _registered),
        grows=True,
    ),
    Method(
        "AcquireNextNode",
        api.AcquireNextNodeParams,
        api.AcquireNextNodeResult | None,
        ("acquire_next_node",),
        Command(_load_task, decide.acquire_next_node, _acquired),
    ),
    Method(
        "CommitEvent",
        api.CommitEventParams,
        api.EventResult,
        ("commit_event",),
        Command(_load_node, decide.commit_event, _event),
    ),
    Method(
        "HeartbeatNode",
        api.HeartbeatNodeParams,
        api.HeartbeatNodeResult,
        ("heartbeat_node",),
        Command(_load_node, decide.heartbeat_node, _extended),
    ),
    Method(
        "CompleteNode",
        api.CompleteNodeParams,
        api.EventResult,
        ("complete_node",),
        Command(_load_node, decide.complete_node, _event),
    ),
    Method(
        "FailNode",
        api.FailNodeParams,
        api.EventResult,
        ("fail_node",),
        Command(_load_node, decide.fail_node, _event),
    ),
    Method(
        "TaskStatus",
        api.TaskStatusParams,
        api.TaskStatusResult,
        ("task_status", "GetTaskStatus", "get_task_status"),
        query=_task_status,
        pieces=Status,
    ),
    Method(
        "ListTasks", api.ListTasksParams, api.ListTasksResult, ("list_tasks",), query=_list_tasks
    ),
    Method(
        "TaskEvents",
        api.TaskEventsParams,
        api.TaskEventsResult,
        ("task_events",),
        query=_task_events,
    ),
)

ROLL_BACK_EXPIRED = Command(_load_task, decide.roll_back_expired, _nothing)
"""The daemon's own command; it stands in no client's list."""

BY_NAME = {name: method for method in METHODS for name in (method.name, *method.aliases)}
