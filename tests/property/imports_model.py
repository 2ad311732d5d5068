"""Imports in the model of the contract: what was planned and done elsewhere.

The rule this file keeps: like the model, it imports nothing of agentd.
"""

from typing import Any
from unittest.mock import ANY

from tests.property.base_model import Refused, rfc3339
from tests.property.growth_model import Growing
from tests.property.node_model import ENDED, Object, is_satisfied, new_node

ONLY_IMPORTED = ("status", "result_payload", "ended_at")
MOST_WARNINGS = 10


class Imports(Growing):
    """The part of the model that is about tasks that were imported."""

    def refuse_graph(self, specs: list[Object]) -> None:
        """Refuse nodes that are no graph of new nodes."""
        raise NotImplementedError

    def _import(self, params: Object, fresh: Object) -> Object:
        for task in self.tasks.values():
            if task.get("imported_from") == params["source"]:
                answer = {"task_id": task["id"], "node_ids": task["began_with"]}
                return {**answer, "existing": True}
        specs = params["nodes"]
        self.refuse_graph(specs)
        self._refuse_events(params)
        task_id = self._new(fresh.get("task_id"))
        order = self._ids_of(specs, fresh)
        meant = {spec.get("name"): node_id for spec, node_id in zip(specs, order, strict=True)}
        for spec, node_id in zip(specs, order, strict=True):
            needed = [meant.get(each, each) for each in spec.get("dependencies", [])]
            known = {**spec, "dependencies": list(dict.fromkeys(needed))}
            node = new_node(node_id, task_id, known, params, self.now)
            self.nodes[node_id] = end_elsewhere(node, spec, self.now)
            self.name_limits(node)
        began = params.get("created_at")
        at = self.now if began is None else round(began * 1000)
        self.tasks[task_id] = {
            "id": task_id,
            "goal": params["goal"],
            "context": params.get("context", {}),
            "created_at": rfc3339(at),
            "imported_from": params["source"],
            "nodes": order,
            "began_with": order,
            "said": params,
            "events": [],
            "seqs": [],
            "at": at,
            "parent": None,
            "labels": params.get("labels") or {},
            "traceparent": params.get("traceparent"),
            "budget": params.get("budget"),
            "paused": params.get("paused", False),
            "ends": None,
            "dedupe_key": None,
            "cancelled": False,
            "usage": {},
        }
        for node_id in (ANY, *order):
            self._event(task_id, node_id)
        self.note_events(self.tasks[task_id], params)
        self.open_gates(self.tasks[task_id])
        return {"task_id": task_id, "node_ids": order, **self._early(order)}

    def note_events(self, task: Object, params: Object) -> None:
        """What was noted elsewhere, in its order."""
        for event in params.get("events", ()):
            node = self._node({"task_id": task["id"], "node_id": event["node_id"]})
            told = event.get("id", ANY), event.get("action_type", "COMMIT_EVENT")
            self._event(task["id"], node["id"], *told, event.get("payload"))
            self.by_clients.add(self.event_count)
            if "id" in event:
                self.event_ids.add(event["id"])
            if event.get("timestamp") is not None:
                task["events"][-1]["timestamp"] = rfc3339(round(event["timestamp"] * 1000))

    def _refuse_events(self, params: Object) -> None:
        refs = {spec[key] for spec in params["nodes"] for key in ("id", "name") if key in spec}
        events = params.get("events", ())
        kinds = []
        if any(event["node_id"] not in refs for event in events):
            kinds.append("node_not_found")
        if any(event.get("id") in self.event_ids for event in events):
            kinds.append("invalid_params")
        if kinds:
            raise Refused(*kinds)

    def _early(self, order: list[Any]) -> Object:
        """What is told of nodes that completed behind others that did not."""
        early = [
            node
            for node in map(self.nodes.__getitem__, order)
            if node["status"] == "COMPLETED"
            and not all(is_satisfied(self.nodes[each]) for each in node["dependencies"])
        ]
        told = len(early) if len(early) <= MOST_WARNINGS else MOST_WARNINGS + 1
        return {"warnings": [ANY] * told} if told else {}

    def _add_nodes(self, params: Object, fresh: Object) -> Object:
        task = self._task(params)
        self._refuse_cancelled(task)
        told = any(name in spec for spec in params["nodes"] for name in ONLY_IMPORTED)
        if "imported_from" not in task and (told or params.get("events")):
            raise Refused("invalid_params")
        self._refuse_notes(task, params)
        answer = super()._add_nodes(params, fresh)
        return {**answer, **self._early(answer["node_ids"])}

    def add_node(self, node: Object, spec: Object) -> None:
        """See `Growing.add_node`: it may have ended."""
        super().add_node(end_elsewhere(node, spec, self.now), spec)

    def _refuse_notes(self, task: Object, params: Object) -> None:
        refs = {each for node in self.nodes_of(task) for each in (node["id"], node["name"])}
        refs |= {spec[key] for spec in params["nodes"] for key in ("id", "name") if key in spec}
        if any(event["node_id"] not in refs for event in params.get("events", ())):
            raise Refused("node_not_found", "invalid_graph", "stale_lease")


def end_elsewhere(node: Object, spec: Object, now: int) -> Object:
    """The node, ended as it had elsewhere, if it had."""
    if spec.get("status") in ENDED:
        at = spec.get("ended_at")
        ended = {"status": spec["status"], "result_payload": spec.get("result_payload")}
        node.update(ended, updated_at=now if at is None else round(at * 1000))
    return node
