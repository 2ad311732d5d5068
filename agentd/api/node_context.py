"""What a worker is told about the node that it acquired."""

from msgspec import Struct

from agentd.api.events import EventView
from agentd.api.nodes import NodeView
from agentd.api.tasks import TaskView
from agentd.api.types import Json, ResultId


class DependencyView(Struct):
    """What a completed dependency left for its dependents."""

    node_id: ResultId
    result_payload: Json


class NodeContext(Struct):
    """All that a worker needs to know about the node it holds."""

    task: TaskView
    node: NodeView
    completed_dependencies: list[DependencyView]
    event_journal_limit: int
    event_journal: list[EventView]
