"""AcquireNextNode and HeartbeatNode: how a worker gets a lease and keeps it."""

from typing import Annotated

from msgspec import Meta, Struct

from agentd.api.moments import FractionalSeconds
from agentd.api.node_context import NodeContext
from agentd.api.node_settings import LeaseSeconds
from agentd.api.params import LeaseParams, TaskParams
from agentd.api.types import NodeRef, OrNull, ResultId, UnixSeconds, canonical_ref


class AcquireNextNodeParams(TaskParams):
    """Lease the first runnable node of a task, with the context to work on it."""

    lease_owner: OrNull[str] = "anonymous"
    node_id: Annotated[
        NodeRef | None, Meta(description="this node, if it is runnable, and no other")
    ] = None
    lease_secs: Annotated[
        LeaseSeconds | None, Meta(description="the node's own, or the node timeout")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.node_id = None if self.node_id is None else canonical_ref(self.node_id)


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


class HeartbeatNodeParams(LeaseParams):
    """Extend a lease to now + its length: asked for, the node's own, or the node timeout."""


class HeartbeatNodeResult(Struct):
    """The lease's new end."""

    ok: bool
    lease_expires_at: UnixSeconds
