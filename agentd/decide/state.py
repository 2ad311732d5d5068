"""The states that commands decide on: a task, or one of its nodes.

The rule this file keeps: what does not exist is refused here, in the same words for every command.
"""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from agentd.api import NodeParams
from agentd.errors import IllegalTransition, NodeNotFound, TaskNotFound
from agentd.events import Status
from agentd.lifecycle import step
from agentd.projections import NodeRow, TaskRow


class TaskState(Struct, frozen=True):
    """The state of a task with the leases that ran out and its first runnable node."""

    task_id: str
    version: int
    task: TaskRow | None
    expired: Sequence[NodeRow] = ()
    runnable: NodeRow | None = None
    result_seq: ClassVar[int] = 0


class NodeState(Struct, frozen=True):
    """The state of a task and one of its nodes, None where the task has no such node."""

    task_id: str
    version: int
    task: TaskRow | None
    node: NodeRow | None

    @property
    def result_seq(self) -> int:
        """The journal's place of the node's result, which answers what was done before; or 0."""
        return (self.node.result_seq or 0) if self.node else 0


def require_task(state: TaskState | NodeState) -> None:
    """Raise `TaskNotFound` where there is no such task."""
    if state.task is None:
        raise TaskNotFound.of(state.task_id)


def require_node(state: NodeState, params: NodeParams) -> NodeRow:
    """The node. Raises `TaskNotFound` or `NodeNotFound`."""
    require_task(state)
    if state.node is None:
        raise NodeNotFound(
            f"task {state.task_id} has no node {params.node_id}: TaskStatus lists its nodes",
            task_id=state.task_id,
            node_id=params.node_id,
        )
    return state.node


def next_status(node: NodeRow, trigger: str) -> Status:
    """The node's status after the edge. Raises `IllegalTransition` that names the node."""
    try:
        return step(node.status, trigger)
    except IllegalTransition as refusal:
        raise IllegalTransition(
            f"node {node.node_id}: {refusal.message}", node_id=node.node_id, **refusal.data
        ) from None
