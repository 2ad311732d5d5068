"""What each method answers.

The rule this file keeps: a result is described by the Struct that encodes it.
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from agentd.api.types import GivenId, Json, Timestamp, UnixSeconds
from agentd.events import Status


class MethodDescription(Struct):
    """One method: its JSON Schemas and the other names it answers to."""

    method: str
    summary: str
    params: dict[str, Any]
    result: dict[str, Any]
    aliases: list[str]


class ErrorDescription(Struct):
    """One kind of error, as it stands in `data.kind`."""

    code: int
    kind: str
    summary: str


class StateModel(Struct):
    """The node statuses in order, and the legal edges by the method that takes them."""

    node_statuses: list[str]
    strict_transitions: dict[str, str]


class DescribeInterfaceResult(Struct):
    """The contract, described by the daemon that keeps it."""

    protocol: str
    transport: str
    framing: str
    version: str
    state_model: StateModel
    errors: list[ErrorDescription]
    methods: list[MethodDescription]


class HealthResult(Struct):
    """`ok` twice, or what is wrong."""

    status: str
    database: str
    running_timeout_secs: int
    context_event_limit: int


class RuntimeMetrics(Struct):
    """What this daemon has done since its start."""

    registered_tasks: int
    acquire_attempts: int
    acquired_nodes: int
    acquisition_latency_micros_total: int
    average_acquisition_latency_micros: int
    committed_events: int
    heartbeats: int
    completed_nodes: int
    failed_nodes: int
    timeout_rollbacks: int


class DatabaseMetrics(Struct):
    """What the database holds. agentd has no resource locks: those two are always 0."""

    schema_version: int
    latest_schema_version: int
    total_tasks: int
    total_nodes: int
    total_events: int
    running_leases: int
    expired_running_leases: int
    active_resource_locks: int
    expired_resource_locks: int
    node_status_counts: dict[str, int]


class MetricsResult(Struct):
    """Counters, all cheap on a database of any size."""

    uptime_secs: int
    running_timeout_secs: int
    context_event_limit: int
    runtime: RuntimeMetrics
    database: DatabaseMetrics


class RegisterTaskResult(Struct):
    """The new ids, the nodes' in the order given; what else there is to know about the request."""

    task_id: GivenId
    node_ids: list[GivenId]
    warnings: Annotated[
        list[str] | UnsetType,
        Meta(description="fields that are not known; left out where there are none"),
    ] = UNSET


class TaskView(Struct):
    """A task as clients see it."""

    id: GivenId
    goal: str
    context: Json
    created_at: Timestamp


class NodeView(Struct):
    """A node as clients see it."""

    id: GivenId
    task_id: GivenId
    status: Status
    dependencies: list[GivenId]
    payload_schema: Json
    result_payload: Json
    acquired_at: UnixSeconds | None
    lease_id: GivenId | None
    lease_owner: str | None
    lease_expires_at: UnixSeconds | None
    updated_at: UnixSeconds


class DependencyView(Struct):
    """What a completed dependency left for its dependents."""

    node_id: GivenId
    result_payload: Json


class EventView(Struct):
    """What an agent committed, or how a node ended, as the context of a node shows it."""

    id: GivenId
    task_id: GivenId
    node_id: GivenId
    action_type: str
    payload: Json
    timestamp: Timestamp


class NodeContext(Struct):
    """All that a worker needs to know about the node it holds."""

    task: TaskView
    node: NodeView
    completed_dependencies: list[DependencyView]
    event_journal_limit: int
    event_journal: list[EventView]


class AcquireNextNodeResult(Struct):
    """A lease and the context of its node."""

    task_id: GivenId
    node_id: GivenId
    lease_id: GivenId
    lease_owner: str
    lease_expires_at: UnixSeconds
    context: NodeContext


class EventResult(Struct):
    """The id of the recorded event."""

    event_id: GivenId


class HeartbeatNodeResult(Struct):
    """The lease's new end."""

    ok: bool
    lease_expires_at: UnixSeconds


class TaskStatusResult(Struct):
    """A task with all its nodes in registration order; `counts` has only statuses that occur."""

    task: TaskView
    counts: dict[str, int]
    nodes: list[NodeView]


class TaskSummary(Struct):
    """A task in a list; `counts` has only statuses that occur, `runnable`: it has such a node."""

    id: GivenId
    goal: str
    created_at: Timestamp
    counts: dict[str, int]
    runnable: bool

    @property
    def has_ended(self) -> bool:
        """Nothing can run any more: no node is runnable, and none RUNNING could make one so."""
        return not self.runnable and not self.counts.get("RUNNING")


class ListTasksResult(Struct):
    """A page of tasks, shorter than `limit` where they are large; `next` is null on the last."""

    tasks: list[TaskSummary]
    next: Annotated[int | None, Meta(description="`before` of the next page")]


class RecordedEventView(Struct):
    """Any event, and its place in the journal of all tasks; of a task's own `node_id` is null."""

    id: GivenId
    task_id: GivenId
    node_id: GivenId | None
    action_type: str
    payload: Json
    timestamp: Timestamp
    seq: int


class TaskEventsResult(Struct):
    """A page of events, shorter than `limit` where they are large; `more`: it is not the last."""

    events: list[RecordedEventView]
    last_seq: Annotated[int, Meta(description="`after` of the next page")]
    more: bool
