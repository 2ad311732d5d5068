"""What each method takes.

The rule this file keeps: these Structs decode the requests and describe the interface, so the two
cannot disagree. A class's docstring is its method's help.
"""

from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import NODEFAULT, UNSET, Meta, Raw, Struct, UnsetType

from agentd.api.types import (
    Id,
    OptionalJson,
    OptionalObject,
    OrNull,
    RequestId,
    SamePayload,
    canonical,
    canonical_prefix,
)


class Params(Struct, kw_only=True, omit_defaults=True):
    """What every method takes."""

    request_id: RequestId | None = None

    def __post_init__(self) -> None:
        for name, default in _defaults(type(self)):
            if getattr(self, name) is None:
                setattr(self, name, default)
        if self.request_id is not None:
            self.request_id = canonical(self.request_id)


@cache
def _defaults(kind: type[Params]) -> tuple[tuple[str, Any], ...]:
    """The fields that may be null, and what they are then. No request changes a default."""
    return tuple(
        (field.name, default)
        for field in msgspec.structs.fields(kind)
        if (default := _default(field)) not in (NODEFAULT, UNSET, None)
    )


def _default(field: msgspec.structs.FieldInfo) -> Any:
    made = field.default_factory
    return field.default if made is NODEFAULT else made()


class NoParams(Params):
    """The params of a method that takes none of its own."""


class TaskParams(Params):
    """Params that name a task."""

    task_id: Id

    def __post_init__(self) -> None:
        super().__post_init__()
        self.task_id = canonical(self.task_id)


class NodeParams(TaskParams):
    """Params that name a node of a task."""

    node_id: Id

    def __post_init__(self) -> None:
        super().__post_init__()
        self.node_id = canonical(self.node_id)


class LeaseParams(NodeParams):
    """Params that name the lease under which the caller holds the node."""

    lease_id: Id

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lease_id = canonical(self.lease_id)


class DescribeInterfaceParams(NoParams):
    """Describe the protocol, its methods and their params and results as JSON Schema."""


class HealthParams(NoParams):
    """Say whether the daemon and its database are ready."""


class MetricsParams(NoParams):
    """Count what this daemon has done since its start and what the database holds."""


class NodeSpec(Struct, omit_defaults=True):
    """One node of a new task."""

    id: Id | None = None
    dependencies: OrNull[list[Id]] = []
    payload_schema: OptionalObject = UNSET


MOST_NODES = 20_000
"""Nodes in one request: every other client waits while they are recorded, some 30 µs each. More of
them do not fit a line with anything in it.
"""


class RegisterTaskParams(Params, dict=True):
    """Register a goal and its DAG of nodes, all or nothing."""

    goal: str
    context: OptionalObject = UNSET
    initial_nodes: OrNull[Annotated[list[NodeSpec], Meta(max_length=MOST_NODES)]] = []

    def __post_init__(self) -> None:
        super().__post_init__()
        # Here and not node by node: too many of them are refused before any of this is done.
        for node in self.initial_nodes:
            node.id = node.id and canonical(node.id)
            # A duplicated dependency counts once; dict keeps the order.
            node.dependencies = list(dict.fromkeys(map(canonical, node.dependencies or ())))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its sender is told. It is no field: nobody sends it, and no repeat differs by it."""
        found: tuple[str, ...] = self.__dict__.get("warnings", ())
        return found

    def warn(self, warnings: tuple[str, ...]) -> None:
        """Have its sender told."""
        self.__dict__["warnings"] = warnings


class AcquireNextNodeParams(TaskParams):
    """Lease the first runnable node of a task, with the context to work on it."""

    lease_owner: OrNull[str] = "anonymous"


class CommitEventParams(NodeParams):
    """Journal an event about a node; needs the lease while the node is RUNNING."""

    lease_id: Id | None = None
    action_type: OrNull[str] = "COMMIT_EVENT"
    payload: OptionalJson = UNSET
    event_payload: SamePayload = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lease_id = self.lease_id and canonical(self.lease_id)
        self.payload = _either(self.payload, self.event_payload, "event_payload")
        self.event_payload = UNSET


class HeartbeatNodeParams(LeaseParams):
    """Extend a lease to now + the node timeout."""


class CompleteNodeParams(LeaseParams):
    """Complete a node with its result; a repeat with the same lease gets the first answer."""

    payload: OptionalJson = UNSET
    result_payload: SamePayload = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        self.payload = _either(self.payload, self.result_payload, "result_payload")
        self.result_payload = UNSET


class FailNodeParams(LeaseParams):
    """Fail a node with its error; a repeat with the same lease gets the first answer."""

    payload: OptionalJson = UNSET
    error_payload: SamePayload = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        self.payload = _either(self.payload, self.error_payload, "error_payload")
        self.error_payload = UNSET


class TaskStatusParams(TaskParams):
    """Show a task and all its nodes."""


MOST_LISTED = 1_000
"""Tasks or events on one page."""

LARGEST_PLACE = 2**53 - 1
"""The largest integer that every reader of JSON takes as it is: RFC 8259, section 6."""

Limit = Annotated[int, Meta(ge=1, le=MOST_LISTED, description="at most so many on this page")]


class ListTasksParams(Params):
    """List tasks, newest first; with `runnable` those that have a runnable node, oldest first."""

    prefix: OrNull[
        Annotated[
            str,
            Meta(
                max_length=36,
                description="only tasks whose ids begin so: in either case, with dashes or without",
            ),
        ]
    ] = ""
    runnable: OrNull[bool] = False
    limit: OrNull[Limit] = 100
    before: Annotated[
        Annotated[int, Meta(ge=1, le=LARGEST_PLACE)] | None,
        Meta(description="`next` of the page before this one, for the same prefix and `runnable`"),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            self.prefix = canonical_prefix(self.prefix)
        except ValueError:
            given = msgspec.json.encode(self.prefix).decode()
            raise ValueError(
                f"`$.prefix` does not begin a UUID: {given}; expected hexadecimal digits such as "
                "123e4567-e89b, with the dashes of a UUID or without any"
            ) from None


class TaskEventsParams(TaskParams):
    """Show a task's events without heartbeats, oldest first: the newest, or those behind a seq."""

    after: Annotated[
        Annotated[int, Meta(ge=0, le=LARGEST_PLACE)] | None,
        Meta(
            description="only events behind this seq, such as `last_seq` of the page before; "
            "where it is left out, the newest `limit` of all"
        ),
    ] = None
    limit: OrNull[Limit] = 100


def _either(payload: Raw | UnsetType, other: Raw | UnsetType, other_name: str) -> Raw | UnsetType:
    """The one payload, whichever of its two names it was given under."""
    if isinstance(other, UnsetType):
        return payload
    if not isinstance(payload, UnsetType):
        raise ValueError(  # noqa: TRY004 - msgspec reports a ValueError as invalid params
            f"`payload` and `{other_name}` are two names of one value: give one of them"
        )
    return other
