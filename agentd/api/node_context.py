"""What a worker is told about the node that it acquired."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from agentd.api.attempts import AttemptView
from agentd.api.checkpoints import NewestCheckpoint
from agentd.api.events import EventView
from agentd.api.nodes import NodeView
from agentd.api.tasks import TaskView
from agentd.api.types import Json, ResultId


class DependencyView(Struct):
    """What a dependency that ended left for its dependents."""

    node_id: ResultId
    result_payload: Json
    status: Annotated[
        Literal["FAILED"] | UnsetType,
        Meta(description="where it failed and its dependents run nevertheless"),
    ] = UNSET


class NodeContext(Struct):
    """All that a worker needs to know about the node it holds."""

    task: TaskView
    node: NodeView
    completed_dependencies: list[DependencyView]
    event_journal_limit: int
    event_journal: list[EventView]
    attempts: Annotated[
        list[AttemptView], Meta(description="how earlier ones ended, oldest first, the newest 20")
    ] = field(default_factory=list)
    checkpoint: NewestCheckpoint = None
