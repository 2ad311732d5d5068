"""A task with its nodes, and which tasks there are."""

from collections import Counter

from agentd.api import (
    ListTasksParams,
    ListTasksResult,
    TaskStatusResult,
    TaskSummary,
    TaskView,
    rfc3339,
)
from agentd.errors import JournalDamaged, TaskNotFound
from agentd.events import STATUSES
from agentd.projections import COUNTS, TASKS, CountsRow, TaskRow
from agentd.queries.counts import count_by_status
from agentd.queries.nodes import node_view
from agentd.queries.pages import take_page
from agentd.queries.registration import registration_of
from agentd.queries.values import payload_of
from agentd.store import Reader


def task_row(reader: Reader, task_id: str) -> TaskRow | None:
    """The task, or None."""
    row: TaskRow | None = reader.get(TASKS, (task_id,))
    return row


def task_status(reader: Reader, task_id: str) -> TaskStatusResult:
    """A task and all its nodes. Raises `TaskNotFound`."""
    row = task_row(reader, task_id)
    if row is None:
        raise TaskNotFound.of(task_id)
    nodes = [node_view(reader, node) for node in reader.nodes(task_id)]
    found = Counter(node.status for node in nodes)
    counts: dict[str, int] = {status: found[status] for status in STATUSES if found[status]}
    return TaskStatusResult(task_view(reader, row), counts, nodes)


def list_tasks(reader: Reader, params: ListTasksParams) -> ListTasksResult:
    """A page of the tasks."""
    limit = params.limit + 1  # one more, to see whether this page is the last
    if params.runnable:
        rows = reader.runnable_tasks(params.prefix, params.before or 0, limit)
    else:
        rows = reader.tasks(params.prefix, params.before, limit)
    page = take_page(
        ((row.registered_seq, _task_summary(reader, row)) for row in rows), params.limit
    )
    return ListTasksResult(page.entries, page.last if page.more else None)


def task_view(reader: Reader, row: TaskRow) -> TaskView:
    """A task as clients see it."""
    recorded, event = registration_of(reader, row)
    return TaskView(row.task_id, event.goal, payload_of(recorded), rfc3339(row.created_at))


def _task_summary(reader: Reader, row: TaskRow) -> TaskSummary:
    task = task_view(reader, row)
    counts: CountsRow | None = reader.get(COUNTS, (row.task_id,))
    if counts is None:
        raise JournalDamaged(f"the nodes of task {row.task_id} are not counted")
    runnable = reader.next_runnable(row.task_id) is not None
    return TaskSummary(task.id, task.goal, task.created_at, count_by_status(counts), runnable)
