"""The four methods of resource locks: who may use what is shared, and until when."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct

from agentd.api.leases import WaitSecs
from agentd.api.moments import At, check_at
from agentd.api.pages import Limit
from agentd.api.params import Params
from agentd.api.resource_keys import ResourceKey, normalised
from agentd.api.types import (
    Id,
    Json,
    NodeRef,
    OptionalObject,
    OrNull,
    ResultId,
    UnixSeconds,
    canonical_id,
    canonical_ref,
)
from agentd.events import LockMode

LONGEST_TTL = 315_360_000
"""Ten years, in seconds."""

TtlSecs = Annotated[
    Annotated[int, Meta(ge=1, le=LONGEST_TTL)] | None,
    Meta(description="how long it lasts; the node timeout where it is left out"),
]
Mode = Annotated[LockMode, Meta(description="shared locks do not conflict with each other")]


class AcquireResourceLockParams(Params, forbid_unknown_fields=True):
    """Take a lock on a resource, or null where it is held; `wait_secs` waits for it.

    It lasts for its ttl, or as long as the lease of a node that it is bound to.
    """

    resource_key: ResourceKey
    owner: OrNull[str] = "anonymous"
    provider: str | None = None
    ttl_secs: TtlSecs = None
    task_id: Id | None = None
    node_id: NodeRef | None = None
    metadata: OptionalObject = UNSET
    mode: OrNull[Mode] = "exclusive"
    wait_secs: OrNull[WaitSecs] = 0
    node_lease_id: Annotated[
        Id | None, Meta(description="the lease of that node: the lock ends when it does")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.resource_key = normalised(self.resource_key, "$.resource_key")
        self.task_id = self.task_id and canonical_id(self.task_id)
        self.node_id = self.node_id and canonical_ref(self.node_id)
        if self.node_lease_id is not None:
            self.node_lease_id = canonical_id(self.node_lease_id)
            for name in ("task_id", "node_id"):
                if getattr(self, name) is None:
                    raise ValueError(f"`$.node_lease_id` is that of a node: `$.{name}` is missing")


class HeldLockParams(Params):
    """Params that name a lock and the lease that it is held under."""

    resource_key: ResourceKey
    lease_id: Id

    def __post_init__(self) -> None:
        super().__post_init__()
        self.resource_key = normalised(self.resource_key, "$.resource_key")
        self.lease_id = canonical_id(self.lease_id)


class HeartbeatResourceLockParams(
    HeldLockParams, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Have a lock last for its ttl from now on; one that is bound lasts with its node's lease."""

    ttl_secs: TtlSecs = None


class ReleaseResourceLockParams(
    HeldLockParams, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Give a lock back."""


class ListResourceLocksParams(Params, forbid_unknown_fields=True):
    """List the locks that are held, by their keys."""

    task_id: Id | None = None
    owner: str | None = None
    prefix: Annotated[str | None, Meta(description="only keys that begin so")] = None
    limit: OrNull[Limit] = 1_000
    after: Annotated[str | None, Meta(description="only keys behind this one")] = None
    at: At | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.task_id = self.task_id and canonical_id(self.task_id)
        check_at(self.at)


class AcquireResourceLockResult(Struct):
    """A lock that is held; `resource_key` is written as agentd compares it."""

    resource_key: str
    lease_id: ResultId
    owner: str
    provider: str | None
    task_id: ResultId | None
    node_id: str | None
    metadata: Json
    acquired_at: UnixSeconds
    lease_expires_at: UnixSeconds


class ResourceLockView(AcquireResourceLockResult):
    """The same, as a list shows it."""

    updated_at: UnixSeconds
    mode: LockMode


class HeartbeatResourceLockResult(Struct):
    """The lock's new end."""

    ok: bool
    lease_expires_at: UnixSeconds


class ListResourceLocksResult(Struct):
    """A page of locks; `next` is the `after` of the next one, null on the last."""

    locks: list[ResourceLockView]
    next: str | None
