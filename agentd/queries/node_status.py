"""One node, and how its attempts ended."""

from agentd.api import MOST_LISTED, NodeStatusParams, NodeStatusResult
from agentd.projections import is_ready
from agentd.queries.attempts import ended_attempts
from agentd.queries.blocking import Blocking
from agentd.queries.checkpoints import newest_checkpoint
from agentd.queries.nodes import node_view, require_node_row
from agentd.queries.past import look_back
from agentd.queries.task_states import require_state_row, usage_of_node
from agentd.store import Reader


def node_status(reader: Reader, params: NodeStatusParams, now: int) -> NodeStatusResult:
    """The node, and how its attempts ended. Raises `TaskNotFound` or `NodeNotFound`."""
    task_id = params.task_id
    reader, now = look_back(reader, task_id, params.at, now)
    task = require_state_row(reader, task_id)
    row = require_node_row(reader, task_id, params.node_id)
    view = node_view(reader, row, usage_of_node(reader, task, row.node_id))
    view.blocked_by = Blocking(reader, task, now).kinds(row)
    if row.locks_in_way and is_ready(row):
        view.blocked_by = [*view.blocked_by, "locked"]
    attempts = ended_attempts(reader, row, MOST_LISTED)
    return NodeStatusResult(view, attempts, newest_checkpoint(reader, row))
