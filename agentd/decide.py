"""What each command means: (state, params, context) -> the events that happen, or a refusal.

The rule this file keeps: every refusal is raised here, before anything is written, and a change of
status goes through `lifecycle.step`. Clock and ids come in with the context, so the same state,
params and context always give the same events. A repeated command gives no events.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from msgspec import Struct

from agentd import graph
from agentd.api import (
    EMPTY_OBJECT,
    NULL,
    AcquireNextNodeParams,
    CommitEventParams,
    CompleteNodeParams,
    FailNodeParams,
    HeartbeatNodeParams,
    NodeParams,
    RegisterTaskParams,
    RuntimeMetrics,
    or_default,
    rfc3339,
)
from agentd.errors import IllegalTransition, LeaseRequired, NodeNotFound, StaleLease, TaskNotFound
from agentd.events import (
    EventCommitted,
    LeaseExpired,
    LeaseExtended,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    Status,
    TaskRegistered,
)
from agentd.journal import Draft
from agentd.lifecycle import step
from agentd.projections import NodeRow, TaskRow


class Context(Struct, frozen=True):
    """What a method may know besides the state: the moment, new ids, the settings and the counters.

    `now` and `started_at` (the daemon's start) are Unix milliseconds. A lease that ended at or
    before `honoured` (Unix milliseconds) is still honoured, because the daemon was away when it ran
    out; 0 honours none.
    """

    now: int
    new_id: Callable[[], str]
    lease_ms: int
    event_limit: int
    runtime: RuntimeMetrics
    started_at: int = 0
    honoured: int = 0


class Registration(Struct, frozen=True):
    """The state RegisterTask decides on: the new ids, and which of the nodes' are taken already."""

    task_id: str
    node_ids: Sequence[str]
    taken: Sequence[str]
    version: int = 0
    result_seq: ClassVar[int] = 0


class TaskState(Struct, frozen=True):
    """The state of a task with the leases that ran out and its first runnable node."""

    task_id: str
    version: int
    task: TaskRow | None
    expired: Sequence[NodeRow] = ()
    runnable: NodeRow | None = None
    result_seq: ClassVar[int] = 0


class NodeState(Struct, frozen=True):
    """The state of a task and one of its nodes, None where the task has no such node."""

    task_id: str
    version: int
    task: TaskRow | None
    node: NodeRow | None

    @property
    def result_seq(self) -> int:
        """The journal's place of the node's result, which answers what was done before; or 0."""
        return (self.node.result_seq or 0) if self.node else 0


def register_task(
    state: Registration, params: RegisterTaskParams, _context: Context
) -> list[Draft]:
    """A task and its nodes, if they form a graph of new nodes without a cycle."""
    nodes = list(zip(state.node_ids, params.initial_nodes, strict=True))
    graph.check(
        state.node_ids, {node_id: spec.dependencies for node_id, spec in nodes}, state.taken
    )
    drafts = [
        Draft(
            TaskRegistered(params.goal, len(nodes), params.warnings),
            payload=or_default(params.context, EMPTY_OBJECT),
        )
    ]
    for position, (node_id, spec) in enumerate(nodes):
        dependencies = tuple(spec.dependencies)
        event = NodeAdded(position, dependencies, len(dependencies), "PENDING")
        drafts.append(Draft(event, node_id, or_default(spec.payload_schema, EMPTY_OBJECT)))
    return drafts


def acquire_next_node(
    state: TaskState, params: AcquireNextNodeParams, context: Context
) -> list[Draft]:
    """The rollbacks that are due, then a lease on the first runnable node, if there is one."""
    drafts = roll_back_expired(state, params, context)
    node = _first(state)
    if node is not None:
        status = step("PENDING", "acquire")
        lease = NodeAcquired(
            context.new_id(), params.lease_owner, context.now + context.lease_ms, status
        )
        drafts.append(Draft(lease, node.node_id))
    return drafts


def _first(state: TaskState) -> NodeRow | None:
    """What is rolled back was runnable before, so it is runnable again, in its old place."""
    if not state.expired:
        return state.runnable
    candidates = state.expired if state.runnable is None else (state.runnable, *state.expired)
    return min(candidates, key=lambda node: node.position)


def roll_back_expired(state: TaskState, _params: object, _context: Context) -> list[Draft]:
    """The end of every lease of the task that ran out."""
    _known_task(state)
    return [
        Draft(
            LeaseExpired(
                node.lease_id or "",
                node.lease_owner or "",
                node.lease_expires_at or 0,
                _step(node, "timeout_rollback"),
            ),
            node.node_id,
        )
        for node in state.expired
    ]


def commit_event(state: NodeState, params: CommitEventParams, _context: Context) -> list[Draft]:
    """A note about a node, by the holder of its lease while there is one."""
    node = _known_node(state, params)
    if params.lease_id is not None:
        _current_lease(node, params.lease_id)
    elif node.lease_id is not None:
        raise LeaseRequired(
            f"node {node.node_id} is {node.status}: send the lease_id that its holder acquired",
            node_id=node.node_id,
        )
    payload = or_default(params.payload, NULL)
    return [Draft(EventCommitted(params.action_type), node.node_id, payload)]


def heartbeat_node(state: NodeState, params: HeartbeatNodeParams, context: Context) -> list[Draft]:
    """A longer lease for its holder."""
    node = _known_node(state, params)
    _current_lease(node, params.lease_id)
    return [Draft(LeaseExtended(params.lease_id, context.now + context.lease_ms), node.node_id)]


def complete_node(state: NodeState, params: CompleteNodeParams, _context: Context) -> list[Draft]:
    """The node's end with a result; nothing when this very lease completed it before."""
    return _finish(state, params, "complete", NodeCompleted)


def fail_node(state: NodeState, params: FailNodeParams, _context: Context) -> list[Draft]:
    """The node's end with an error; nothing when this very lease failed it before."""
    return _finish(state, params, "fail", NodeFailed)


def _finish(
    state: NodeState,
    params: CompleteNodeParams | FailNodeParams,
    trigger: str,
    event: type[NodeCompleted | NodeFailed],
) -> list[Draft]:
    node = _known_node(state, params)
    if node.last_lease == params.lease_id and node.status == step("RUNNING", trigger):
        return []
    _ending_lease(node, params.lease_id)
    finished = event(params.lease_id, _step(node, trigger))
    return [Draft(finished, node.node_id, or_default(params.payload, NULL))]


def _step(node: NodeRow, trigger: str) -> Status:
    try:
        return step(node.status, trigger)
    except IllegalTransition as refusal:
        raise IllegalTransition(
            f"node {node.node_id}: {refusal.message}", node_id=node.node_id, **refusal.data
        ) from None


def _known_task(state: TaskState | NodeState) -> None:
    if state.task is None:
        raise TaskNotFound.of(state.task_id)


def _known_node(state: NodeState, params: NodeParams) -> NodeRow:
    _known_task(state)
    if state.node is None:
        raise NodeNotFound(
            f"task {state.task_id} has no node {params.node_id}: TaskStatus lists its nodes",
            task_id=state.task_id,
            node_id=params.node_id,
        )
    return state.node


def _ending_lease(node: NodeRow, lease_id: str) -> None:
    """The lease must be current, but where no lease is in play the machine shall judge.

    That is so for a node that was never acquired, and for one that this very lease has ended.
    """
    never_acquired = node.lease_id is None and node.last_lease is None
    ended_by_this = node.result_seq is not None and node.last_lease == lease_id
    if not (never_acquired or ended_by_this):
        _current_lease(node, lease_id)


def _current_lease(node: NodeRow, lease_id: str) -> None:
    if node.lease_id == lease_id:
        return
    raise StaleLease(
        f"lease {lease_id} is no longer current: {_what_happened(node, lease_id)}; acquire again",
        node_id=node.node_id,
        lease_id=lease_id,
        status=node.status,
    )


def _what_happened(node: NodeRow, lease_id: str) -> str:
    when = rfc3339(node.updated_at)
    if node.lease_id is not None:
        return f"node {node.node_id} is held by {node.lease_owner!r} under another lease"
    if node.result_seq is not None:
        return f"node {node.node_id} is {node.status} since {when}"
    if node.last_lease == lease_id:
        return f"node {node.node_id} was rolled back at {when}"
    return f"nobody holds node {node.node_id}, it is {node.status} since {when}"
