"""The methods: what each takes and answers, how it loads its state, decides, and shows the outcome.

The rule this file keeps: `METHODS` is the one list. Decoding, `DescribeInterface` and the command
line's help are made from it. A command has load, decide and view; a query has query, and `unready`
where it has an answer even when the database does not.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from agentd import __version__, api, decide, queries
from agentd.decide import Context, NodeState, Registration, TaskState
from agentd.errors import WIRE_ERRORS, StorageError
from agentd.events import STATUSES
from agentd.journal import Recorded
from agentd.lifecycle import edge
from agentd.projections import NODES, NodeRow
from agentd.store import Reader

PROTOCOL = "agentd-jsonl-v1"


class Command(NamedTuple):
    """A method that may write."""

    load: Callable[[Reader, Any, Context], Any]
    decide: Callable[[Any, Any, Context], list[Any]]
    view: Callable[[Reader, Any, Any, Sequence[Recorded], Context], Any]


class Method(NamedTuple):
    """A method of the interface; its summary is the docstring of its params."""

    name: str
    params: type[Struct]
    result: Any
    aliases: tuple[str, ...]
    command: Command | None = None
    query: Callable[[Reader, Any, Context], Any] | None = None
    unready: Callable[[StorageError, Context], Any] | None = None

    @property
    def summary(self) -> str:
        """One sentence of help."""
        return (self.params.__doc__ or "").strip()


def _load_registration(
    reader: Reader, params: api.RegisterTaskParams, context: Context
) -> Registration:
    chosen = [spec.id for spec in params.initial_nodes if spec.id is not None]
    node_ids = [spec.id or context.new_id() for spec in params.initial_nodes]
    return Registration(context.new_id(), node_ids, reader.taken(chosen))


def _load_task(reader: Reader, params: api.TaskParams, context: Context) -> TaskState:
    task_id = params.task_id
    task = queries.task_row(reader, task_id)
    if task is None:
        return TaskState(task_id, 0, None)
    expired = reader.expired(context.honoured, context.now, task_id)
    version = reader.head(task_id).version
    return TaskState(task_id, version, task, expired, reader.next_runnable(task_id))


def _load_node(reader: Reader, params: api.NodeParams, _context: Context) -> NodeState:
    task_id = params.task_id
    task = queries.task_row(reader, task_id)
    node = queries.node_row(reader, task_id, params.node_id)
    return NodeState(task_id, reader.head(task_id).version, task, node)


def _registered(
    _reader: Reader,
    state: Registration,
    _params: api.RegisterTaskParams,
    _recorded: Sequence[Recorded],
    _context: Context,
) -> api.RegisterTaskResult:
    return api.RegisterTaskResult(state.task_id, list(state.node_ids))


def _acquired(
    reader: Reader,
    state: TaskState,
    _params: api.AcquireNextNodeParams,
    recorded: Sequence[Recorded],
    context: Context,
) -> api.AcquireNextNodeResult | None:
    if not recorded or recorded[-1].kind != "NodeAcquired":
        return None
    node: NodeRow = reader.get(NODES, (recorded[-1].node_id or "",))
    task = queries.task_row(reader, state.task_id)
    assert task is not None  # noqa: S101 - decide refused the command otherwise
    return api.AcquireNextNodeResult(
        node.task_id,
        node.node_id,
        node.lease_id or "",
        node.lease_owner or "",
        (node.lease_expires_at or 0) // 1000,
        queries.node_context(reader, task, node, context.event_limit),
    )


def _nothing(
    _reader: Reader,
    _state: TaskState,
    _params: object,
    _recorded: Sequence[Recorded],
    _context: Context,
) -> None:
    return None


def _event(
    reader: Reader,
    state: NodeState,
    _params: api.NodeParams,
    recorded: Sequence[Recorded],
    _context: Context,
) -> api.EventResult:
    if recorded:
        return api.EventResult(recorded[-1].event_id)
    # Nothing happened because it had happened before: answer what was answered then.
    assert state.node is not None  # noqa: S101 - decide refused the command otherwise
    return api.EventResult(reader.recorded(state.node.result_seq or 0).event_id)


def _extended(
    reader: Reader,
    _state: NodeState,
    params: api.HeartbeatNodeParams,
    _recorded: Sequence[Recorded],
    _context: Context,
) -> api.HeartbeatNodeResult:
    node: NodeRow = reader.get(NODES, (params.node_id,))
    return api.HeartbeatNodeResult(ok=True, lease_expires_at=(node.lease_expires_at or 0) // 1000)


def _describe(_reader: Reader, _params: Struct, _context: Context) -> api.DescribeInterfaceResult:
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


METHODS: tuple[Method, ...] = (
    Method(
        "DescribeInterface",
        api.DescribeInterfaceParams,
        api.DescribeInterfaceResult,
        ("describe_interface",),
        query=_describe,
    ),
    Method(
        "Health", api.HealthParams, api.HealthResult, ("health",), query=_health, unready=_unready
    ),
    Method("Metrics", api.MetricsParams, api.MetricsResult, ("metrics",), query=_metrics),
    Method(
        "RegisterTask",
        api.RegisterTaskParams,
        api.RegisterTaskResult,
        ("register_task",),
        Command(_load_registration, decide.register_task, _registered),
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
    ),
)

ROLL_BACK_EXPIRED = Command(_load_task, decide.roll_back_expired, _nothing)
"""The daemon's own command; it stands in no client's list."""

BY_NAME = {name: method for method in METHODS for name in (method.name, *method.aliases)}
