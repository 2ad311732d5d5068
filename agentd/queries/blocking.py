"""Why nodes are not runnable, for the views of many of them.

The rule this file keeps: what is the same for all nodes of a task is looked up once. What is behind
a node that failed is found from there, and only where one did.
"""

from collections import Counter
from collections.abc import Iterator

from agentd.api import CauseKind
from agentd.causes import LIMIT_KINDS, causes_of_limit, causes_of_task
from agentd.projections import NODES, NodeRow, TaskStateRow, is_ready
from agentd.queries.imports import may_end_early
from agentd.queries.limits import limits_of_node
from agentd.queries.nodes import node_settings
from agentd.store import Reader

_BEFORE_NODE: tuple[CauseKind, ...] = ("cancelled", "paused")
"""What is told of a task before what is told of its node."""


class Blocking:
    """What blocks the nodes of one task at one moment (Unix milliseconds)."""

    def __init__(self, reader: Reader, task: TaskStateRow, now: int) -> None:
        self._reader = reader
        self._now = now
        of_task = causes_of_task(task)
        self._first = [kind for kind in of_task if kind in _BEFORE_NODE]
        self._last = [kind for kind in of_task if kind not in _BEFORE_NODE]
        self._failed_before: Counter[str] = Counter()
        self._behind: dict[str, str] = {}
        self._limits: dict[str, list[CauseKind]] = {}
        if task.failed:
            self._follow_failures(task.task_id)

    def kinds(self, row: NodeRow) -> list[CauseKind]:
        """Why the node is not runnable; nothing for one that runs or has ended."""
        if row.status != "PENDING":
            return []
        if row.gate:
            return self._kinds_of_gate(row)
        kinds = [*self._first, *self._kinds_of_dependencies(row)]
        if row.not_before is not None and row.not_before > self._now:
            kinds.append("not_before")
        kinds += self._last
        return kinds + self._kinds_of_limits(row) if row.demand and is_ready(row) else kinds

    def _kinds_of_dependencies(self, row: NodeRow) -> Iterator[CauseKind]:
        if row.node_id in self._behind:
            yield "dependency_failed"
        if row.waiting_on > self._failed_before[row.node_id]:
            yield "dependency"

    def _kinds_of_gate(self, row: NodeRow) -> list[CauseKind]:
        """Neither a pause nor a budget keeps it from being decided."""
        cancelled: list[CauseKind] = [kind for kind in self._first if kind == "cancelled"]
        kinds = [*cancelled, *self._kinds_of_dependencies(row)]
        if row.not_before is not None and row.not_before > self._now:
            kinds.append("not_before")
        elif is_ready(row) and not cancelled:
            kinds.append("gate")
        return kinds

    def failed_before(self, row: NodeRow) -> str | None:
        """A node that failed and that this one waits for, through others too."""
        return self._behind.get(row.node_id)

    def _follow_failures(self, task_id: str) -> None:
        """Find all that will never run because of what failed."""
        some_end_early = may_end_early(self._reader, task_id)
        for failed in self._reader.failed_nodes(task_id):
            if node_settings(self._reader, failed).on_failure == "continue":
                continue
            direct = self._reader.dependents(failed.node_id)
            self._failed_before.update(direct)
            found = direct
            while found:
                new = [each for each in dict.fromkeys(found) if each not in self._behind]
                if some_end_early:
                    new = [each for each in new if self._is_pending(each)]
                self._behind.update(dict.fromkeys(new, failed.node_id))
                found = [each for node_id in new for each in self._reader.dependents(node_id)]

    def _is_pending(self, node_id: str) -> bool:
        row: NodeRow = self._reader.get(NODES, (node_id,))
        return row.status == "PENDING"

    def _kinds_of_limits(self, row: NodeRow) -> list[CauseKind]:
        known = self._limits.get(row.demand)
        if known is None:
            limits = limits_of_node(self._reader, row)
            found = {kind for limit in limits for kind in causes_of_limit(limit, self._now)}
            known = self._limits[row.demand] = [kind for kind in LIMIT_KINDS if kind in found]
        return known
