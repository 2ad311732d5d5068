"""Gates: which are open, and how those were decided that were."""

from collections.abc import Iterator

from agentd.api import GateView, ListGatesParams, ListGatesResult
from agentd.errors import InvalidParams, JournalDamaged
from agentd.events import GateDecided
from agentd.projections import GATES, NODES, GateRow, NodeRow
from agentd.queries.nodes import node_settings
from agentd.queries.pages import take_page
from agentd.queries.task_states import require_state_row
from agentd.store import Reader


def gate_row(reader: Reader, node: NodeRow) -> GateRow | None:
    """The node as a gate; None where it is none."""
    if not node.gate:
        return None
    row: GateRow | None = reader.get(GATES, (node.task_id, node.node_id))
    return row


def gate_decision(reader: Reader, row: GateRow) -> GateDecided | None:
    """How the gate was decided, if it was."""
    if row.decided_seq is None:
        return None
    event = reader.record_at(row.decided_seq).event
    if not isinstance(event, GateDecided):
        raise JournalDamaged(f"record {row.decided_seq} did not decide node {row.node_id}")
    return event


def list_gates(reader: Reader, params: ListGatesParams) -> ListGatesResult:
    """A page of those that are open, or were decided. Raises `TaskNotFound`, `InvalidParams`."""
    if params.task_id is not None:
        require_state_row(reader, params.task_id)
    place = (-1, -1) if params.after is None else _place_of(reader, params.after)
    stage = "open" if params.open else "decided"
    rows = reader.listed_gates(stage, params.task_id, place, params.limit + 1)
    page = take_page(enumerate(_views(reader, rows)), params.limit)
    return ListGatesResult(page.entries, rows[page.last].node_id if page.more else None)


def _place_of(reader: Reader, node_id: str) -> tuple[int, int]:
    """Where the gate stands in the list, or stood."""
    node: NodeRow | None = reader.get(NODES, (node_id,))
    row = None if node is None else gate_row(reader, node)
    if row is None or row.since is None or row.opened_seq is None:
        raise InvalidParams(
            f"`$.after`: {node_id} is no gate that was ever open; expected the `next` of the page "
            "before"
        )
    return row.since, row.opened_seq


def _views(reader: Reader, rows: list[GateRow]) -> Iterator[GateView]:
    for row in rows:
        yield _view(reader, row)


def _view(reader: Reader, row: GateRow) -> GateView:
    node: NodeRow = reader.get(NODES, (row.node_id,))
    gate, decided = node_settings(reader, node).gate, gate_decision(reader, row)
    return GateView(
        row.task_id,
        row.node_id,
        node.name,
        "" if gate is None else gate.ask,
        (row.since or 0) / 1000,
        None if row.timeout_at is None else row.timeout_at / 1000,
        None if decided is None else decided.decision,
        None if decided is None else decided.by,
        None if decided is None else decided.note,
    )
