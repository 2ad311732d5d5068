"""CompleteNode, FailNode and ReleaseNode: how the work on a node ends, and what comes next."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from agentd.api.amounts import Usage
from agentd.api.events import EventResult
from agentd.api.leases import AcquireNext, AcquireNextNodeResult
from agentd.api.moments import FractionalSeconds, Seconds
from agentd.api.params import LeaseParams, one_payload
from agentd.api.types import OptionalJson, OrNull, PayloadAlias
from agentd.events import Status


class CompleteNodeParams(LeaseParams):
    """Complete a node with its result; a repeat with the same lease gets the first answer."""

    payload: OptionalJson = UNSET
    result_payload: PayloadAlias = UNSET
    usage: Usage = field(default_factory=dict)
    acquire_next: AcquireNext | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.payload = one_payload(self.payload, self.result_payload, "result_payload")
        self.result_payload = UNSET


class FailNodeParams(LeaseParams):
    """Fail a node with its error, for good or until it is tried again; repeats are safe."""

    payload: OptionalJson = UNSET
    error_payload: PayloadAlias = UNSET
    retryable: OrNull[
        Annotated[bool, Meta(description="false: it is not tried again, whatever it may")]
    ] = True
    retry_after_secs: Annotated[
        Seconds | None, Meta(description="exactly this, in the place of the pause")
    ] = None
    kind: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)] | None,
        Meta(description="a short word such as rate_limit: shown in attempts, counted in Metrics"),
    ] = None
    usage: Usage = field(default_factory=dict)
    acquire_next: AcquireNext | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.payload = one_payload(self.payload, self.error_payload, "error_payload")
        self.error_payload = UNSET


class EndingResult(EventResult):
    """The id of the recorded event; `next` is what `acquire_next` asked for, or null."""

    next: Annotated[
        AcquireNextNodeResult | UnsetType | None,
        Meta(description="left out where `acquire_next` is"),
    ] = UNSET


class FailNodeResult(EndingResult):
    """The recorded event; the node is FAILED, or PENDING: then it is tried again."""

    status: Status = "FAILED"
    attempt: Annotated[int, Meta(description="the one that failed")] = 1
    not_before: FractionalSeconds | None = None


class ReleaseNodeParams(LeaseParams, forbid_unknown_fields=True):
    """Give a node back without blame; a repeat with the same lease gets the first answer."""

    reason: str | None = None
    after_secs: Annotated[Seconds | None, Meta(description="not handed out sooner")] = None
    acquire_next: AcquireNext | None = None


class ReleaseNodeResult(EndingResult):
    """The recorded event; the node is PENDING again."""

    status: Status = "PENDING"
    not_before: FractionalSeconds | None = None
