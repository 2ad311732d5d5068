"""What happens to a resource lock."""

from typing import Literal

from agentd.events.base import Event

LOCKS_STREAM = "locks"
"""What stands in the place of a task's id in the records of locks that no task has."""

LockMode = Literal["exclusive", "shared"]


class LockAcquired(Event, frozen=True, omit_defaults=True):
    """An owner got the right to use what the key names until `expires_at`. Payload: its metadata.

    With a `node_lease_id` the lock is bound to that lease, and ends with it, whenever that is. A
    lock of one of a node's own `locks` has that node's owner; `node_id` is what was said, and need
    not be one. A lock that was taken over is as old as `acquired_at`, and was extended last at
    `updated_at` (Unix milliseconds); it is `imported_from` that source.
    """

    key: str
    lease_id: str
    owner: str
    expires_at: int
    mode: LockMode = "exclusive"
    provider: str | None = None
    node_id: str | None = None
    node_lease_id: str | None = None
    acquired_at: int | None = None
    updated_at: int | None = None
    imported_from: str | None = None


class LockExtended(Event, frozen=True):
    """A heartbeat moved the end of the lock."""

    key: str
    lease_id: str
    expires_at: int


class LockReleased(Event, frozen=True):
    """Its holder gave the lock back."""

    key: str
    lease_id: str
    owner: str


class LockEnded(Event, frozen=True):
    """The lock ended with the lease of the node that it was bound to."""

    key: str
    lease_id: str
    owner: str


class LockExpired(Event, frozen=True):
    """The lock lived as long as it might."""

    key: str
    lease_id: str
    owner: str
