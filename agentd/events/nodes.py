"""What happens to a node, besides its leases."""

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from agentd.events.base import Amounts, Event, Status
from agentd.events.gates import Gate
from agentd.events.locks import LockMode

OnFailure = Literal["block", "continue"]


class Retry(Struct, frozen=True, omit_defaults=True):
    """How often a node may be tried, and after which pauses; None is what `decide` takes then."""

    max_attempts: int | None = None
    backoff_secs: float | None = None
    factor: float | None = None
    max_backoff_secs: float | None = None
    jitter: float | None = None
    on_expiry: bool | None = None


class LockOfNode(Struct, frozen=True, omit_defaults=True):
    """A lock that a node's lease holds."""

    key: str
    mode: LockMode = "exclusive"


class NodeSettings(Struct, frozen=True, omit_defaults=True):
    """How a node is handed out, and what becomes of it when it fails; its task's defaults are in.

    `not_before` is the moment that it was registered with, in Unix milliseconds. Whoever works on
    it must offer the labels that it `requires`, and takes a slot of each of its `limits`. Its lease
    holds its `locks`. A node with a `gate` is decided, and nobody works on it.
    """

    priority: int = 0
    retry: Retry | None = None
    lease_ms: int | None = None
    timeout_ms: int | None = None
    not_before: int | None = None
    on_failure: OnFailure | None = None
    requires: tuple[str, ...] | None = None
    limits: tuple[str, ...] | None = None
    gate: Gate | None = None
    locks: tuple[LockOfNode, ...] | None = None


class NodeAdded(Event, frozen=True, omit_defaults=True):
    """A node joined its task; `position` is its place there, from 0. Payload: `payload_schema`.

    `place` is its place among those of the same request, from 0, where the task was there already.
    A node that had ended in the task that its own was forked from did so in record `result_seq`.
    One that had ended elsewhere, before it was imported, brings its `result`, the user's JSON as it
    came in; there it changed last at `updated_at` (Unix milliseconds). `traceparent` is the span of
    whoever added it, where that is not the task's.
    """

    position: int
    dependencies: tuple[str, ...]
    waiting_on: int
    status: Status
    name: str | None = None
    settings: NodeSettings | None = None
    place: int | None = None
    result_seq: int | None = None
    traceparent: str | None = None
    result: Raw | UnsetType = UNSET
    updated_at: int | None = None


class DependenciesAdded(Event, frozen=True, omit_defaults=True):
    """A PENDING node depends on these as well: nodes that were added later.

    Those that were added before them are in the record `previous`. So many of these are
    `satisfied_already`: they were imported as nodes that have ended.
    """

    dependencies: tuple[str, ...]
    previous: int | None = None
    satisfied_already: int = 0


class NodeUpdated(Event, frozen=True, omit_defaults=True):
    """A node has these settings from now on; those before are in the record `previous`.

    `moves`: it waits for the moment that they say, and no more for another. `gate_timeout_at`: it
    is an open gate, and its time is over then.
    """

    settings: NodeSettings
    previous: int | None = None
    moves: bool = False
    gate_timeout_at: int | None = None


class NodeDue(Event, frozen=True):
    """The moment that the node waited for has come."""


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


class EventCommitted(Event, frozen=True, omit_defaults=True):
    """An agent noted something about the node. Payload: the agent's.

    `usage` is what was used besides what was told before; `spent`: it made the task reach its
    budget. So too in the ends of nodes. A `checkpoint` is what the next holder goes on from: that
    of this `attempt`, behind the node's one before it, at the seq `previous`. One that was imported
    was noted elsewhere, at `noted_at` (Unix milliseconds).
    """

    action_type: str
    usage: Amounts = {}
    spent: bool = False
    checkpoint: bool = False
    attempt: int = 0
    previous: int | None = None
    noted_at: int | None = None
