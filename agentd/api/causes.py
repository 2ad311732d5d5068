"""Why a node is not handed out: ExplainNode, and ExplainTask for all nodes of a task."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agentd.api.amounts import Amount
from agentd.api.moments import At, FractionalSeconds, check_at
from agentd.api.params import NodeParams, TaskParams
from agentd.api.types import ResultId
from agentd.events import StateOfTask, Status

CauseKind = Literal[
    "cancelled",
    "paused",
    "dependency_failed",
    "dependency",
    "gate",
    "not_before",
    "budget_spent",
    "limit_closed",
    "limit_full",
    "rate",
    "locked",
    "no_worker",
]
"""In the order in which causes are told."""

MOST_NAMED_NODES = 5
"""Nodes that a cause of a task names."""


class ExplainNodeParams(NodeParams, forbid_unknown_fields=True):
    """Say why a node is not handed out, and what would help."""

    at: At | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at(self.at)


class ExplainTaskParams(TaskParams, forbid_unknown_fields=True):
    """Say why the nodes of a task are not handed out, cause by cause."""


class Cause(Struct, omit_defaults=True):
    """One cause; the fields behind `text` are there where they say something."""

    kind: CauseKind
    text: str
    reason: str | UnsetType = UNSET
    by: str | UnsetType = UNSET
    node_id: ResultId | UnsetType = UNSET
    name: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    lease_owner: str | UnsetType = UNSET
    until: Annotated[
        FractionalSeconds | UnsetType, Meta(description="when it is over, unless it lasts")
    ] = UNSET
    unit: str | UnsetType = UNSET
    used: Amount | UnsetType = UNSET
    budget: Amount | UnsetType = UNSET
    limit: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    labels: list[str] | UnsetType = UNSET
    ask: Annotated[str | UnsetType, Meta(description="what somebody has to decide")] = UNSET


class ExplainNodeResult(Struct):
    """Every cause; `next` says what would unblock the node, null where nothing has to."""

    status: Status
    runnable: bool
    reasons: list[Cause]
    next: str | None


class GroupedCause(Struct):
    """A cause, how many nodes it holds, and some of them by name or id."""

    kind: CauseKind
    text: str
    count: int
    nodes: list[str]


class ExplainTaskResult(Struct):
    """The task's state, its nodes by status, and what holds those that are PENDING."""

    state: StateOfTask
    counts: dict[str, int]
    reasons: list[GroupedCause]
    next: str | None
