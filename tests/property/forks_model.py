"""Forks in the model of the contract: a new task that begins as another is.

The rule this file keeps: like the model, it imports nothing of agentd.
"""

from typing import Any
from unittest.mock import ANY

from tests.property.base_model import rfc3339
from tests.property.leases_model import Leases
from tests.property.node_model import ENDED, Object, begin_anew


class Forks(Leases):
    """The part of the model that is about tasks that were forked."""

    def _fork(self, params: Object, fresh: Object) -> Object:
        origin, seq = self._task(params), self.event_count
        again = self._again(origin, params)
        task_id = self._new(fresh.get("task_id"))
        ids = fresh.get("node_ids") or [None] * len(origin["nodes"])
        new = {old: self._new(each) for old, each in zip(origin["nodes"], ids, strict=True)}
        for node in self.nodes_of(origin):
            ended = node["status"] in ENDED and node["id"] not in again
            made = begin_anew(node, ended=ended, now=self.now)
            made |= {"id": new[node["id"]], "task_id": task_id}
            made["dependencies"] = [new[each] for each in node["dependencies"]]
            self.nodes[made["id"]] = made
            self.name_limits(made)
        self.tasks[task_id] = {
            **{name: value for name, value in origin.items() if name != "imported_from"},
            "id": task_id,
            "nodes": [*new.values()],
            "events": [],
            "seqs": [],
            "at": self.now,
            "created_at": rfc3339(self.now),
            "usage": {},
            "parent": None,
            "dedupe_key": None,
            "ends": None,
            "paused": False,
            "cancelled": False,
            "goal": params.get("goal", origin["goal"]),
            "traceparent": params.get("traceparent"),
            "forked_from": {"task_id": origin["id"], "seq": seq},
        }
        for node_id in (ANY, *new.values()):
            self._event(task_id, node_id)
        self.open_gates(self.tasks[task_id])
        return {"task_id": task_id, "node_ids": [*new.values()]}

    def _again(self, task: Object, params: Object) -> set[Any]:
        """The nodes that shall run again, and all that depend on them."""
        named = [self._node({**params, "node_id": each}) for each in params.get("rerun", ())]
        if params.get("failed"):
            named += [node for node in self.nodes_of(task) if node["status"] == "FAILED"]
        again = {node["id"] for node in named}
        while behind := [
            node["id"]
            for node in self.nodes_of(task)
            if node["id"] not in again and again & {*node["dependencies"]}
        ]:
            again.update(behind)
        return again
