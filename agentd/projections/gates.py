"""The `gates` table: the nodes that are decided, and which of them are open.

The rule this file keeps: whether a gate may be open follows its node's row, so whatever event makes
it ready or no more does so here too. One that is `ready` has not been opened yet: its task's state
counts those, so that nobody looks for them where there are none.
"""

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from agentd.events import Event, GateDecided, GateOpened, NodeUpdated, TaskCancelled
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables
from agentd.projections.nodes import NodeRow, is_ready
from agentd.projections.task_states import TASK_STATES, TaskStateRow

Stage = Literal["closed", "ready", "open", "decided"]


class GateRow(Struct, frozen=True):
    """A gate. It was opened last by the record `opened_seq`, at `since`, and decided by another.

    Moments are Unix milliseconds; at `timeout_at` it is decided by itself, if it is open then.
    """

    task_id: str
    node_id: str
    stage: Stage = "closed"
    since: int | None = None
    opened_seq: int | None = None
    timeout_at: int | None = None
    decided_seq: int | None = None


def may_open(node: NodeRow) -> bool:
    """Whether nothing but a decision is missing."""
    return is_ready(node) and node.not_before is None


def follow_node(tables: Tables, _before: NodeRow | None, after: NodeRow | None) -> None:
    """A gate becomes ready, or is no more, as its node's row says."""
    if after is None or not after.gate:
        return
    key = after.task_id, after.node_id
    row: GateRow = tables.get(GATES, key) or GateRow(*key)
    stage = _stage(row.stage, after)
    decided = row.decided_seq if stage == "decided" else None
    tables.put(GATES, key, replace(row, stage=stage, decided_seq=decided))
    if change := int(stage == "ready") - int(row.stage == "ready"):
        state: TaskStateRow | None = tables.get(TASK_STATES, key[:1])
        if state is not None:
            waiting = state.gates_to_open + change
            tables.put(TASK_STATES, key[:1], replace(state, gates_to_open=waiting))


def _stage(stage: Stage, node: NodeRow) -> Stage:
    if node.status != "PENDING":
        return "decided" if stage == "decided" else "closed"
    if not may_open(node):
        return "closed"
    return "open" if stage == "open" else "ready"


def keys(recorded: Recorded, tables: Tables) -> list[Key]:
    """An event concerns the gate it is about; the end of a task all that are open in it."""
    event, task_id = recorded.event, recorded.task_id
    if isinstance(event, TaskCancelled):
        return [(task_id, row.node_id) for row in tables.gates_in(task_id, "open")]
    if isinstance(event, NodeUpdated) and event.gate_timeout_at is None:
        return []
    return [(task_id, recorded.node_id)]


def reduce(row: GateRow | None, recorded: Recorded, _key: Key) -> GateRow | None:
    """Fold one event into its gate."""
    reducer = _REDUCERS.get(type(recorded.event))
    return row if row is None or reducer is None else reducer(row, recorded, recorded.event)


def _open_gate(row: GateRow, recorded: Recorded, event: GateOpened) -> GateRow:
    return GateRow(
        row.task_id, row.node_id, "open", recorded.at, recorded.seq, event.timeout_at, None
    )


def _decide(row: GateRow, recorded: Recorded, _event: GateDecided) -> GateRow:
    return replace(row, stage="decided", decided_seq=recorded.seq)


def _move_timeout(row: GateRow, _recorded: Recorded, event: NodeUpdated) -> GateRow:
    return replace(row, timeout_at=event.gate_timeout_at) if row.stage == "open" else row


def _close(row: GateRow, _recorded: Recorded, _event: TaskCancelled) -> GateRow:
    return replace(row, stage="closed")


_REDUCERS: dict[type[Event], Callable[[GateRow, Recorded, Any], GateRow]] = {
    GateOpened: _open_gate,
    GateDecided: _decide,
    NodeUpdated: _move_timeout,
    TaskCancelled: _close,
}

GATES = Projection(
    name="gates",
    row=GateRow,
    key=("task_id", "node_id"),
    fixed=("task_id", "node_id"),
    kinds=tuple(_REDUCERS),
    keys=keys,
    reduce=reduce,
)
