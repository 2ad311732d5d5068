"""The tables that are folded from the journal. They can be thrown away and refolded at any time."""

from collections.abc import Iterable
from typing import Any, Protocol

from msgspec import Struct

from agentd.events import EVENTS
from agentd.journal import Recorded
from agentd.projections.base import Dependents, Key, Projection
from agentd.projections.edges import EDGES, EdgeRow
from agentd.projections.nodes import NODES, NodeRow, is_runnable
from agentd.projections.rank import priority_of, with_strikes
from agentd.projections.task_states import TASK_STATES, TaskStateRow
from agentd.projections.tasks import TASKS, TaskRow
from agentd.projections.totals import TOTALS, TotalsRow
from agentd.projections.usage import USAGE, UsageRow

PROJECTIONS: tuple[Projection, ...] = (TASKS, NODES, EDGES, TASK_STATES, TOTALS, USAGE)

_PROJECTIONS_BY_EVENT = {kind: tuple(p for p in PROJECTIONS if kind in p.kinds) for kind in EVENTS}


class Tables(Protocol):
    """What folding needs of a store."""

    def get(self, projection: Projection, key: Key) -> Any:
        """The row of that key, or None."""

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """Write a row, or remove it when it is None."""

    def dependents(self, node_id: str) -> Iterable[str]:
        """The nodes that depend on this one."""


def project(tables: Tables, recorded: Recorded) -> None:
    """Fold one record into every row that it concerns."""
    for projection in _PROJECTIONS_BY_EVENT[type(recorded.event)]:
        for key in projection.keys(recorded, tables.dependents):
            row = projection.reduce(tables.get(projection, key), recorded, key)
            tables.put(projection, key, row)


__all__ = [
    "EDGES",
    "NODES",
    "PROJECTIONS",
    "TASKS",
    "TASK_STATES",
    "TOTALS",
    "USAGE",
    "Dependents",
    "EdgeRow",
    "Key",
    "NodeRow",
    "Projection",
    "Tables",
    "TaskRow",
    "TaskStateRow",
    "TotalsRow",
    "UsageRow",
    "is_runnable",
    "priority_of",
    "project",
    "with_strikes",
]
