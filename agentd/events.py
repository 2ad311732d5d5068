"""The journal's vocabulary: one frozen Struct per fact, in the past tense.

The rule this file keeps: the class names and field names are the storage format. An event records
the outcome (the new status, the lease, when it ends), never an intention that has to be worked out
again. A change of fields raises the class's `schema` and keeps a class for the old one in `EVENTS`,
so that old journals stay readable.

Times are Unix milliseconds. The task, the node, the moment and the user's payload are the record's
own columns (`journal.Recorded`), so they are not repeated here.
"""

from typing import ClassVar, Literal, get_args

from msgspec import Struct

Status = Literal["PENDING", "RUNNING", "COMPLETED", "FAILED"]

STATUSES: tuple[Status, ...] = get_args(Status)


class Event(Struct, frozen=True):
    """A recorded fact. `schema` is the version of its fields."""

    schema: ClassVar[int] = 1


class TaskRegistered(Event, frozen=True, omit_defaults=True):
    """A task began. Payload: the task's `context`.

    `warnings` is what its registrant was told. It came later and is left out where there is none,
    so records without it are what they always were.
    """

    goal: str
    node_count: int
    warnings: tuple[str, ...] = ()


class NodeAdded(Event, frozen=True):
    """A node joined its task; `position` is its place, from 0. Payload: its `payload_schema`."""

    position: int
    dependencies: tuple[str, ...]
    waiting_on: int
    status: Status


class NodeAcquired(Event, frozen=True):
    """An owner got the right to work on the node until `lease_expires_at`."""

    lease_id: str
    lease_owner: str
    lease_expires_at: int
    status: Status


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


class EventCommitted(Event, frozen=True):
    """An agent noted something about the node. Payload: the agent's."""

    action_type: str


class NodeCompleted(Event, frozen=True):
    """The holder of the lease finished the node. Payload: the result."""

    lease_id: str
    status: Status


class NodeFailed(Event, frozen=True):
    """The holder of the lease gave the node up. Payload: the error."""

    lease_id: str
    status: Status


EVENTS: tuple[type[Event], ...] = (
    TaskRegistered,
    NodeAdded,
    NodeAcquired,
    LeaseExtended,
    LeaseExpired,
    EventCommitted,
    NodeCompleted,
    NodeFailed,
)
"""Every kind that a journal may hold, by name and schema version."""

TOLD: tuple[type[Event], ...] = (EventCommitted, NodeCompleted, NodeFailed)
"""What agents committed and how nodes ended: what a node's context shows of the journal."""
