"""AcquireNextNode and HeartbeatNode: how a worker gets a lease and keeps it."""

from msgspec import Struct

from agentd.api.node_context import NodeContext
from agentd.api.params import LeaseParams, TaskParams
from agentd.api.types import OrNull, ResultId, UnixSeconds


class AcquireNextNodeParams(TaskParams):
    """Lease the first runnable node of a task, with the context to work on it."""

    lease_owner: OrNull[str] = "anonymous"


class AcquireNextNodeResult(Struct):
    """A lease and the context of its node."""

    task_id: ResultId
    node_id: ResultId
    lease_id: ResultId
    lease_owner: str
    lease_expires_at: UnixSeconds
    context: NodeContext


class HeartbeatNodeParams(LeaseParams):
    """Extend a lease to now + the node timeout."""


class HeartbeatNodeResult(Struct):
    """The lease's new end."""

    ok: bool
    lease_expires_at: UnixSeconds
