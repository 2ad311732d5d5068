"""RegisterTask."""

import msgspec

from agentd import decide, queries
from agentd.api import RegisterTaskParams, RegisterTaskResult
from agentd.decide import Context, Registration
from agentd.events import TaskCancelled
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.projections.task_states import ENDED
from agentd.store import Reader


def _load_registration(
    reader: Reader, params: RegisterTaskParams, context: Context
) -> Registration:
    chosen = [spec.id for spec in params.initial_nodes if spec.id is not None]
    node_ids = [spec.id or context.new_id() for spec in params.initial_nodes]
    taken, parent_id, key = reader.existing_nodes(chosen), params.parent_task_id, params.dedupe_key
    parent = None if parent_id is None else queries.task_row(reader, parent_id)
    return Registration(
        context.new_id(),
        node_ids,
        taken,
        result_seq=0 if key is None else _seq_of_bearer(reader, key),
        has_parent=parent is not None,
        parent_cancelled=None if parent is None else _cancellation(reader, parent.task_id),
    )


def _seq_of_bearer(reader: Reader, dedupe_key: str) -> int:
    """Where the newest task is registered that bears the key and goes on; 0 where there is none."""
    for task in reader.open_tasks(dedupe_key):
        if queries.state_of_task(reader, queries.state_row(reader, task.task_id)) not in ENDED:
            return task.registered_seq
    return 0


def _cancellation(reader: Reader, task_id: str) -> TaskCancelled | None:
    return queries.cancellation(reader, queries.state_row(reader, task_id))


def _show_registration(reader: Reader, recorded: Recorded, _context: Context) -> RegisterTaskResult:
    task_id = recorded.task_id
    node_ids = registered_nodes(reader, task_id)
    warnings = queries.registration_of_task(reader, task_id).warnings
    return RegisterTaskResult(task_id, node_ids, list(warnings) or msgspec.UNSET)


def _show_existing(
    reader: Reader, recorded: Recorded | None, _context: Context
) -> RegisterTaskResult:
    assert recorded is not None  # noqa: S101 - nothing is registered where another goes on
    task_id = recorded.task_id
    return RegisterTaskResult(task_id, registered_nodes(reader, task_id), existing=True)


def registered_nodes(reader: Reader, task_id: str) -> list[str]:
    """Those that the task began with, however many have been added since."""
    count = queries.registration_of_task(reader, task_id).node_count
    return [node.node_id for node in reader.nodes(task_id, limit=count)]


REGISTER_TASK = Command(
    _load_registration, decide.register_task, _show_registration, _show_existing
)
