"""How the state is loaded that most commands decide on: that of a task, or of one of its nodes."""

from collections.abc import Iterable

from agentd import queries
from agentd.api import MOST_SHOWN, LeaseParams, NodeParams, TaskParams
from agentd.decide import Context, KnownNode, NodeState, TaskState
from agentd.projections import NODES, NodeRow
from agentd.store import Reader

MOST_DUE = 1_000
"""Nodes whose moment has come that one command tells of."""


def load_task(reader: Reader, params: TaskParams, context: Context) -> TaskState:
    """The task with what is due in it."""
    task_id = params.task_id
    task = queries.task_row(reader, task_id)
    if task is None:
        return TaskState(task_id, 0, None)
    expired, due = load_due(reader, task_id, context)
    return TaskState(task_id, reader.head(task_id).version, task, expired, due=due)


def load_due(
    reader: Reader, task_id: str, context: Context
) -> tuple[list[KnownNode], list[NodeRow]]:
    """The task's leases that ran out, and its nodes whose moment has come."""
    expired = reader.expired_leases(context.honoured_until, context.now, task_id)
    due = reader.due_nodes(context.now, MOST_DUE, task_id)
    return [_held_node(reader, row) for row in expired], due


def known_node(reader: Reader, row: NodeRow) -> KnownNode:
    """The node with its settings."""
    plain = row.settings_seq is None
    return KnownNode(row) if plain else KnownNode(row, queries.node_settings(reader, row))


def _held_node(reader: Reader, row: NodeRow) -> KnownNode:
    if row.settings_seq is None:
        return KnownNode(row)
    settings = queries.node_settings(reader, row)
    attempts = queries.ended_attempts(reader, row, MOST_SHOWN - 1)
    runs_on = settings.on_failure == "continue"
    dependents = _known_nodes(reader, reader.dependents(row.node_id)) if runs_on else []
    return KnownNode(row, settings, attempts, dependents)


def _known_nodes(reader: Reader, node_ids: Iterable[str]) -> list[KnownNode]:
    rows: list[NodeRow] = [reader.get(NODES, (node_id,)) for node_id in node_ids]
    return [known_node(reader, row) for row in rows]


def load_node(reader: Reader, params: NodeParams, _context: Context) -> NodeState:
    """The task and the node, as far as they are there."""
    task_id = params.task_id
    task = queries.task_row(reader, task_id)
    node = queries.node_row(reader, task_id, params.node_id)
    return NodeState(task_id, reader.head(task_id).version, task, node)


def load_ending(reader: Reader, params: LeaseParams, context: Context) -> NodeState:
    """The same, with the node's settings, and how the lease ended that asks, if it has."""
    state = load_node(reader, params, context)
    node = state.node
    if node is None or (node.settings_seq is None and node.lease_id == params.lease_id):
        return state
    has_ended = node.last_lease == params.lease_id and node.last_end_seq is not None
    last = reader.record_at(node.last_end_seq or 0).event if has_ended else None
    settings = queries.node_settings(reader, node)
    return NodeState(state.task_id, state.version, state.task, node, settings, last)
