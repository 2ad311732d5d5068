"""The journal's vocabulary: one frozen Struct per fact, in the past tense.

The rule this file keeps: the class names and field names are the storage format. An event records
the outcome (the new status, the lease, when it ends), never an intention that has to be worked out
again. A change of fields raises the class's `schema` and keeps a class for the old one in `EVENTS`,
so that old journals stay readable.

Times are Unix milliseconds. The task, the node, the moment and the user's payload are the record's
own columns (`journal.Recorded`), so they are not repeated here.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, get_args

from msgspec import Struct

Status = Literal["PENDING", "RUNNING", "COMPLETED", "FAILED"]

STATUSES: tuple[Status, ...] = get_args(Status)

OnFailure = Literal["block", "continue"]
HowFailed = Literal["failed", "timed_out", "expired"]
StateOfTask = Literal["ACTIVE", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"]

Amount = int | float
Amounts = Mapping[str, Amount]
"""By unit: what was used, or what may be."""


class Event(Struct, frozen=True):
    """A recorded fact. `schema` is the version of its fields."""

    schema: ClassVar[int] = 1


class Retry(Struct, frozen=True, omit_defaults=True):
    """How often a node may be tried, and after which pauses; None is what `decide` takes then."""

    max_attempts: int | None = None
    backoff_secs: float | None = None
    factor: float | None = None
    max_backoff_secs: float | None = None
    jitter: float | None = None
    on_expiry: bool | None = None


class NodeSettings(Struct, frozen=True, omit_defaults=True):
    """How a node is handed out, and what becomes of it when it fails; its task's defaults are in.

    `not_before` is the moment that it was registered with, in Unix milliseconds.
    """

    priority: int = 0
    retry: Retry | None = None
    lease_ms: int | None = None
    timeout_ms: int | None = None
    not_before: int | None = None
    on_failure: OnFailure | None = None


class TaskRegistered(Event, frozen=True, omit_defaults=True):
    """A task began. Payload: the task's `context`.

    `warnings` is what its registrant was told, `node_defaults` what its nodes have where they say
    nothing, `spent` says that its budget is reached already. They and all behind them came later
    and are left out where there is nothing to say, so records without them are what they always
    were.
    """

    goal: str
    node_count: int
    warnings: tuple[str, ...] = ()
    node_defaults: NodeSettings | None = None
    parent_task_id: str | None = None
    labels: Mapping[str, str] = {}
    budget: Amounts | None = None
    spent: bool = False
    paused: bool = False
    timeout_at: int | None = None
    dedupe_key: str | None = None


class NodeAdded(Event, frozen=True, omit_defaults=True):
    """A node joined its task; `position` is its place, from 0. Payload: its `payload_schema`."""

    position: int
    dependencies: tuple[str, ...]
    waiting_on: int
    status: Status
    name: str | None = None
    settings: NodeSettings | None = None


class NodeAcquired(Event, frozen=True, omit_defaults=True):
    """An owner got the right to work on the node until `lease_expires_at`.

    A heartbeat extends it by `lease_ms`, where that is not the daemon's own, and never beyond
    `deadline_at`. Records of old say nothing of `attempt`: the reducer counts. `usage` is what the
    node had used by then.
    """

    lease_id: str
    lease_owner: str
    lease_expires_at: int
    status: Status
    attempt: int = 1
    deadline_at: int | None = None
    lease_ms: int | None = None
    usage: Amounts = {}


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


class EventCommitted(Event, frozen=True, omit_defaults=True):
    """An agent noted something about the node. Payload: the agent's.

    `usage` is what was used besides what was told before; `spent`: it made the task reach its
    budget. So too in the ends of nodes.
    """

    action_type: str
    usage: Amounts = {}
    spent: bool = False


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


class NodeRetried(Event, frozen=True, omit_defaults=True):
    """A node that had FAILED may be tried again; its attempts count anew.

    `satisfied`: its dependents had not waited for it, and do so again. `number` is its place among
    the nodes that one request revived, from 1.
    """

    status: Status
    satisfied: bool = False
    number: int = 1
    reason: str | None = None
    by: str | None = None


class NodeDue(Event, frozen=True):
    """The moment that the node waited for has come."""


class LeaseRevoked(Event, frozen=True, omit_defaults=True):
    """The lease was taken away, because its task is being cancelled."""

    lease_id: str
    lease_owner: str
    lease_expires_at: int
    status: Status
    attempt: int = 1
    previous: int | None = None


class TaskCancelled(Event, frozen=True, omit_defaults=True):
    """Nothing of the task is handed out any more, and nothing of it is anybody's.

    `descendants` were cancelled with it; of one of those `ancestor` is the task that was meant.
    """

    reason: str | None = None
    by: str | None = None
    descendants: tuple[str, ...] = ()
    ancestor: str | None = None


class TaskPaused(Event, frozen=True, omit_defaults=True):
    """Nothing of the task is handed out until it is resumed."""

    reason: str | None = None
    by: str | None = None


class TaskResumed(Event, frozen=True, omit_defaults=True):
    """The task goes on."""

    reason: str | None = None
    by: str | None = None


class BudgetSet(Event, frozen=True, omit_defaults=True):
    """The task has another budget, or none. `spent`: it is reached already."""

    budget: Amounts | None = None
    spent: bool = False


EVENTS: tuple[type[Event], ...] = (
    TaskRegistered,
    NodeAdded,
    NodeAcquired,
    LeaseExtended,
    LeaseExpired,
    EventCommitted,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    NodeDue,
    LeaseRevoked,
    TaskCancelled,
    TaskPaused,
    TaskResumed,
    BudgetSet,
)
"""Every kind that a journal may hold, by name and schema version."""

TOLD: tuple[type[Event], ...] = (EventCommitted, NodeCompleted, NodeFailed)
"""What agents committed and how nodes ended: what a node's context shows of the journal."""

HIDDEN: tuple[type[Event], ...] = (LeaseExtended, NodeDue)
"""What no view of a task's events shows."""

MAKES_WORK: tuple[type[Event], ...] = (
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    NodeDue,
    LeaseExpired,
    TaskResumed,
    TaskCancelled,
    BudgetSet,
)
"""What there may be work behind, or the end of all work: those who wait for some look again."""

Ending = LeaseExpired | LeaseRevoked | NodeCompleted | NodeFailed | NodeReleased
"""How an attempt ended."""
