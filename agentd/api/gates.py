"""ListGates and DecideGate: what people are asked, and what they answer."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from agentd.api.moments import FractionalSeconds, Seconds
from agentd.api.pages import Limit
from agentd.api.params import NodeParams, Nullable, Params
from agentd.api.types import Id, OrNull, ResultId, canonical_id
from agentd.events import Decision, Gate, Status

DecisionParam = Annotated[
    Decision, Meta(description="approve: the node completes; reject: it fails")
]

NOT_OF_GATES = ("retry", "lease_secs", "timeout_secs", "requires", "limits", "locks")
"""What only nodes have that are worked on."""


class GateSpec(Nullable, omit_defaults=True, forbid_unknown_fields=True):
    """What somebody is asked before the work goes on."""

    ask: str
    timeout_secs: Annotated[
        Seconds | None,
        Meta(description="decided by itself so long after it was opened; left out: never"),
    ] = None
    on_timeout: Annotated[
        OrNull[Decision], Meta(description="how it is decided then; reject where it is left out")
    ] = "reject"


class GateSettings(Struct):
    """What somebody is asked before the work goes on, as it was registered or changed."""

    ask: str
    on_timeout: Decision
    timeout_secs: float | UnsetType = UNSET


class ListGatesParams(Params, forbid_unknown_fields=True):
    """List the gates that wait for a decision, or with `open` false those that were decided."""

    open: OrNull[Annotated[bool, Meta(description="false: those that were decided")]] = True
    task_id: Id | None = None
    limit: OrNull[Limit] = 1_000
    after: Id | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.task_id = self.task_id and canonical_id(self.task_id)
        self.after = self.after and canonical_id(self.after)


class GateView(Struct):
    """A gate, open `since` that moment; what was decided is null while it is open."""

    task_id: ResultId
    node_id: ResultId
    name: str | None
    ask: str
    since: FractionalSeconds
    timeout_at: FractionalSeconds | None
    decision: Decision | None
    by: str | None
    note: str | None


class ListGatesResult(Struct):
    """A page of gates, oldest first; `next` is the `after` of the next one, null on the last."""

    gates: list[GateView]
    next: ResultId | None


class DecideGateParams(NodeParams, forbid_unknown_fields=True):
    """Approve or reject a gate that is open: its node completes, or fails."""

    decision: DecisionParam
    by: str | None = None
    note: str | None = None


class DecideGateResult(Struct):
    """The id of the decision's event, and what the node is now."""

    event_id: ResultId
    status: Status


def gate_of(spec: GateSpec) -> Gate:
    """The same, as events record it."""
    timeout = spec.timeout_secs
    return Gate(spec.ask, None if timeout is None else round(timeout * 1000), spec.on_timeout)


def gate_settings(gate: Gate) -> GateSettings:
    """The same, as clients see it."""
    timeout = gate.timeout_ms
    return GateSettings(gate.ask, gate.on_timeout, UNSET if timeout is None else timeout / 1000)


def check_gate(node: Any, place: str) -> None:
    """Raise ValueError where a node is a gate, and is worked on too."""
    beside = [name for name in NOT_OF_GATES if getattr(node, name, None) is not None]
    if beside:
        raise ValueError(
            f"`{place}.{beside[0]}`: the node has a `gate`, and a gate is decided, never worked "
            f"on: leave out {', '.join(beside)}"
        )
