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

StateOfTask = Literal["ACTIVE", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"]

Amount = int | float
Amounts = Mapping[str, Amount]
"""By unit: what was used, or what may be."""


class Event(Struct, frozen=True):
    """A recorded fact. `schema` is the version of its fields."""

    schema: ClassVar[int] = 1


class TaskRegistered(Event, frozen=True, omit_defaults=True):
    """A task began. Payload: the task's `context`.

    `warnings` is what its registrant was told, `spent` says that its budget is reached already.
    They and all behind them came later and are left out where there is nothing to say, so records
    without them are what they always were.
    """

    goal: str
    node_count: int
    warnings: tuple[str, ...] = ()
    parent_task_id: str | None = None
    labels: Mapping[str, str] = {}
    budget: Amounts | None = None
    spent: bool = False
    paused: bool = False
    timeout_at: int | None = None
    dedupe_key: str | None = None


class NodeAdded(Event, frozen=True):
    """A node joined its task; `position` is its place, from 0. Payload: its `payload_schema`."""

    position: int
    dependencies: tuple[str, ...]
    waiting_on: int
    status: Status


class NodeAcquired(Event, frozen=True, omit_defaults=True):
    """An owner got the right to work on the node until `lease_expires_at`.

    `usage` is what the node had used by then.
    """

    lease_id: str
    lease_owner: str
    lease_expires_at: int
    status: Status
    usage: Amounts = {}


class LeaseExtended(Event, frozen=True):
    """A heartbeat moved the end of the lease."""

    lease_id: str
    lease_expires_at: int


class LeaseExpired(Event, frozen=True):
    """The lease ran out and the node was rolled back."""

    lease_id: str
    lease_owner: str
    lease_expires_at: int
    status: Status


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
    usage: Amounts = {}
    spent: bool = False


class NodeFailed(Event, frozen=True, omit_defaults=True):
    """The holder of the lease gave the node up. Payload: the error."""

    lease_id: str
    status: Status
    usage: Amounts = {}
    spent: bool = False


class LeaseRevoked(Event, frozen=True):
    """The lease was taken away, because its task is being cancelled."""

    lease_id: str
    lease_owner: str
    lease_expires_at: int
    status: Status


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
    LeaseRevoked,
    TaskCancelled,
    TaskPaused,
    TaskResumed,
    BudgetSet,
)
"""Every kind that a journal may hold, by name and schema version."""

TOLD: tuple[type[Event], ...] = (EventCommitted, NodeCompleted, NodeFailed)
"""What agents committed and how nodes ended: what a node's context shows of the journal."""
