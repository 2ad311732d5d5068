"""RegisterTask."""

import msgspec

from agentd import decide, queries
from agentd.api import RegisterTaskParams, RegisterTaskResult
from agentd.decide import Context, Registration
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.store import Reader


def _load_registration(
    reader: Reader, params: RegisterTaskParams, context: Context
) -> Registration:
    chosen = [spec.id for spec in params.initial_nodes if spec.id is not None]
    node_ids = [spec.id or context.new_id() for spec in params.initial_nodes]
    return Registration(context.new_id(), node_ids, reader.existing_nodes(chosen))


def _show_registration(reader: Reader, recorded: Recorded, _context: Context) -> RegisterTaskResult:
    task_id = recorded.task_id
    node_ids = [node.node_id for node in reader.nodes(task_id)]
    warnings = queries.registration_warnings(reader, task_id)
    return RegisterTaskResult(task_id, node_ids, list(warnings) or msgspec.UNSET)


REGISTER_TASK = Command(_load_registration, decide.register_task, _show_registration)
