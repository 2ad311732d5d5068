"""The states that commands decide on: a task, or one of its nodes.

The rule this file keeps: what does not exist, or is cancelled, is refused here, in the same words
for every command.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from msgspec import Struct

from agentd.api import AttemptView
from agentd.causes import LimitState
from agentd.errors import IllegalTransition, NodeNotFound, TaskIsCancelled, TaskNotFound
from agentd.events import Amounts, Event, NodeSettings, Status, TaskCancelled
from agentd.lifecycle import step
from agentd.projections import NodeRow, TaskRow, TaskStateRow


class Ledger(Struct, frozen=True):
    """What a task has used by unit, and its budget, None where it has none."""

    used: Amounts
    budget: Amounts | None


class KnownNode(Struct, frozen=True):
    """A node with its settings, and how its newest attempts ended, oldest first.

    A node without settings needs neither to be judged, so neither is looked up.
    """

    row: NodeRow
    settings: NodeSettings = NodeSettings()
    attempts: Sequence[AttemptView] = ()


class NamedNode(Struct, frozen=True):
    """What was asked for by an id or a name, and the node that this is, if any."""

    name: str
    row: NodeRow | None


class TaskState(Struct, frozen=True):
    """The state of a task with what is due in it.

    `expired` are its leases that ran out, `due` its nodes whose moment has come.
    """

    task_id: str
    version: int
    task: TaskStateRow | None
    expired: Sequence[KnownNode] = ()
    due: Sequence[NodeRow] = ()
    result_seq: ClassVar[int] = 0


class LeaseState(Struct, frozen=True):
    """A node that may be handed out, and all that it depends on whether it is.

    The task is the one that is named, or else the node's; without an id where there is none. Where
    one node and no other is `wanted`, it is that. `limits` are those of which the node takes a
    slot, `used` is what it has used before.
    """

    task_id: str
    version: int
    task: TaskStateRow | None = None
    wanted: NamedNode | None = None
    node: KnownNode | None = None
    limits: Sequence[LimitState] = ()
    used: Amounts = {}
    result_seq: ClassVar[int] = 0


class NodeState(Struct, frozen=True):
    """The state of a task and one of its nodes, None where the task has no such node.

    `last_end` is how the newest attempt ended, where the lease that asks is the one it ended.
    `cancelled` is how the task was cancelled, if it was; `ledger` what it has used, where the
    command tells more of that. `wanted_next` is the task that is named for the next node, and the
    node, if it is one and no other.
    """

    task_id: str
    version: int
    task: TaskStateRow | None
    node: NodeRow | None
    settings: NodeSettings = NodeSettings()
    last_end: Event | None = None
    cancelled: TaskCancelled | None = None
    ledger: Ledger | None = None
    wanted_next: LeaseState | None = None

    @property
    def result_seq(self) -> int:
        """The journal's place of that ending, which answers what was done before; or 0."""
        return (self.node.last_end_seq or 0) if self.node else 0


class NodesState(Struct, frozen=True):
    """The state of nodes of any tasks, each with the lease that somebody believes in.

    `versions` says where the streams of their tasks end.
    """

    nodes: Sequence[tuple[NodeState, "HeldNode"]]
    versions: Mapping[str, int]
    task_id: ClassVar[str] = ""
    version: ClassVar[int] = 0
    result_seq: ClassVar[int] = 0


class HasTask(Protocol):
    """A state in which a task may be missing."""

    @property
    def task_id(self) -> str:
        """The id that was asked for; empty where any task would do, and there is none."""

    @property
    def task(self) -> TaskRow | TaskStateRow | None:
        """The task, or None."""


class NamesNode(Protocol):
    """Params that name a node."""

    @property
    def node_id(self) -> str | None:
        """Its id, or its name."""


class NodeOfTask(Protocol):
    """Whatever names a node and its task."""

    @property
    def task_id(self) -> str:
        """The id of the task."""

    @property
    def node_id(self) -> str:
        """Its id, or its name."""


class HeldNode(NodeOfTask, Protocol):
    """Whatever names a node and the lease that it is held under."""

    @property
    def lease_id(self) -> str:
        """The id of the lease."""


def require_task(state: HasTask) -> None:
    """Raise `TaskNotFound` where there is no such task."""
    if state.task is None and state.task_id:
        raise TaskNotFound.of(state.task_id)


def require_node(state: NodeState, params: NamesNode) -> NodeRow:
    """The node. Raises `TaskNotFound` or `NodeNotFound`."""
    require_task(state)
    return require_known(state.node, state.task_id, params.node_id or "")


def require_known(node: NodeRow | None, task_id: str, named: str) -> NodeRow:
    """The node. Raises `NodeNotFound` where there is none of that id or name."""
    if node is None:
        raise NodeNotFound.of(task_id, named)
    return node


def require_wanted(state: LeaseState) -> None:
    """Raise `TaskNotFound` or `NodeNotFound` where what is named is not there."""
    require_task(state)
    if state.wanted is not None:
        require_known(state.wanted.row, state.task_id, state.wanted.name)


def require_not_cancelled(task_id: str, cancelled: TaskCancelled | None) -> None:
    """Raise `TaskIsCancelled`, which names the task, who cancelled it and why, if somebody did."""
    if cancelled is None:
        return
    by = f" by {cancelled.by}" if cancelled.by else ""
    why = f": {cancelled.reason}" if cancelled.reason else ""
    above = f", with task {cancelled.ancestor}" if cancelled.ancestor else ""
    raise TaskIsCancelled(
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
