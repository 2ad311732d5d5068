"""How the state is loaded that most commands decide on: that of a task, or of one of its nodes."""

from agentd import queries
from agentd.api import NodeParams, TaskParams
from agentd.decide import Context, NodeState, TaskState
from agentd.store import Reader


def load_task(reader: Reader, params: TaskParams, context: Context) -> TaskState:
    """The task with the leases that ran out and its first runnable node."""
    task_id = params.task_id
    task = queries.task_row(reader, task_id)
    if task is None:
        return TaskState(task_id, 0, None)
    expired = reader.expired_leases(context.honoured_until, context.now, task_id)
    version = reader.head(task_id).version
    return TaskState(task_id, version, task, expired, reader.next_runnable(task_id))


def load_node(reader: Reader, params: NodeParams, _context: Context) -> NodeState:
    """The task and the node, as far as they are there."""
    task_id = params.task_id
    task = queries.task_row(reader, task_id)
    node = queries.node_row(reader, task_id, params.node_id)
    return NodeState(task_id, reader.head(task_id).version, task, node)
