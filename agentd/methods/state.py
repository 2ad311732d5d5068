"""How the state is loaded that most commands decide on: that of a task, or of one of its nodes."""

from msgspec.structs import replace

from agentd import queries
from agentd.api import (
    CommitEventParams,
    CompleteNodeParams,
    FailNodeParams,
    NodeParams,
    TaskParams,
)
from agentd.decide import Context, Ledger, NodeState, TaskState
from agentd.projections import NodeRow, TaskStateRow
from agentd.store import Reader


def load_task(reader: Reader, params: TaskParams, context: Context) -> TaskState:
    """The task with the leases that ran out and, if it hands out any, its first runnable node."""
    task_id = params.task_id
    state = queries.find_state_row(reader, task_id)
    if state is None:
        return TaskState(task_id, 0, None)
    expired = reader.expired_leases(context.honoured_until, context.now, task_id)
    version = reader.head(task_id).version
    if not state.hands_out:
        return TaskState(task_id, version, state, expired, hands_out=False)
    runnable = reader.next_runnable(task_id)
    if not state.has_usage:
        return TaskState(task_id, version, state, expired, runnable)
    usage = _usage_of_nodes(reader, state, [*expired, *([runnable] if runnable else [])])
    return TaskState(task_id, version, state, expired, runnable, usage=usage)


def load_node(reader: Reader, params: NodeParams, _context: Context) -> NodeState:
    """The task and the node, as far as they are there."""
    task_id = params.task_id
    state = queries.find_state_row(reader, task_id)
    node = queries.node_row(reader, task_id, params.node_id)
    version = reader.head(task_id).version
    if state is None or state.cancelled_seq is None:
        return NodeState(task_id, version, state, node)
    return NodeState(task_id, version, state, node, queries.cancellation(reader, state))


def load_node_to_charge(
    reader: Reader,
    params: CommitEventParams | CompleteNodeParams | FailNodeParams,
    context: Context,
) -> NodeState:
    """The same, and what the task has used where more of that is told."""
    found = load_node(reader, params, context)
    if not params.usage or found.task is None:
        return found
    return replace(found, ledger=load_ledger(reader, found.task))


def load_ledger(reader: Reader, state: TaskStateRow) -> Ledger:
    """What the task has used, and its budget."""
    return Ledger(queries.usage_of_task(reader, state), queries.budget_of(reader, state))


def _usage_of_nodes(
    reader: Reader, state: TaskStateRow, nodes: list[NodeRow]
) -> dict[str, dict[str, int | float]]:
    return {
        node.node_id: dict(queries.usage_of_node(reader, state, node.node_id)) for node in nodes
    }
