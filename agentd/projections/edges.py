"""The `edges` table: who waits for whom, read from the dependency's side."""

from msgspec import Struct

from agentd.events import NodeAdded
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables


class EdgeRow(Struct, frozen=True):
    """`node_id` depends on `dependency_id`."""

    dependency_id: str
    node_id: str


def keys(recorded: Recorded, _tables: Tables) -> list[Key]:
    """A new node brings its edges with it; they never change."""
    if not isinstance(recorded.event, NodeAdded) or recorded.node_id is None:
        return []
    return [(dependency, recorded.node_id) for dependency in recorded.event.dependencies]


def reduce(_row: EdgeRow | None, _recorded: Recorded, key: Key) -> EdgeRow:
    """An edge is its key."""
    dependency_id, node_id = key
    return EdgeRow(dependency_id, node_id)


EDGES = Projection(
    name="edges",
    row=EdgeRow,
    key=("dependency_id", "node_id"),
    fixed=("dependency_id", "node_id"),
    kinds=(NodeAdded,),
    keys=keys,
    reduce=reduce,
)
