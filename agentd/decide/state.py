"""The states that commands decide on: a task, or one of its nodes.

The rule this file keeps: what does not exist, or is cancelled, is refused here, in the same words
for every command.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from msgspec import Struct

from agentd.api import NodeParams
from agentd.errors import IllegalTransition, NodeNotFound, TaskIsCancelled, TaskNotFound
from agentd.events import Amounts, Status, TaskCancelled
from agentd.lifecycle import step
from agentd.projections import NodeRow, TaskStateRow


class Ledger(Struct, frozen=True):
    """What a task has used by unit, and its budget, None where it has none."""

    used: Amounts
    budget: Amounts | None


class TaskState(Struct, frozen=True):
    """The state of a task with the leases that ran out and its first runnable node.

    Where it hands out none, whatever is ready is not even looked for. `usage` is that of the nodes
    that may be handed out, by id, where some was told.
    """

    task_id: str
    version: int
    task: TaskStateRow | None
    expired: Sequence[NodeRow] = ()
    runnable: NodeRow | None = None
    hands_out: bool = True
    usage: Mapping[str, Amounts] = {}
    result_seq: ClassVar[int] = 0


class NodeState(Struct, frozen=True):
    """The state of a task and one of its nodes, None where the task has no such node.

    `cancelled` is how the task was cancelled, if it was; `ledger` what it has used, where the
    command tells more of that.
    """

    task_id: str
    version: int
    task: TaskStateRow | None
    node: NodeRow | None
    cancelled: TaskCancelled | None = None
    ledger: Ledger | None = None

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


def cancelled_refusal(task_id: str, cancelled: TaskCancelled) -> TaskIsCancelled:
    """The refusal that names the task, who cancelled it, and why."""
    by = f" by {cancelled.by}" if cancelled.by else ""
    why = f": {cancelled.reason}" if cancelled.reason else ""
    above = f", with task {cancelled.ancestor}" if cancelled.ancestor else ""
    return TaskIsCancelled(
        f"task {task_id} was cancelled{by}{above}{why}",
        task_id=task_id,
        reason=cancelled.reason,
        by=cancelled.by,
    )


def next_status(node: NodeRow, trigger: str) -> Status:
    """The node's status after the edge. Raises `IllegalTransition` that names the node."""
    try:
        return step(node.status, trigger)
    except IllegalTransition as refusal:
        raise IllegalTransition(
            f"node {node.node_id}: {refusal.message}", node_id=node.node_id, **refusal.data
        ) from None
