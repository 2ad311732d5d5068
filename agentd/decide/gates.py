"""Gates are opened, and decided by somebody or when their time is over.

The rule this file keeps: a decision takes the same edges as work: the gate is acquired by whoever
decides, and ends at once.
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from msgspec import Struct

from agentd.api import DecideGateParams, rfc3339
from agentd.decide.context import Context
from agentd.decide.control import TIMED_OUT_BY
from agentd.decide.failures import Failure, fail
from agentd.decide.state import (
    KnownNode,
    next_status,
    require_known,
    require_not_cancelled,
    require_task,
)
from agentd.errors import GateNotOpen
from agentd.events import (
    Gate,
    GateDecided,
    GateOpened,
    NodeAcquired,
    NodeCompleted,
    TaskCancelled,
)
from agentd.journal import Draft
from agentd.lifecycle import step
from agentd.projections import GateRow, NodeRow, TaskStateRow

_NOBODY = "anonymous"
"""Who has acquired a gate that was decided by somebody who gave no name."""


class GateState(Struct, frozen=True):
    """A node that is to be decided; `gate` is None where it is none. `decided` is how it was."""

    task_id: str
    version: int
    task: TaskStateRow | None
    node: KnownNode | None = None
    gate: GateRow | None = None
    decided: GateDecided | None = None
    cancelled: TaskCancelled | None = None
    result_seq: ClassVar[int] = 0


class GatesState(Struct, frozen=True):
    """The gates of a task that are to be opened, or whose time is over."""

    task_id: str
    version: int
    gates: Sequence[KnownNode] = ()
    result_seq: ClassVar[int] = 0


def open_gates(state: GatesState, _params: object, context: Context) -> list[Draft]:
    """Each of them waits for a decision from now on."""
    return [_open_gate(gate, context.now) for gate in state.gates]


def _open_gate(gate: KnownNode, now: int) -> Draft:
    asked = gate.settings.gate or Gate("")
    timeout = asked.timeout_ms
    event = GateOpened(asked.ask, None if timeout is None else now + timeout)
    return Draft(event, gate.row.node_id)


def decide_gate(state: GateState, params: DecideGateParams, context: Context) -> list[Draft]:
    """The decision, and the end of the node. Raises `GateNotOpen` where there is none to make."""
    require_task(state)
    row = None if state.node is None else state.node.row
    row = require_known(row, state.task_id, params.node_id)
    require_not_cancelled(state.task_id, state.cancelled)
    if state.node is None or state.gate is None or state.gate.stage != "open":
        raise GateNotOpen(_why_not_open(state, row), node_id=row.node_id, status=row.status)
    decided = GateDecided(params.decision, params.by, params.note)
    return _end(state.node, decided, context)


def time_out_gates(state: GatesState, _params: object, context: Context) -> list[Draft]:
    """Each of them is decided as it says for this case."""
    drafts: list[Draft] = []
    for node in state.gates:
        gate = node.settings.gate or Gate("")
        drafts += _end(node, GateDecided(gate.on_timeout, TIMED_OUT_BY), context)
    return drafts


def _end(node: KnownNode, decided: GateDecided, context: Context) -> list[Draft]:
    """The decision, the acquisition and the end."""
    row = node.row
    lease_id, owner = context.new_id(), decided.by or _NOBODY
    acquired = NodeAcquired(
        lease_id,
        owner,
        context.now + context.lease_ms,
        next_status(row, "acquire"),
        row.attempt + 1,
    )
    held = msgspec.structs.replace(
        row,
        status=acquired.status,
        lease_id=lease_id,
        lease_owner=owner,
        attempt=acquired.attempt,
    )
    return [
        Draft(decided, row.node_id),
        Draft(acquired, row.node_id),
        _ending(held, node, decided),
    ]


def _ending(held: NodeRow, node: KnownNode, decided: GateDecided) -> Draft:
    result = msgspec.json.encode(
        {"decision": decided.decision, "by": decided.by, "note": decided.note}
    )
    if decided.decision == "reject":
        return fail(Failure(held, node.settings, result))
    completed = NodeCompleted(
        held.lease_id or "",
        step(held.status, "complete"),
        held.attempt,
        held.last_end_seq,
        held.lease_owner,
    )
    return Draft(completed, held.node_id, result)


def _why_not_open(state: GateState, row: NodeRow) -> str:
    named = f"node {row.node_id}"
    if state.gate is None:
        return f"{named} is no gate: it is worked on, and nobody decides it"
    if state.decided is not None:
        by = f" by {state.decided.by!r}" if state.decided.by else ""
        said = "approved" if state.decided.decision == "approve" else "rejected"
        again = "; RetryNode opens it again" if row.status == "FAILED" else ""
        return f"{named} is {row.status}: it was {said}{by} at {rfc3339(row.updated_at)}{again}"
    if row.status != "PENDING":
        return f"{named} is {row.status}: there is nothing to decide any more"
    if row.waiting_on:
        return f"{named} is not open yet: it waits for other nodes; ExplainNode says for which"
    return f"{named} is not open before {rfc3339(row.not_before or 0)}; UpdateNode changes that"
