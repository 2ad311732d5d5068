"""The `edges` table: who waits for whom, read from the dependency's side."""

from msgspec import Struct

from agentd.events import DependenciesAdded, NodeAdded
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables


class EdgeRow(Struct, frozen=True):
    """`node_id` depends on `dependency_id`."""

    dependency_id: str
    node_id: str


def keys(recorded: Recorded, _tables: Tables) -> list[Key]:
    """A node brings its edges with it; later it may get more, and none ever goes."""
    event, node_id = recorded.event, recorded.node_id
    if not isinstance(event, NodeAdded | DependenciesAdded) or node_id is None:
        return []
    return [(dependency, node_id) for dependency in event.dependencies]


def reduce(_row: EdgeRow | None, _recorded: Recorded, key: Key) -> EdgeRow:
    """An edge is its key."""
    dependency_id, node_id = key
    return EdgeRow(dependency_id, node_id)


EDGES = Projection(
    name="edges",
    row=EdgeRow,
    key=("dependency_id", "node_id"),
    fixed=("dependency_id", "node_id"),
    kinds=(NodeAdded, DependenciesAdded),
    keys=keys,
    reduce=reduce,
)
