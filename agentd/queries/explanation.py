"""Why a node is not handed out, in words, and what would help.

The rule this file keeps: causes are told in the order of `CauseKind`, and what would help is what
helps against the first of them.
"""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from msgspec import UNSET

from agentd.api import Cause, CauseKind, rfc3339
from agentd.causes import LIMIT_KINDS, LimitState, causes_of_limit
from agentd.events import Event, TaskCancelled, TaskPaused
from agentd.projections import NODES, NodeRow, TaskStateRow, find_demand, is_ready
from agentd.queries.gates import gate_row
from agentd.queries.limits import closing_reason, limits_of_node
from agentd.queries.locks import lock_causes
from agentd.queries.nodes import dependencies_of, is_satisfied, node_settings
from agentd.queries.task_states import budget_of, cancellation, usage_of_task
from agentd.store import Reader

ADVICE: Mapping[CauseKind, str] = MappingProxyType(
    {
        "cancelled": "nothing: a task that is cancelled stays so; register it anew",
        "paused": "ResumeTask lets it go on",
        "dependency_failed": "RetryNode makes the node that failed PENDING again",
        "dependency": "it is runnable when the nodes that it depends on have completed",
        "gate": "`agentd gate approve {task} {node}` lets the work go on; so does DecideGate",
        "not_before": "it is runnable when its moment has come; UpdateNode changes that",
        "budget_spent": "SetBudget gives the task more, or no budget",
        "limit_closed": "CloseLimit with for_secs 0 opens the limit",
        "limit_full": "it is runnable when a node that has a slot has ended, or SetLimit adds one",
        "rate": "it is runnable when the rate has room again, or SetLimit raises it",
        "locked": "it is runnable when that lock ends; ReleaseResourceLock ends one",
        "no_worker": "start a worker that offers these labels",
    }
)
"""What would help against a cause."""


def causes_of_node(
    reader: Reader,
    task: TaskStateRow,
    row: NodeRow,
    now: int,
    offered: Collection[frozenset[str]] | None,
) -> Iterator[Cause]:
    """Every cause, in order; none for what runs or has ended.

    `offered` are the sets of labels that workers offer; None where that is not known, in the past.
    """
    if row.status != "PENDING":
        return
    of_task = [
        cause
        for cause in causes_of_whole_task(reader, task)
        if not row.gate or cause.kind == "cancelled"
    ]
    yield from (cause for cause in of_task if cause.kind != "budget_spent")
    if row.waiting_on:
        failed, waiting = _find_unsatisfied(reader, row)
        yield from (_failed_cause(node) for node in failed)
        yield from (_waiting_cause(node) for node in waiting)
    if row.gate and task.cancelled_seq is None and _may_be_decided(row, now):
        yield _gate_cause(reader, row)
    if row.not_before is not None and row.not_before > now:
        text = f"it is not handed out before {rfc3339(row.not_before)}"
        yield Cause("not_before", text, until=row.not_before / 1000)
    yield from (cause for cause in of_task if cause.kind == "budget_spent")
    if row.demand and is_ready(row):
        yield from causes_of_limits(reader, row, now)
    if row.locks_in_way and is_ready(row):
        yield from lock_causes(reader, row)
    if row.demand and is_ready(row) and offered is not None:
        yield from cause_of_labels(reader, row, offered)


def _may_be_decided(row: NodeRow, now: int) -> bool:
    return is_ready(row) and (row.not_before is None or row.not_before <= now)


def _gate_cause(reader: Reader, row: NodeRow) -> Cause:
    gate, opened = node_settings(reader, row).gate, gate_row(reader, row)
    ask = "" if gate is None else gate.ask
    text = f"it waits for a decision: {ask}"
    if opened is None or opened.stage != "open" or opened.timeout_at is None or gate is None:
        return Cause("gate", text, ask=ask)
    by_itself = "approved" if gate.on_timeout == "approve" else "rejected"
    text = f"{text} - it is {by_itself} by itself at {rfc3339(opened.timeout_at)}"
    return Cause("gate", text, until=opened.timeout_at / 1000, ask=ask)


def name_of(row: NodeRow) -> str:
    """What a node is called in a text."""
    return row.node_id if row.name is None else repr(row.name)


def causes_of_whole_task(reader: Reader, task: TaskStateRow) -> Iterator[Cause]:
    """What holds all nodes of the task."""
    if (cancelled := cancellation(reader, task)) is not None:
        yield _holding_cause("cancelled", "its task was cancelled", cancelled)
    if task.paused_seq is not None:
        event = reader.record_at(task.paused_seq).event
        yield _holding_cause("paused", "its task is paused", event)
    if task.spent:
        yield from _budget_causes(reader, task)


