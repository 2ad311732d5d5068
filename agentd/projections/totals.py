"""The `totals` table: one row that counts the whole database, so that Metrics never scans."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from agentd.events import (
    EVENTS,
    Event,
    LeaseExpired,
    LeaseRevoked,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    Status,
    TaskRegistered,
)
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables

SCOPE = "database"


class Delta(NamedTuple):
    """How many nodes more (or fewer) an event leaves in each status."""

    pending: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0


NO_CHANGE = Delta()

DELTAS: Mapping[type[Event], Delta] = {
    NodeAdded: Delta(pending=1),
    NodeAcquired: Delta(pending=-1, running=1),
    LeaseExpired: Delta(pending=1, running=-1),
    NodeCompleted: Delta(running=-1, completed=1),
    NodeFailed: Delta(running=-1, failed=1),
    NodeReleased: Delta(pending=1, running=-1),
    NodeRetried: Delta(pending=1, failed=-1),
    LeaseRevoked: Delta(pending=1, running=-1),
}

_TRIED_AGAIN = Delta(pending=1, running=-1)

_ADDED_AS: Mapping[Status, Delta] = {
    "COMPLETED": Delta(completed=1),
    "FAILED": Delta(failed=1),
    "RUNNING": Delta(running=1),
}


def delta_of(event: Event) -> Delta:
    """What this event changes; a failure that is tried again leaves its node PENDING.

    A node may be added as one that has ended.
    """
    if type(event) is NodeFailed and event.status == "PENDING":
        return _TRIED_AGAIN
    if type(event) is NodeAdded and event.status != "PENDING":
        return _ADDED_AS[event.status]
    return DELTAS.get(type(event), NO_CHANGE)


class TotalsRow(Struct, frozen=True):
    """The counts of the database: events, tasks, and nodes by status."""

    scope: str
    events: int
    tasks: int
    pending: int
    running: int
    completed: int
    failed: int

    @property
    def nodes(self) -> int:
        """All nodes, whatever their status."""
        return self.pending + self.running + self.completed + self.failed


EMPTY_TOTALS = TotalsRow(SCOPE, 0, 0, 0, 0, 0, 0)


def keys(_recorded: Recorded, _tables: Tables) -> tuple[Key]:
    """Every event concerns the totals."""
    return ((SCOPE,),)


def reduce(row: TotalsRow | None, recorded: Recorded, _key: Key) -> TotalsRow:
    """Fold one event into the totals."""
    return add_all(row, (recorded,))


def add_all(row: TotalsRow | None, records: Sequence[Recorded]) -> TotalsRow:
    """Fold events into the totals, all at once."""
    row = row or EMPTY_TOTALS
    tasks = pending = running = completed = failed = 0
    for recorded in records:
        kind = type(recorded.event)
        if kind is TaskRegistered:
            tasks += 1
        elif kind in DELTAS:
            delta = delta_of(recorded.event)
            pending += delta.pending
            running += delta.running
            completed += delta.completed
            failed += delta.failed
    return TotalsRow(
        SCOPE,
        row.events + len(records),
        row.tasks + tasks,
        row.pending + pending,
        row.running + running,
        row.completed + completed,
        row.failed + failed,
    )


TOTALS = Projection(
    name="totals",
    row=TotalsRow,
    key=("scope",),
    fixed=("scope",),
    kinds=EVENTS,
    keys=keys,
    reduce=reduce,
)
