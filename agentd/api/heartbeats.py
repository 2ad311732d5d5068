"""HeartbeatNode: how a worker keeps a lease, or all that it holds."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from agentd.api.params import Params
from agentd.api.types import Id, NodeRef, UnixSeconds, canonical_id, canonical_ref

MOST_HEARTBEATS = 1_000
"""Leases that one request may extend."""


class HeldLease(Struct, forbid_unknown_fields=True):
    """A lease that the caller holds."""

    task_id: Id
    node_id: NodeRef
    lease_id: Id

    def __post_init__(self) -> None:
        self.task_id = canonical_id(self.task_id)
        self.node_id = canonical_ref(self.node_id)
        self.lease_id = canonical_id(self.lease_id)


_ONE = HeldLease.__struct_fields__


class HeartbeatNodeParams(Params):
    """Extend a lease to now + its length, or in one call all of `leases`."""

    task_id: Id | None = None
    node_id: NodeRef | None = None
    lease_id: Id | None = None
    leases: Annotated[
        Annotated[list[HeldLease], Meta(max_length=MOST_HEARTBEATS)] | None,
        Meta(description="in the place of the three: one that is refused spoils no other"),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.leases is None:
            for name in _ONE:
                canonical = canonical_ref if name == "node_id" else canonical_id
                setattr(self, name, canonical(self._require(name)))
            return
        self.request_id = None  # a heartbeat may be repeated, and this one is not remembered
        for name in _ONE:
            if getattr(self, name) is not None:
                raise ValueError(f"`$.{name}` and `$.leases` are two forms: give one of them")

    def _require(self, name: str) -> str:
        value: str | None = getattr(self, name)
        if value is None:
            raise ValueError(f"`$.{name}` is missing")
        return value

    @property
    def only(self) -> HeldLease:
        """The one lease, where there are not several."""
        return HeldLease(self.task_id or "", self.node_id or "", self.lease_id or "")


class HeartbeatNodeResult(Struct):
    """The lease's new end."""

    ok: bool
    lease_expires_at: UnixSeconds


class HeartbeatError(Struct):
    """Why a lease was not extended: as in the answer to a request of its own."""

    code: int
    message: str
    data: dict[str, Any]


class HeartbeatOutcome(Struct):
    """What became of one of several leases: its new end, or an error."""

    ok: bool | UnsetType = UNSET
    lease_expires_at: UnixSeconds | UnsetType = UNSET
    error: HeartbeatError | UnsetType = UNSET


class HeartbeatNodesResult(Struct):
    """What became of each of the `leases`, in their order."""

    leases: list[HeartbeatOutcome]


class HeartbeatResult(Struct):
    """The lease's new end; or what became of each of the `leases`."""

    ok: bool | UnsetType = UNSET
    lease_expires_at: UnixSeconds | UnsetType = UNSET
    leases: list[HeartbeatOutcome] | UnsetType = UNSET
