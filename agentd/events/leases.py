"""How a lease begins, lasts and ends."""

from typing import Literal

from agentd.events.base import Amounts, Event, Status

HowFailed = Literal["failed", "timed_out", "expired"]


class NodeAcquired(Event, frozen=True, omit_defaults=True):
    """An owner got the right to work on the node until `lease_expires_at`.

    A heartbeat extends it by `lease_ms`, where that is not the daemon's own, and never beyond
    `deadline_at`. Records of old say nothing of `attempt`: the reducer counts. `usage` is what the
    node had used by then. It took a slot of each of these `limits`; `labels` is what its worker
    offered. A lease that was taken over is as old as `acquired_at` (Unix milliseconds).
    """

    lease_id: str
    lease_owner: str
    lease_expires_at: int
    status: Status
    attempt: int = 1
    deadline_at: int | None = None
    lease_ms: int | None = None
    usage: Amounts = {}
    limits: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    acquired_at: int | None = None


class LeaseExtended(Event, frozen=True):
    """A heartbeat moved the end of the lease."""

    lease_id: str
    lease_expires_at: int


class LeaseExpired(Event, frozen=True, omit_defaults=True):
    """The lease ran out and the node was rolled back.

    `counts`: the attempt is one of those that the node may have. Like all endings of an attempt,
    this one knows the one before it of the same node by its `previous` seq.
    """

    lease_id: str
    lease_owner: str
    lease_expires_at: int
    status: Status
    attempt: int = 1
    previous: int | None = None
    counts: bool = False


class NodeCompleted(Event, frozen=True, omit_defaults=True):
    """The holder of the lease finished the node. Payload: the result."""

    lease_id: str
    status: Status
    attempt: int = 1
    previous: int | None = None
    lease_owner: str | None = None
    usage: Amounts = {}
    spent: bool = False


class NodeFailed(Event, frozen=True, omit_defaults=True):
    """An attempt came to nothing: its holder gave it up, or its time or its last lease was over.

    The node is FAILED, or PENDING: then it is tried again, `not_before` that moment (Unix
    milliseconds). `satisfies`: its dependents no longer wait for it. Payload: the error.
    """

    lease_id: str
    status: Status
    attempt: int = 1
    previous: int | None = None
    lease_owner: str | None = None
    how: HowFailed = "failed"
    kind: str | None = None
    not_before: int | None = None
    satisfies: bool = False
    usage: Amounts = {}
    spent: bool = False


class NodeReleased(Event, frozen=True, omit_defaults=True):
    """The holder gave the node back without blame. Payload: the reason, where there is one."""

    lease_id: str
    status: Status
    attempt: int = 1
    previous: int | None = None
    lease_owner: str | None = None
    not_before: int | None = None


class LeaseRevoked(Event, frozen=True, omit_defaults=True):
    """The lease was taken away, because its task is being cancelled."""

    lease_id: str
    lease_owner: str
    lease_expires_at: int
    status: Status
    attempt: int = 1
    previous: int | None = None
