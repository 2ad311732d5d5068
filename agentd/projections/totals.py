"""The `totals` table: one row that counts the whole database, so that Metrics never scans."""

from msgspec import Struct

from agentd.events import EVENTS, TaskRegistered
from agentd.journal import Recorded
from agentd.projections.base import Dependents, Key, Projection
from agentd.projections.counts import DELTAS, NONE

SCOPE = "database"


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


EMPTY = TotalsRow(SCOPE, 0, 0, 0, 0, 0, 0)


def keys(_recorded: Recorded, _dependents: Dependents) -> tuple[Key]:
    """Every event concerns the totals."""
    return ((SCOPE,),)


def reduce(row: TotalsRow | None, recorded: Recorded, _key: Key) -> TotalsRow:
    """Fold one event into the totals."""
    row = row or EMPTY
    delta = DELTAS.get(type(recorded.event), NONE)
    return TotalsRow(
        SCOPE,
        row.events + 1,
        row.tasks + (type(recorded.event) is TaskRegistered),
        row.pending + delta.pending,
        row.running + delta.running,
        row.completed + delta.completed,
        row.failed + delta.failed,
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
