"""RegisterTask: a new task and its nodes, all or nothing."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from agentd import graph
from agentd.api import EMPTY_OBJECT, RegisterTaskParams, or_default
from agentd.decide.context import Context
from agentd.events import NodeAdded, TaskRegistered
from agentd.journal import Draft


class Registration(Struct, frozen=True):
    """The state RegisterTask decides on: the new ids, and which of the nodes' are taken already."""

    task_id: str
    node_ids: Sequence[str]
    taken: Sequence[str]
    version: int = 0
    result_seq: ClassVar[int] = 0


def register_task(
    state: Registration, params: RegisterTaskParams, _context: Context
) -> list[Draft]:
    """A task and its nodes, if they form a graph of new nodes without a cycle."""
    nodes = list(zip(state.node_ids, params.initial_nodes, strict=True))
    graph.check(
        state.node_ids, {node_id: spec.dependencies for node_id, spec in nodes}, state.taken
    )
    drafts = [
        Draft(
            TaskRegistered(params.goal, len(nodes), params.warnings),
            payload=or_default(params.context, EMPTY_OBJECT),
        )
    ]
    for position, (node_id, spec) in enumerate(nodes):
        dependencies = tuple(spec.dependencies)
        event = NodeAdded(position, dependencies, len(dependencies), "PENDING")
        drafts.append(Draft(event, node_id, or_default(spec.payload_schema, EMPTY_OBJECT)))
    return drafts
