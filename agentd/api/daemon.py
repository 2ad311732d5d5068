"""DescribeInterface, Health and Metrics: what the daemon says about itself."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from agentd.api.moments import FractionalSeconds
from agentd.api.params import NoParams


class DescribeInterfaceParams(NoParams):
    """Describe the protocol, its methods and their params and results as JSON Schema."""


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


class LockModel(Struct):
    """How resource locks behave, in words."""

    resource_key: str
    exclusive_acquire: str
    lease_required: str
    timeout_recovery: str


class DescribeInterfaceResult(Struct):
    """The contract, described by the daemon that keeps it."""

    protocol: str
    transport: str
    framing: str
    version: str
    state_model: StateModel
    errors: list[ErrorDescription]
    methods: list[MethodDescription]
    resource_lock_model: LockModel | UnsetType = UNSET  # a daemon without locks has none


class HealthParams(NoParams):
    """Say whether the daemon and its database are ready."""


class HealthResult(Struct):
    """`ok` twice, or what is wrong."""

    status: str
    database: str
    running_timeout_secs: int
    context_event_limit: int
    gone_since: Annotated[
        FractionalSeconds | UnsetType,
        Meta(description="since when the database's server cannot be reached"),
    ] = UNSET


class MetricsParams(NoParams):
    """Count what this daemon has done since its start and what the database holds."""


OTHER_KINDS = "other"
"""The kinds of failures that are too many to be told apart."""


class RuntimeMetrics(Struct):
    """What this daemon has done since its start."""

    registered_tasks: int = 0
    acquire_attempts: int = 0
    acquired_nodes: int = 0
    acquisition_latency_micros_total: int = 0
    average_acquisition_latency_micros: int = 0
    committed_events: int = 0
    heartbeats: int = 0
    completed_nodes: int = 0
    failed_nodes: int = 0
    timeout_rollbacks: int = 0
    failures_by_kind: Annotated[
        dict[str, int], Meta(description="the 64 most frequent kinds, the others as `other`")
    ] = field(default_factory=dict)
    waiting_requests: Annotated[int, Meta(description="those that wait now")] = 0
    acquired_resource_locks: int = 0
    released_resource_locks: Annotated[
        int, Meta(description="by the holder, or with its node's lease")
    ] = 0
    conflicts: Annotated[
        int, Meta(description="batches decided again, as another daemon was faster")
    ] = 0


class DatabaseMetrics(Struct):
    """What the database holds."""

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


_NotOfOld = Meta(description="left out by daemons up to 0.2")


class MetricsResult(Struct):
    """Counters, all cheap on a database of any size."""

    uptime_secs: int
    running_timeout_secs: int
    context_event_limit: int
    runtime: RuntimeMetrics
    database: DatabaseMetrics
    started_at: Annotated[FractionalSeconds | UnsetType, _NotOfOld] = UNSET
    version: Annotated[str | UnsetType, _NotOfOld] = UNSET
