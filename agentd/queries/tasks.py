"""A task with its nodes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import UNSET

from agentd.api import (
    CauseKind,
    ForkOrigin,
    NodeView,
    TaskStatusParams,
    TaskStatusResult,
    TaskView,
    rfc3339,
)
from agentd.errors import TaskNotFound
from agentd.events import Amounts
from agentd.projections import TASKS, NodeRow, TaskRow, TaskStateRow
from agentd.queries.blocking import Blocking
from agentd.queries.counts import count_by_status
from agentd.queries.nodes import node_view
from agentd.queries.past import look_back
from agentd.queries.registration import registration_of
from agentd.queries.task_states import (
    budget_of,
    state_of_task,
    state_row,
    usage_of_node,
    usage_of_task,
)
from agentd.queries.values import payload_of
from agentd.store import Reader


def task_row(reader: Reader, task_id: str) -> TaskRow | None:
    """The task, or None."""
    row: TaskRow | None = reader.get(TASKS, (task_id,))
    return row


def require_task_row(reader: Reader, task_id: str) -> TaskRow:
    """The task that a client names. Raises `TaskNotFound`."""
    row = task_row(reader, task_id)
    if row is None:
        raise TaskNotFound.of(task_id)
    return row


def task_view(reader: Reader, row: TaskRow) -> TaskView:
    """A task as clients see it."""
    recorded, event = registration_of(reader, row)
    origin = event.forked_from
    return TaskView(
        row.task_id,
        event.goal,
        payload_of(recorded),
        rfc3339(row.created_at),
        row.parent_task_id or UNSET,
        dict(event.labels) or UNSET,
        UNSET if origin is None else ForkOrigin(origin.task_id, origin.seq),
        event.traceparent or UNSET,
        event.imported_from or UNSET,
    )


def task_status(reader: Reader, params: TaskStatusParams, now: int) -> TaskStatusResult:
    """A task, and those of its nodes that are asked for. Raises `TaskNotFound`."""
    status, nodes = read_status(reader, params, now)
    if params.has("nodes"):
        status.nodes = [view_of(reader, node) for node in nodes]
    return status


class NodeStatus(NamedTuple):
    """A node, what it has used, and why it is not runnable."""

    row: NodeRow
    usage: Amounts
    blocked_by: list[CauseKind]


def view_of(reader: Reader, node: NodeStatus) -> NodeView:
    """The node as clients see it."""
    view = node_view(reader, node.row, node.usage)
    view.blocked_by = node.blocked_by
    return view


def read_status(
    reader: Reader, params: TaskStatusParams, now: int
) -> tuple[TaskStatusResult, Iterator[NodeStatus]]:
    """The status without its nodes, and these. Raises `TaskNotFound`."""
    reader, now = look_back(reader, params.task_id, params.at, now)
    row = require_task_row(reader, params.task_id)
    state = state_row(reader, row.task_id)
    left_out: Any = UNSET
    asked = params.has("usage")
    last = _last_of_page(state, params)
    status = TaskStatusResult(
        task_view(reader, row),
        count_by_status(state) if params.has("counts") else left_out,
        left_out,
        state_of_task(reader, state),
        dict(usage_of_task(reader, state)) if asked else left_out,
        _as_dict(budget_of(reader, state)) if asked else left_out,
        last if params.has("nodes") else left_out,
    )
    return status, _nodes(reader, state, params, now) if params.has("nodes") else iter(())


def _nodes(
    reader: Reader, state: TaskStateRow, params: TaskStatusParams, now: int
) -> Iterator[NodeStatus]:
    blocking = Blocking(reader, state, now)
    for row in reader.nodes(state.task_id, _after(params), params.limit):
        usage = usage_of_node(reader, state, row.node_id)
        yield NodeStatus(row, usage, blocking.kinds(row))


def _last_of_page(state: TaskStateRow, params: TaskStatusParams) -> int | None:
    """The position of the last node on the page, where there are more: they are numbered from 0."""
    if params.limit is None:
        return None
    last = _after(params) + params.limit
    return last if last + 1 < state.nodes else None


def _after(params: TaskStatusParams) -> int:
    return -1 if params.after is None else params.after


def _as_dict(amounts: Amounts | None) -> dict[str, int | float] | None:
    return None if amounts is None else dict(amounts)
