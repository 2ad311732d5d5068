"""A task as it is, or as it was once.

The rule this file keeps: what the daemon says of that moment is all that is known; nothing of what
happened since stands beside it.
"""

from collections.abc import Mapping

from msgspec import UNSET, Struct

from agentd.api import NodeView, TaskStatusResult, TaskView
from agentd.client import AsyncClient
from agentd.live import NodeRow, TaskNodes
from agentd.live.node_row import row_of
from agentd.node_labels import labels_of
from agentd.states import FAILED, PENDING, RUNNABLE, State, node_states, state_of
from agentd.ui.lookout import Lookout


class TaskThen(Struct):
    """The same as `TaskNodes`, at one moment."""

    task: TaskView
    state: str
    counts: dict[str, int]
    usage: Mapping[str, int | float]
    budget: Mapping[str, int | float] | None
    nodes: dict[str, NodeRow]
    is_all: bool = True
    """Whether `nodes` has all of them."""


async def found_task(
    lookout: Lookout, task_id: str, at: int | str | None, first: int | None = None
) -> TaskNodes | TaskThen:
    """The task with all its nodes; of one not known yet so many of the `first` will do.

    Raises `TaskNotFound`, `InvalidParams`.
    """
    if at is not None:
        return await _task_at(lookout.client, task_id, at)
    if first is not None and not lookout.knows(task_id):
        begin = await _first_nodes(lookout.client, task_id, first)
        if not begin.is_all:
            return begin
    return await lookout.task(task_id)


async def _task_at(client: AsyncClient, task_id: str, at: int | str) -> TaskThen:
    status = await client.task_status(task_id, at=at)
    rows = [row_of(each) for each in status.nodes]
    states = node_states(rows)
    for row, node in zip(rows, status.nodes, strict=True):
        row.state = _unless_held(states[row.id], node)
    return _then(status, rows)


async def _first_nodes(client: AsyncClient, task_id: str, limit: int) -> TaskThen:
    status = await client.task_status(task_id, limit=limit)
    rows = []
    for each in status.nodes:
        row = row_of(each)
        row.state = node_state(each)
        rows.append(row)
    found = _then(status, rows)
    found.is_all = status.next is None
    return found


def node_state(node: NodeView) -> str:
    """The word for its state, from what the daemon says of the node alone."""
    return _unless_held(state_of(row_of(node), _states_waited_for(node)), node)


def _unless_held(state: State, node: NodeView) -> str:
    is_held = any(each in node.blocked_by for each in ("paused", "cancelled"))
    return PENDING.word if state is RUNNABLE and is_held else state.word


def _states_waited_for(node: NodeView) -> set[State]:
    """What it waits for, as far as the daemon says it of the node itself."""
    found = {FAILED} if "dependency_failed" in node.blocked_by else set()
    return found | ({PENDING} if "dependency" in node.blocked_by else set())


def _then(status: TaskStatusResult, rows: list[NodeRow]) -> TaskThen:
    labels = labels_of({row.id: row.name for row in rows})
    for row in rows:
        row.label = labels[row.id]
    return TaskThen(
        status.task,
        "" if status.state is UNSET else status.state,
        status.counts,
        status.usage,
        status.budget,
        {row.id: row for row in rows},
    )
