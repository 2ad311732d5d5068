"""AcquireNextNode and AcquireNodes: how a worker gets leases."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from agentd.api.moments import FractionalSeconds
from agentd.api.node_context import NodeContext
from agentd.api.node_settings import LeaseSeconds, Names
from agentd.api.params import Nullable, Params
from agentd.api.types import (
    Id,
    NodeRef,
    OrNull,
    ResultId,
    UnixSeconds,
    canonical_id,
    canonical_ref,
)

LONGEST_WAIT = 60
"""Seconds for which a request may wait."""

MOST_ACQUIRED = 64
"""Nodes that one request may acquire."""

OptionalTask = Annotated[Id | UnsetType, Meta(description="of any task, where it is left out")]
ThisNode = Annotated[NodeRef | None, Meta(description="this node, if it is runnable, and no other")]
OwnLease = Annotated[LeaseSeconds | None, Meta(description="the node's own, or the node timeout")]
ContextScope = Annotated[
    Literal["task", "node", "none"],
    Meta(description="whose events the context shows: node is this one and its dependencies"),
]
Offered = Annotated[OrNull[Names], Meta(description="labels that the worker offers")]
WaitSecs = Annotated[
    float,
    Meta(ge=0, le=LONGEST_WAIT, description="wait so long for what is not there yet"),
]


class AcquireNextNodeParams(Params):
    """Lease the first runnable node, of a task or of all, with the context to work on it."""

    task_id: OptionalTask = UNSET
    lease_owner: OrNull[str] = "anonymous"
    node_id: ThisNode = None
    lease_secs: OwnLease = None
    context_scope: OrNull[ContextScope] = "task"
    wait_secs: OrNull[WaitSecs] = 0
    labels: Offered = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.task_id = _canonical_task(self.task_id)
        self.node_id = _canonical_node(self.task_id, self.node_id)


class AcquireNodesParams(
    AcquireNextNodeParams, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Lease the first runnable nodes, as many as there are up to `count`."""

    count: Annotated[int, Meta(ge=1, le=MOST_ACQUIRED)]


class AcquireNext(Nullable, omit_defaults=True, forbid_unknown_fields=True):
    """What the holder of a lease that ends wants to have next: as in AcquireNextNode."""

    task_id: OptionalTask = UNSET
    lease_owner: OrNull[str] = "anonymous"
    node_id: ThisNode = None
    lease_secs: OwnLease = None
    context_scope: OrNull[ContextScope] = "task"
    labels: Offered = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.task_id = _canonical_task(self.task_id)
        self.node_id = _canonical_node(self.task_id, self.node_id)


Acquisition = AcquireNextNodeParams | AcquireNext
"""What says which node is wanted, and how much of it."""


def _canonical_task(task_id: str | UnsetType) -> str | UnsetType:
    return task_id if isinstance(task_id, UnsetType) else canonical_id(task_id)


def _canonical_node(task_id: str | UnsetType, node_id: str | None) -> str | None:
    if node_id is None:
        return None
    if isinstance(task_id, UnsetType):
        raise ValueError(  # noqa: TRY004 - msgspec reports a ValueError as invalid params
            "`node_id` is that of a node of a task: `task_id` is missing"
        )
    return canonical_ref(node_id)


class AcquireNextNodeResult(Struct):
    """A lease and the context of its node."""

    task_id: ResultId
    node_id: ResultId
    lease_id: ResultId
    lease_owner: str
    lease_expires_at: UnixSeconds
    context: NodeContext
    attempt: Annotated[int, Meta(description="the number of this acquisition of the node")] = 1
    name: str | None = None
    deadline_at: Annotated[
        FractionalSeconds | None, Meta(description="the lease is never extended beyond it")
    ] = None


class AcquireNodesResult(Struct):
    """Leases in the order of handing out; false where there is none."""

    leases: list[AcquireNextNodeResult]

    def __bool__(self) -> bool:
        return bool(self.leases)
