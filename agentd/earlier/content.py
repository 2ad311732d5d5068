"""What the earlier agentd left, as this one takes it over.

The rule this file keeps: times are Unix milliseconds, JSON is the bytes that were there, and what
was live is live here: a lease, a lock, until the same moment.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from agentd.events import Status


class Lease(Struct, frozen=True):
    """A node's, that has not run out."""

    lease_id: str
    owner: str
    acquired_at: int
    expires_at: int


class Node(Struct, frozen=True):
    """One node. A `result`, or error, has one that ended; that was at `updated_at`."""

    node_id: str
    dependencies: tuple[str, ...]
    payload_schema: bytes
    status: Status
    result: bytes | None
    updated_at: int
    lease: Lease | None


class Event(Struct, frozen=True):
    """What was noted about a node."""

    event_id: str
    node_id: str
    action_type: str
    payload: bytes
    noted_at: int


class Remarks(Struct):
    """What is not here as it was there: how many leases had run out, and what was odd."""

    run_out: int = 0
    odd: list[str] = []


class Task(Struct, frozen=True):
    """One task with its nodes in their order. `events` are read as they are taken, once."""

    task_id: str
    goal: str
    context: bytes
    created_at: int
    nodes: Sequence[Node]
    events: Iterator[Event]
    remarks: Remarks

    @property
    def source(self) -> str:
        """The name that the task's record has for where it came from."""
        return f"earlier agentd, task {self.task_id}"


class Lock(Struct, frozen=True):
    """A resource lock that has not run out; `node_id` is what was said, and need not be one."""

    key: str
    lease_id: str
    owner: str
    provider: str | None
    task_id: str | None
    node_id: str | None
    metadata: bytes
    acquired_at: int
    updated_at: int
    expires_at: int


class Locks(Struct, frozen=True):
    """The locks that are held, in the order in which they were taken."""

    held: Sequence[Lock]
    remarks: Remarks
