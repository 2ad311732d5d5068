"""ExplainNode, and ExplainTask: what holds a node, and what holds the nodes of a task."""

import shlex
from collections.abc import Collection, Iterator, Sequence
from typing import get_args

from agentd.api import (
    MOST_NAMED_NODES,
    Cause,
    CauseKind,
    ExplainNodeParams,
    ExplainNodeResult,
    ExplainTaskParams,
    ExplainTaskResult,
    GroupedCause,
)
from agentd.projections import NODES, NodeRow, TaskStateRow, is_ready
from agentd.queries.blocking import Blocking
from agentd.queries.counts import count_by_status
from agentd.queries.explanation import (
    ADVICE,
    cause_of_labels,
    causes_of_limits,
    causes_of_node,
    causes_of_whole_task,
    name_of,
)
from agentd.queries.nodes import require_node_row
from agentd.queries.past import look_back
from agentd.queries.task_states import require_state_row, state_of_task
from agentd.store import Reader

Offered = Collection[frozenset[str]]
"""The sets of labels that workers offer."""

_ORDER: tuple[CauseKind, ...] = get_args(CauseKind)


def explain_node(
    reader: Reader, params: ExplainNodeParams, now: int, offered: Offered
) -> ExplainNodeResult:
    """Every cause. Raises `TaskNotFound` or `NodeNotFound`."""
    reader, now = look_back(reader, params.task_id, params.at, now)
    task = require_state_row(reader, params.task_id)
    row = require_node_row(reader, params.task_id, params.node_id)
    known = offered if params.at is None else None
    causes = list(causes_of_node(reader, task, row, now, known))
    holds = any(cause.kind != "no_worker" for cause in causes)
    runnable = row.status == "PENDING" and not holds
    return ExplainNodeResult(row.status, runnable, causes, _advice(causes, task, row.node_id))


def explain_task(
    reader: Reader, params: ExplainTaskParams, now: int, offered: Offered
) -> ExplainTaskResult:
    """What holds those that are PENDING, cause by cause. Raises `TaskNotFound`."""
    task = require_state_row(reader, params.task_id)
    groups = _group(reader, task, now, offered)
    return ExplainTaskResult(
        state_of_task(reader, task),
        count_by_status(task),
        groups,
        _advice(groups, task, groups[0].nodes[0] if groups else ""),
    )


def _advice(causes: Sequence[Cause | GroupedCause], task: TaskStateRow, node: str) -> str | None:
    """What would help against the first of them, which holds this node."""
    if not causes:
        return None
    return ADVICE[causes[0].kind].format(task=task.task_id, node=shlex.quote(node))


def _group(reader: Reader, task: TaskStateRow, now: int, offered: Offered) -> list[GroupedCause]:
    """The causes in their order, each with the nodes that it holds."""
    found: dict[tuple[CauseKind, str], GroupedCause] = {}
    texts = _Texts(reader, task, now, offered)
    for row in reader.pending_nodes(task.task_id):
        for kind, text in texts.of_node(row):
            group = found.setdefault((kind, text), GroupedCause(kind, text, 0, []))
            group.count += 1
            if len(group.nodes) < MOST_NAMED_NODES:
                group.nodes.append(row.name or row.node_id)
    return sorted(found.values(), key=lambda group: _ORDER.index(group.kind))


class _Texts:
    """What to say of the nodes of a task; what is the same for many is found once."""

    def __init__(self, reader: Reader, task: TaskStateRow, now: int, offered: Offered) -> None:
        self._reader = reader
        self._now = now
        self._offered = offered
        self._blocking = Blocking(reader, task, now)
        self._of_task = list(causes_of_whole_task(reader, task))
        self._of_demand: dict[str, list[Cause]] = {}

    def of_node(self, row: NodeRow) -> Iterator[tuple[CauseKind, str]]:
        """The kinds of causes, and a text for each that is the same for all nodes it holds."""
        for kind in self._blocking.kinds(row):
            if kind == "dependency_failed":
                yield kind, self._failure_text(row)
            elif kind == "dependency":
                yield kind, "waiting for nodes that have not ended"
            elif kind == "gate":
                yield kind, "waiting for a decision"
            elif kind == "not_before":
                yield kind, "waiting for a moment that lies ahead"
            else:
                yield from ((each.kind, each.text) for each in self._of_task if each.kind == kind)
        if row.locks_in_way and is_ready(row):
            yield "locked", "waiting for locks that others hold"
        if row.demand and is_ready(row):
            yield from ((cause.kind, cause.text) for cause in self._demand_causes(row))

    def _failure_text(self, row: NodeRow) -> str:
        node_id = self._blocking.failed_before(row) or ""
        failed: NodeRow = self._reader.get(NODES, (node_id,))
        return f"waiting for node {name_of(failed)}, which FAILED"

    def _demand_causes(self, row: NodeRow) -> list[Cause]:
        if row.demand not in self._of_demand:
            self._of_demand[row.demand] = [
                *causes_of_limits(self._reader, row, self._now),
                *cause_of_labels(self._reader, row, self._offered),
            ]
        return self._of_demand[row.demand]
