"""Why a node is not handed out, as the model of the contract says it: every cause, one by one.

The rule this file keeps: like the model, it imports nothing of agentd.
"""

from collections.abc import Iterator
from typing import Any

from tests.property.gates_model import Gates
from tests.property.limits_model import Limits
from tests.property.node_model import Object, counts, is_satisfied, node_view

ORDER = (
    "cancelled",
    "paused",
    "dependency_failed",
    "dependency",
    "gate",
    "not_before",
    "budget_spent",
    "limit_closed",
    "limit_full",
    "rate",
    "locked",
    "no_worker",
)
MOST_NAMED = 5


class Causes(Gates, Limits):
    """The part of the model that is about what can be acquired now, and why the rest cannot."""

    def view(self, node: Object) -> Object:
        """What clients see of the node."""
        kinds = {cause["kind"] for cause in self.causes(node)}
        blocked_by = [kind for kind in ORDER if kind in kinds and kind != "locked"]
        return {**node_view(node, self.now), "blocked_by": blocked_by}

    def is_runnable(self, node_id: str) -> bool:
        """Whether the node could be acquired now."""
        node = self.nodes[node_id]
        return node["status"] == "PENDING" and node["not_before"] is None and not self.causes(node)

    def is_for_anybody(self, node_id: str) -> bool:
        """The same, by somebody who offers no labels."""
        return self.is_runnable(node_id) and not self.nodes[node_id].get("requires")

    def causes(self, node: Object) -> list[Object]:
        """Everything that keeps a PENDING node back; others are kept back by nothing."""
        if node["status"] != "PENDING":
            return []
        task = self.tasks[node["task_id"]]
        if "gate" in node:
            cancelled = [{"kind": "cancelled"}] if task["cancelled"] else []
            before = [*cancelled, *self._unsatisfied(node)]
            return [*before, *self.causes_of_gate(node), *self._ahead(node)]
        return [
            *({"kind": kind} for kind in ("cancelled", "paused") if task[kind]),
            *self._unsatisfied(node),
            *self._ahead(node),
            *self._spent(task),
            *(self.causes_of_limits(node) if self.can_run(node["id"]) else ()),
            *(self.causes_of_locks(node) if self._wishes(task, node) else ()),
        ]

    def _wishes(self, task: Object, node: Object) -> bool:
        """Whether its locks matter: once it is ready, unless its task is cancelled."""
        return self.can_run(node["id"]) and not task["cancelled"]

    def _explain_node(self, params: Object, _fresh: Object) -> Object:
        """Every cause with what is told of it; texts are the daemon's own."""
        node = self._node(params)
        causes = self.causes(node)
        return {
            "status": node["status"],
            "runnable": node["status"] == "PENDING" and not causes,
            "reasons": [*causes, *self._no_worker(node)],
        }

    def _explain_task(self, params: Object, _fresh: Object) -> Object:
        """The causes of all its nodes, in their order, with how many each holds, and which."""
        task = self._task(params)
        held: dict[tuple[str, Any], list[str]] = {}
        for node in self.nodes_of(task):
            causes = [*self.causes(node), *self._no_worker(node)]
            for key in dict.fromkeys(map(_in_common, causes)):
                held.setdefault(key, []).append(node["name"] or node["id"])
        groups = sorted(held.items(), key=lambda group: ORDER.index(group[0][0]))
        return {
            "state": self.state(task),
            "counts": counts(self.nodes_of(task)),
            "reasons": [
                {"kind": kind, "count": len(nodes), **_named(kind, nodes)}
                for (kind, _), nodes in groups
            ],
        }

    def _no_worker(self, node: Object) -> Iterator[Object]:
        labels = {*node.get("requires", ())}
        if labels and self.can_run(node["id"]) and not any(labels <= own for own in self.offered):
            yield {"kind": "no_worker", "labels": sorted(labels)}

    def _unsatisfied(self, node: Object) -> Iterator[Object]:
        """What failed in front of it, through others too; then what it waits for itself."""
        failed = [each for each in self._before(node) if each["status"] == "FAILED"]
        for each in self.nodes_of(self.tasks[node["task_id"]]):
            if each in failed:
                yield {"kind": "dependency_failed", "node_id": each["id"]}
        for each in self._waits_for(node):
            if each["status"] != "FAILED":
                held = {"lease_owner": each["lease_owner"], "until": _seconds(each["ends"])}
                told = {"node_id": each["id"], "status": each["status"], **held}
                yield {"kind": "dependency", **told}

    def _waits_for(self, node: Object) -> list[Object]:
        before = [self.nodes[dependency] for dependency in node["dependencies"]]
        return [each for each in before if not is_satisfied(each)]

    def _before(self, node: Object) -> Iterator[Object]:
        for each in self._waits_for(node):
            yield each
            yield from self._before(each)

    def _ahead(self, node: Object) -> Iterator[Object]:
        moment = node["not_before"]
        if moment is not None and moment > self.now:
            yield {"kind": "not_before", "until": moment / 1000}

    def _spent(self, task: Object) -> Iterator[Object]:
        for unit, most in (task["budget"] or {}).items():
            if (used := task["usage"].get(unit, 0)) >= most:
                yield {"kind": "budget_spent", "unit": unit, "used": used, "budget": most}


def _named(kind: str, nodes: list[str]) -> Object:
    """Some of the nodes; of several that failed each has those of its own behind it."""
    return {} if kind == "dependency_failed" else {"nodes": nodes[:MOST_NAMED]}


def _in_common(cause: Object) -> tuple[str, Any]:
    """What causes have in common that are one for a task."""
    said = {name: cause[name] for name in ("unit", "limit", "labels") if name in cause}
    return cause["kind"], str(said)


def _seconds(at: int | None) -> float | None:
    return None if at is None else at / 1000
