"""How the state is loaded that most commands decide on: that of a task, or of one of its nodes."""

from msgspec.structs import replace

from agentd import queries
from agentd.api import (
    MOST_SHOWN,
    CommitEventParams,
    CompleteNodeParams,
    FailNodeParams,
    ReleaseNodeParams,
    TaskParams,
)
from agentd.decide import Context, KnownNode, Ledger, NodeOfTask, NodeState, TaskState
from agentd.projections import NodeRow, TaskStateRow
from agentd.store import Reader

MOST_DUE = 1_000
"""Nodes whose moment has come that one command tells of."""


def load_task(reader: Reader, params: TaskParams, context: Context) -> TaskState:
    """The task with what is due in it."""
    task_id = params.task_id
    state = queries.find_state_row(reader, task_id)
    if state is None:
        return TaskState(task_id, 0, None)
    ended = reader.expired_leases(context.honoured_until, context.now, task_id)
    expired = [_held_node(reader, row) for row in ended]
    due = reader.due_nodes(context.now, MOST_DUE, task_id)
    return TaskState(task_id, reader.head(task_id).version, state, expired, due)


def known_node(reader: Reader, row: NodeRow) -> KnownNode:
    """The node with its settings."""
    plain = row.settings_seq is None
    return KnownNode(row) if plain else KnownNode(row, queries.node_settings(reader, row))


def _held_node(reader: Reader, row: NodeRow) -> KnownNode:
    node = known_node(reader, row)
    if row.settings_seq is None:
        return node
    attempts = queries.ended_attempts(reader, row, MOST_SHOWN - 1)
    return replace(node, attempts=attempts)


def load_node(reader: Reader, named: NodeOfTask, _context: Context) -> NodeState:
    """The task and the node, as far as they are there."""
    task_id = named.task_id
    state = queries.find_state_row(reader, task_id)
    node = queries.node_row(reader, task_id, named.node_id)
    version = reader.head(task_id).version
    if state is None or state.cancelled_seq is None:
        return NodeState(task_id, version, state, node)
    return NodeState(task_id, version, state, node, cancelled=queries.cancellation(reader, state))


def load_ending(
    reader: Reader,
    params: CompleteNodeParams | FailNodeParams | ReleaseNodeParams,
    context: Context,
) -> NodeState:
    """The same, with the node's settings, and how the lease ended that asks, if it has."""
    if isinstance(params, ReleaseNodeParams):
        state = load_node(reader, params, context)
    else:
        state = load_node_to_charge(reader, params, context)
    node = state.node
    if node is None or (node.settings_seq is None and node.lease_id == params.lease_id):
        return state
    has_ended = node.last_lease == params.lease_id and node.last_end_seq is not None
    last = reader.record_at(node.last_end_seq or 0).event if has_ended else None
    return replace(state, settings=queries.node_settings(reader, node), last_end=last)


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
