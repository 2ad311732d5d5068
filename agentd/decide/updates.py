"""UpdateNode: other settings for nodes that are PENDING.

The rule this file keeps: what counted goes on counting, and the moment of a pause is left alone
unless another is said.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from agentd.api import UpdateNodeParams, once_each, retry_of, to_milliseconds
from agentd.decide.context import Context
from agentd.decide.state import KnownNode, require_not_cancelled, require_task
from agentd.errors import IllegalTransition, InvalidParams, NodeNotFound
from agentd.events import NodeUpdated, TaskCancelled
from agentd.journal import Draft
from agentd.projections import TaskStateRow
from agentd.projections.gates import may_open

_PARAMS = {
    "priority": "priority",
    "not_before": "not_before",
    "timeout_ms": "timeout_secs",
    "retry": "retry",
    "lease_ms": "lease_secs",
    "requires": "requires",
    "limits": "limits",
}
"""What settings are called in the params."""

_OF_GATES = ("priority", "not_before", "timeout_ms")


class UpdateState(Struct, frozen=True):
    """The state UpdateNode decides on: the one node that is named, or all that are PENDING."""

    task_id: str
    version: int
    task: TaskStateRow | None
    nodes: Sequence[KnownNode]
    cancelled: TaskCancelled | None = None
    result_seq: ClassVar[int] = 0


def update_node(state: UpdateState, params: UpdateNodeParams, context: Context) -> list[Draft]:
    """The settings of the node, or of all that are PENDING, with the changes."""
    require_task(state)
    require_not_cancelled(state.task_id, state.cancelled)
    if params.node_id is not None:
        _require_pending(state, params.node_id)
    changes = _changes(params)
    return [
        (_update_gate if node.settings.gate else _update)(node, changes, context)
        for node in state.nodes
    ]


def _require_pending(state: UpdateState, named: str) -> None:
    if not state.nodes:
        raise NodeNotFound.of(state.task_id, named)
    row = state.nodes[0].row
    if row.status != "PENDING":
        raise IllegalTransition(
            f"node {row.node_id} is {row.status}: only a PENDING node can be changed",
            node_id=row.node_id,
            status=row.status,
        )


def _update(node: KnownNode, changes: dict[str, Any], _context: Context) -> Draft:
    settings = replace(node.settings, **changes)
    event = NodeUpdated(settings, node.row.settings_seq, "not_before" in changes)
    return Draft(event, node.row.node_id)


def _update_gate(node: KnownNode, changes: dict[str, Any], context: Context) -> Draft:
    """A gate's time counts from its opening, or from now where it is open."""
    gate, row = node.settings.gate, node.row
    refused = [name for name in _PARAMS if name in changes and name not in _OF_GATES]
    if refused:
        raise InvalidParams(
            f"`$.{_PARAMS[refused[0]]}`: node {row.node_id} is a gate, which is decided and never "
            f"worked on; it has {', '.join(_PARAMS[name] for name in _OF_GATES)}"
        )
    kept = {name: value for name, value in changes.items() if name != "timeout_ms"}
    timeout_ms, ends = changes.get("timeout_ms"), None
    if timeout_ms is not None and gate is not None:
        kept["gate"] = replace(gate, timeout_ms=timeout_ms)
        ends = context.now + timeout_ms if may_open(row) else None
    settings = replace(node.settings, **kept)
    event = NodeUpdated(settings, row.settings_seq, "not_before" in changes, ends)
    return Draft(event, row.node_id)


def _changes(params: UpdateNodeParams) -> dict[str, Any]:
    """The settings that are said, as events record them."""
    at, retry = params.not_before, params.retry
    said: dict[str, Any] = {
        "priority": params.priority,
        "retry": None if retry is None else retry_of(retry),
        "lease_ms": _milliseconds(params.lease_secs),
        "timeout_ms": _milliseconds(params.timeout_secs),
        "not_before": None if at is None else to_milliseconds(at, "$.not_before"),
        "requires": once_each(params.requires),
        "limits": once_each(params.limits),
    }
    return {name: value for name, value in said.items() if value is not None}


def _milliseconds(secs: int | None) -> int | None:
    return None if secs is None else secs * 1000
