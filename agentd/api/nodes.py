"""A node as clients see it, and NodeStatus."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from agentd.api.amounts import ResultAmounts
from agentd.api.attempts import AttemptView
from agentd.api.causes import CauseKind
from agentd.api.checkpoints import NewestCheckpoint
from agentd.api.gates import GateSettings
from agentd.api.moments import At, FractionalSeconds, check_at
from agentd.api.params import NodeParams
from agentd.api.types import Json, ResultId, UnixSeconds
from agentd.events import LockOfNode, OnFailure, Retry, Status


class NodeView(Struct):
    """A node as clients see it; what was not set when it was registered is left out at the end."""

    id: ResultId
    task_id: ResultId
    status: Status
    dependencies: list[ResultId]
    payload_schema: Json
    result_payload: Json
    acquired_at: UnixSeconds | None
    lease_id: ResultId | None
    lease_owner: str | None
    lease_expires_at: UnixSeconds | None
    updated_at: UnixSeconds
    name: str | None = None
    priority: int = 0
    attempt: Annotated[int, Meta(description="the newest, 0 before the first")] = 0
    not_before: Annotated[
        FractionalSeconds | None, Meta(description="null unless the node waits for it")
    ] = None
    usage: ResultAmounts = {}
    blocked_by: Annotated[
        list[CauseKind],
        Meta(description="why it is not runnable; [] if it is, or runs"),
    ] = []
    retry: Retry | UnsetType = UNSET
    lease_secs: int | UnsetType = UNSET
    timeout_secs: int | UnsetType = UNSET
    on_failure: OnFailure | UnsetType = UNSET
    requires: list[str] | UnsetType = UNSET
    limits: list[str] | UnsetType = UNSET
    gate: GateSettings | UnsetType = UNSET
    locks: list[str | LockOfNode] | UnsetType = UNSET
    traceparent: Annotated[str | UnsetType, Meta(description="as it was added with")] = UNSET

    @property
    def satisfies_dependents(self) -> bool:
        """Its dependents wait for it no longer: it completed, or failed and they run on."""
        runs_on = self.on_failure == "continue"
        return self.status == "COMPLETED" or (self.status == "FAILED" and runs_on)


class NodeStatusParams(NodeParams, forbid_unknown_fields=True):
    """Show a node, how its attempts ended, and its checkpoint."""

    at: At | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at(self.at)


class NodeStatusResult(Struct):
    """A node; its newest 1,000 attempts that ended, oldest first; its newest checkpoint."""

    node: NodeView
    attempts: list[AttemptView]
    checkpoint: NewestCheckpoint = None