def causes_of_limits(reader: Reader, row: NodeRow, now: int) -> Iterator[Cause]:
    """What of a ready node's limits has no room."""
    limits = limits_of_node(reader, row)
    held_by = [(limit, causes_of_limit(limit, now)) for limit in limits]
    for kind in LIMIT_KINDS:
        yield from (_LIMIT_CAUSES[kind](reader, limit) for limit, kinds in held_by if kind in kinds)


def cause_of_labels(
    reader: Reader, row: NodeRow, offered: Collection[frozenset[str]]
) -> Iterator[Cause]:
    """Which of a ready node's labels nobody offers."""
    requires = find_demand(reader, row.demand).requires
    if requires and not any(requires <= labels for labels in offered):
        names = sorted(requires)
        together = "all of " if len(names) > 1 else ""  # one alone may well be offered
        offered_by_none = together + ", ".join(map(repr, names))
        text = f"no worker has offered {offered_by_none} in the last 10 minutes"
        yield Cause("no_worker", text, labels=names)


def _holding_cause(kind: CauseKind, text: str, event: Event) -> Cause:
    """A cause with what is said of why, and by whom: a task may be registered paused."""
    reason, by = None, None
    if isinstance(event, TaskCancelled | TaskPaused):
        reason, by = event.reason, event.by
    text += f" by {by}" if by else ""
    text += f": {reason}" if reason else ""
    return Cause(kind, text, reason=reason or UNSET, by=by or UNSET)


def _find_unsatisfied(reader: Reader, row: NodeRow) -> tuple[list[NodeRow], list[NodeRow]]:
    """What failed and keeps the node back, through others too; and what it waits for itself."""
    failed: dict[str, NodeRow] = {}
    waiting = [node for node in _dependencies(reader, row) if not is_satisfied(reader, node)]
    seen = {node.node_id for node in waiting}
    open_nodes = list(waiting)
    while open_nodes:
        node = open_nodes.pop()
        if node.status == "FAILED":
            failed[node.node_id] = node
        if node.waiting_on:  # so may one that failed elsewhere, before it was imported
            new = [each for each in _dependencies(reader, node) if each.node_id not in seen]
            seen |= {each.node_id for each in new}
            open_nodes += [each for each in new if not is_satisfied(reader, each)]
    order = sorted(failed.values(), key=lambda node: node.position)
    return order, [node for node in waiting if node.status != "FAILED"]


def _dependencies(reader: Reader, row: NodeRow) -> list[NodeRow]:
    return [reader.get(NODES, (each,)) for each in dependencies_of(reader, row)]


def _failed_cause(node: NodeRow) -> Cause:
    text = f"it waits for node {name_of(node)}, which FAILED"
    return Cause(
        "dependency_failed", text, node_id=node.node_id, name=node.name or UNSET, status="FAILED"
    )


def _waiting_cause(node: NodeRow) -> Cause:
    held = ""
    if node.lease_expires_at is not None:
        held = f", held by {node.lease_owner!r} until {rfc3339(node.lease_expires_at)}"
    return Cause(
        "dependency",
        f"it waits for node {name_of(node)}, which is {node.status}{held}",
        node_id=node.node_id,
        name=node.name or UNSET,
        status=node.status,
        lease_owner=node.lease_owner or UNSET,
        until=UNSET if node.lease_expires_at is None else node.lease_expires_at / 1000,
    )


def _budget_causes(reader: Reader, task: TaskStateRow) -> Iterator[Cause]:
    used, budget = usage_of_task(reader, task), budget_of(reader, task) or {}
    for unit, most in budget.items():
        amount = used.get(unit, 0)
        if amount >= most:
            text = f"its task has used {amount} of {most} {unit!r}"
            yield Cause("budget_spent", text, unit=unit, used=amount, budget=most)


def _closed_cause(reader: Reader, limit: LimitState) -> Cause:
    closing = closing_reason(reader, limit.row)
    until, reason = limit.row.closed_until or 0, closing.reason if closing else None
    text = f"the limit {limit.row.name!r} is closed until {rfc3339(until)}"
    return Cause(
        "limit_closed",
        f"{text}: {reason}" if reason else text,
        limit=limit.row.name,
        until=until / 1000,
        reason=reason or UNSET,
    )


def _full_cause(_reader: Reader, limit: LimitState) -> Cause:
    row = limit.row
    text = f"the limit {row.name!r} is full: {row.running} run, and {row.max_running} may"
    return Cause("limit_full", text, limit=row.name)


def _rate_cause(_reader: Reader, limit: LimitState) -> Cause:
    row, until = limit.row, limit.has_room_at or 0
    per = (row.rate_ms or 0) / 1000
    text = (
        f"the limit {row.name!r} lets {row.rate_count} begin in any {per:g} seconds, and has room "
        f"again at {rfc3339(until)}"
    )
    return Cause("rate", text, limit=row.name, until=until / 1000)


_LIMIT_CAUSES = {"limit_closed": _closed_cause, "limit_full": _full_cause, "rate": _rate_cause}
