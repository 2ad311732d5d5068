"""A small plain model of the contract: dictionaries, lists and loops over everything.

The rule this file keeps: it is written from the wire protocol alone and imports nothing of agentd,
so it cannot share a mistake. Where the contract is silent the model says ANY. What the daemon may
choose, new ids, it takes from the daemon's answer, and insists that they are new.

Times are Unix milliseconds inside and Unix seconds in what clients see.
"""

from typing import Any
from unittest.mock import ANY

from tests.property.model_attempts import Attempts
from tests.property.model_state import Refused, counts, rfc3339, task_view
from tests.property.node_model import Object, new_node, node_view


class Model(Attempts):
    """What a daemon with these settings has to answer. `now` is set from outside."""

    def answer(self, method: str, params: Object, fresh: object) -> Any:
        """What the method answers; `fresh` is the daemon's answer, for its new ids."""
        steps = {
            "RegisterTask": self._register,
            "AcquireNextNode": self._acquire,
            "CommitEvent": self._commit,
            "HeartbeatNode": self._heartbeat,
            "CompleteNode": self._finish,
            "FailNode": self._finish,
            "ReleaseNode": self._finish,
            "RetryNode": self._retry,
            "NodeStatus": self._node_status,
            "TaskStatus": self._status,
            "settle_due": self._sweep,
        }
        fresh = fresh if isinstance(fresh, dict) else {}
        if method in ("CompleteNode", "FailNode", "ReleaseNode"):
            params = {**params, "method": method}
        return steps[method](params, fresh)

    def database(self) -> Object:
        """What Metrics says of the database, counted one by one."""
        leases = [node["ends"] for node in self.nodes.values() if node["status"] == "RUNNING"]
        return {
            "total_tasks": len(self.tasks),
            "total_nodes": len(self.nodes),
            "total_events": self.event_count,
            "running_leases": len(leases),
            "expired_running_leases": sum(ends <= self.now for ends in leases),
            "active_resource_locks": 0,
            "expired_resource_locks": 0,
            "node_status_counts": counts(self.nodes.values()),
            "schema_version": ANY,
            "latest_schema_version": ANY,
        }

    # The methods

    def _register(self, params: Object, fresh: Object) -> Object:
        specs = params["initial_nodes"]
        self._refuse_graph(specs)
        new_ids = fresh.get("node_ids") or [None] * len(specs)
        task_id = self._new(fresh.get("task_id"))
        order = [
            spec["id"] if "id" in spec else self._new(new_id)
            for spec, new_id in zip(specs, new_ids, strict=True)
        ]
        named = {spec.get("name"): node_id for spec, node_id in zip(specs, order, strict=True)}
        for spec, node_id in zip(specs, order, strict=True):
            needed = [named.get(each, each) for each in spec.get("dependencies", [])]
            known = {**spec, "dependencies": list(dict.fromkeys(needed))}
            self.nodes[node_id] = new_node(node_id, task_id, known, params, self.now)
        self.tasks[task_id] = {
            "id": task_id,
            "goal": params["goal"],
            "context": params.get("context", {}),
            "created_at": rfc3339(self.now),
            "nodes": order,
            "events": [],
            "seqs": [],
        }
        for node_id in (ANY, *order):  # the task's own event, then one for each node
            self._event(task_id, node_id)
        return {"task_id": task_id, "node_ids": order}

    def _commit(self, params: Object, fresh: Object) -> Object:
        node = self._node(params)
        lease_id = params.get("lease_id")
        if lease_id is None and node["status"] == "RUNNING":
            raise Refused("lease_required")
        if lease_id not in (None, node["lease_id"]):
            raise Refused("stale_lease")
        event_id = self._new(fresh.get("event_id"))
        action_type = params.get("action_type", "COMMIT_EVENT")
        self._event(node["task_id"], node["id"], event_id, action_type, params.get("payload"))
        return {"event_id": event_id}

    def _node_status(self, params: Object, _fresh: Object) -> Object:
        node = self._node(params)
        view = node_view(node, self.now)
        return {"node": view, "attempts": list(node["history"]), "checkpoint": None}

    def _status(self, params: Object, _fresh: Object) -> Object:
        task = self._task(params)
        nodes = [self.nodes[node_id] for node_id in task["nodes"]]
        return {
            "task": task_view(task),
            "counts": counts(nodes),
            "nodes": [node_view(node, self.now) for node in nodes],
        }

    def _refuse_graph(self, specs: list[Object]) -> None:
        ids = [spec["id"] for spec in specs if "id" in spec]
        names = [spec["name"] for spec in specs if "name" in spec]
        key = {spec.get("name"): spec.get("id", spec.get("name")) for spec in specs}
        waits: dict[Any, set[Any]] = {}
        for number, spec in enumerate(specs):
            own = spec.get("id", spec.get("name", number))
            waits[own] = {key.get(each, each) for each in spec.get("dependencies", [])}
        known = set().union(*waits.values()) <= {*ids, *names}
        taken = any(node_id in self.nodes for node_id in ids)
        alike = len({*ids}) != len(ids) or len({*names}) != len(names)
        if alike or taken or not known or _has_cycle(waits):
            raise Refused("invalid_graph")


def _has_cycle(waits: dict[Any, set[Any]]) -> bool:
    left = dict(waits)
    while free := [node_id for node_id, before in left.items() if not before & left.keys()]:
        for node_id in free:
            del left[node_id]
    return bool(left)
