"""ListGates and DecideGate; how gates are opened, and decided when their time is over."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from agentd import decide, queries
from agentd.api import (
    DecideGateParams,
    DecideGateResult,
    ListGatesParams,
    ListGatesResult,
    TaskParams,
)
from agentd.decide import Context, GatesState, GateState
from agentd.events import Ending
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.methods.state import MOST_DUE, known_node
from agentd.projections import NODES, TASK_STATES, GateRow, TaskStateRow
from agentd.store import Reader


def _load_gate(reader: Reader, params: DecideGateParams, _context: Context) -> GateState:
    task_id = params.task_id
    task, version = queries.find_state_row(reader, task_id), reader.head(task_id).version
    row = queries.node_row(reader, task_id, params.node_id)
    if task is None or row is None:
        return GateState(task_id, version, task)
    gate = queries.gate_row(reader, row)
    decided = None if gate is None else queries.gate_decision(reader, gate)
    cancelled = queries.cancellation(reader, task)
    return GateState(task_id, version, task, known_node(reader, row), gate, decided, cancelled)


def _load_ready(reader: Reader, params: TaskParams, _context: Context) -> GatesState:
    return _gates(reader, params, reader.gates_in(params.task_id, "ready"))


def _load_overdue(reader: Reader, params: TaskParams, context: Context) -> GatesState:
    return _gates(reader, params, reader.overdue_gates(context.now, MOST_DUE, params.task_id))


def _gates(reader: Reader, params: TaskParams, gates: Iterable[GateRow]) -> GatesState:
    """These gates, in the order of registration."""
    nodes = [reader.get(NODES, (gate.node_id,)) for gate in gates]
    nodes.sort(key=lambda node: node.position)
    known = [known_node(reader, node) for node in nodes]
    return GatesState(params.task_id, reader.head(params.task_id).version, known)


def open_ready_gates(
    reader: Reader, recorded: Sequence[Recorded], _context: Context
) -> Sequence[tuple[Command, Any]]:
    """Where what was recorded made gates ready, they are opened."""
    steps = []
    task_id = ""
    for each in recorded:
        if each.node_id is None or each.task_id == task_id:
            continue
        task_id = each.task_id
        state: TaskStateRow | None = reader.get(TASK_STATES, (task_id,))
        if state is not None and state.gates_to_open and state.cancelled_seq is None:
            steps.append((OPEN_GATES, TaskParams(task_id=task_id)))
    return steps


def _show_decision(
    _reader: Reader, records: Sequence[Recorded], _params: DecideGateParams, _context: Context
) -> DecideGateResult:
    """The first of the records is the decision, the last the end of the node."""
    return DecideGateResult(records[0].event_id, cast("Ending", records[-1].event).status)


def _show_nothing(_reader: Reader, _recorded: Recorded, _context: Context) -> None:
    return None


def list_gates(reader: Reader, params: ListGatesParams, _context: Context) -> ListGatesResult:
    """A page of the gates."""
    return queries.list_gates(reader, params)


DECIDE_GATE = Command(_load_gate, decide.decide_gate, show=_show_decision)

OPEN_GATES = Command(_load_ready, decide.open_gates, _show_nothing)
TIME_OUT_GATES = Command(_load_overdue, decide.time_out_gates, _show_nothing)
"""The daemon's own commands; they stand in no client's list."""
