"""RegisterTask: a new task and its nodes, all or nothing."""

from collections.abc import Sequence

from msgspec import Struct

from agentd import graph
from agentd.api import EMPTY_OBJECT, RegisterTaskParams, or_default
from agentd.decide.context import Context
from agentd.decide.state import cancelled_refusal
from agentd.decide.usage import is_reached
from agentd.errors import TaskNotFound
from agentd.events import NodeAdded, TaskCancelled, TaskRegistered
from agentd.journal import Draft


class Registration(Struct, frozen=True):
    """The state RegisterTask decides on: the new ids, and which of the nodes' are taken already.

    `result_seq` points at the registration of a task that goes on and bears the same `dedupe_key`;
    0 where there is none. `has_parent`: the parent that is named is there; `parent_cancelled` says
    how that was cancelled, if it was.
    """

    task_id: str
    node_ids: Sequence[str]
    taken: Sequence[str]
    version: int = 0
    result_seq: int = 0
    has_parent: bool = False
    parent_cancelled: TaskCancelled | None = None


def register_task(state: Registration, params: RegisterTaskParams, context: Context) -> list[Draft]:
    """A task and its nodes, if they form a graph of new nodes without a cycle.

    Nothing where a task goes on that bears the same `dedupe_key`.
    """
    if state.result_seq:
        return []
    _require_parent(state, params)
    nodes = list(zip(state.node_ids, params.initial_nodes, strict=True))
    graph.check(
        state.node_ids, {node_id: spec.dependencies for node_id, spec in nodes}, state.taken
    )
    drafts = [
        Draft(
            _registered(params, len(nodes), context.now),
            payload=or_default(params.context, EMPTY_OBJECT),
        )
    ]
    for position, (node_id, spec) in enumerate(nodes):
        dependencies = tuple(spec.dependencies)
        event = NodeAdded(position, dependencies, len(dependencies), "PENDING")
        drafts.append(Draft(event, node_id, or_default(spec.payload_schema, EMPTY_OBJECT)))
    return drafts


def _require_parent(state: Registration, params: RegisterTaskParams) -> None:
    if params.parent_task_id is None:
        return
    if not state.has_parent:
        raise TaskNotFound.of(params.parent_task_id)
    if state.parent_cancelled is not None:
        raise cancelled_refusal(params.parent_task_id, state.parent_cancelled)


def _registered(params: RegisterTaskParams, nodes: int, now: int) -> TaskRegistered:
    timeout = params.timeout_secs
    return TaskRegistered(
        params.goal,
        nodes,
        params.warnings,
        params.parent_task_id,
        params.labels,
        params.budget,
        is_reached(params.budget, {}),
        params.paused,
        None if timeout is None else now + round(timeout * 1000),
        params.dedupe_key,
    )
