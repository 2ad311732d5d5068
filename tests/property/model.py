"""A small plain model of the contract: dictionaries, lists and loops over everything.

The rule this file keeps: it is written from the wire protocol alone and imports nothing of agentd,
so it cannot share a mistake. Where the contract is silent the model says ANY. What the daemon may
choose, new ids, it takes from the daemon's answer, and insists that they are new.
"""

from typing import Any
from unittest.mock import ANY

from tests.property.base_model import Refused, rfc3339
from tests.property.forks_model import Forks
from tests.property.growth_model import has_cycle
from tests.property.holding import task_view
from tests.property.imports_model import Imports
from tests.property.node_model import Object, change_node, counts, new_node


class Model(Forks, Imports):
    """What a daemon with these settings has to answer."""

    def answer(self, method: str, params: Object, fresh: object) -> Any:
        """What the method answers; `fresh` is the daemon's answer, for its new ids."""
        steps = {
            "RegisterTask": self._register,
            "AcquireNextNode": self._acquire,
            "CommitEvent": self._commit,
            "HeartbeatNode": self._heartbeat,
            "AcquireNodes": self._acquire_nodes,
            "CompleteNode": self._finish,
            "FailNode": self._finish,
            "ReleaseNode": self._finish,
            "RetryNode": self._retry,
            "NodeStatus": self._node_status,
            "TaskStatus": self._status,
            "settle_due": self._sweep,
            "CancelTask": self._cancel,
            "PauseTask": self._pause,
            "ResumeTask": self._resume,
            "SetBudget": self._set_budget,
            "UpdateNode": self._update,
            "ExplainNode": self._explain_node,
            "ExplainTask": self._explain_task,
            "ListLimits": self._list_limits,
            "SetLimit": self._set_limit,
            "CloseLimit": self._close_limit,
            "time_out_task": self._time_out,
            "AddNodes": self._add_nodes,
            "ForkTask": self._fork,
            "ImportTask": self._import,
            "ListGates": self._list_gates,
            "DecideGate": self._decide_gate,
            "time_out_gates": self._time_out_gates,
            "AcquireResourceLock": self._acquire_lock,
            "HeartbeatResourceLock": self._heartbeat_lock,
            "ReleaseResourceLock": self._release_lock,
            "ListResourceLocks": self._list_locks,
            "expire_locks": self._expire_locks,
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
            "active_resource_locks": self.number_of_locks()[0],
            "expired_resource_locks": self.number_of_locks()[1],
            "node_status_counts": counts(self.nodes.values()),
            "schema_version": ANY,
            "latest_schema_version": ANY,
        }

    def _register(self, params: Object, fresh: Object) -> Object:
        specs = params["initial_nodes"]
        if (existing := self._bearer(params.get("dedupe_key"))) is not None:
            return {"task_id": existing["id"], "node_ids": existing["began_with"], "existing": True}
        if (parent := params.get("parent_task_id")) is not None:
            self._refuse_cancelled(self._task({"task_id": parent}))
        self.refuse_graph(specs)
        task_id = self._new(fresh.get("task_id"))
        order = self._ids_of(specs, fresh)
        named = {spec.get("name"): node_id for spec, node_id in zip(specs, order, strict=True)}
        for spec, node_id in zip(specs, order, strict=True):
            needed = [named.get(each, each) for each in spec.get("dependencies", [])]
            known = {**spec, "dependencies": list(dict.fromkeys(needed))}
            node = self.nodes[node_id] = new_node(node_id, task_id, known, params, self.now)
            self.name_limits(node)
        self.tasks[task_id] = {
            "id": task_id,
            "goal": params["goal"],
            "context": params.get("context", {}),
            "created_at": rfc3339(self.now),
            "nodes": order,
            "began_with": order,
            "said": params,
            "events": [],
            "seqs": [],
            "at": self.now,
            "parent": params.get("parent_task_id"),
            "labels": params.get("labels") or {},
            "traceparent": params.get("traceparent"),
            "budget": params.get("budget"),
            "paused": params.get("paused", False),
            "ends": self._end_of(params.get("timeout_secs")),
            "dedupe_key": params.get("dedupe_key"),
            "cancelled": False,
            "usage": {},
        }
        for node_id in (ANY, *order):  # the task's own event, then one for each node
            self._event(task_id, node_id)
        self.open_gates(self.tasks[task_id])
        return {"task_id": task_id, "node_ids": order}

    def refuse_graph(self, specs: list[Object]) -> None:
        """Refuse nodes that are no graph of new nodes."""
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
        if alike or taken or not known or has_cycle(waits):
            raise Refused("invalid_graph")

    def _commit(self, params: Object, fresh: Object) -> Object:
        node = self._node(params)
        lease_id = params.get("lease_id")
        if lease_id is None and (node["status"] == "RUNNING" or params.get("checkpoint")):
            raise Refused("lease_required")
        if lease_id is not None:
            self._refuse_cancelled(self._task(params))
        if lease_id not in (None, node["lease_id"]):
            raise Refused("stale_lease")
        event_id = self._new(fresh.get("event_id"))
        self.event_ids |= {event_id} - {None}
        self._use(node, params)
        action_type = params.get("action_type", "COMMIT_EVENT")
        self._event(node["task_id"], node["id"], event_id, action_type, params.get("payload"))
        self.by_clients.add(self.event_count)
        if params.get("checkpoint"):
            told = {"attempt": node["attempt"], "timestamp": rfc3339(self.now)}
            node["checkpoint"] = {"payload": params.get("payload"), **told}
        return {"event_id": event_id}

    def _update(self, params: Object, _fresh: Object) -> Object:
        task = self._task(params)
        self._refuse_cancelled(task)
        if "node_id" in params:
            nodes = [self._node(params)]
            if nodes[0]["status"] != "PENDING":
                raise Refused("illegal_transition")
        else:
            nodes = [node for node in self.nodes_of(task) if node["status"] == "PENDING"]
            nodes = [node for node in nodes if "gate" not in node]
        for node in nodes:
            said = self.change_gate(node, params) if "gate" in node else params
            change_node(node, said, self.now)
            self.name_limits(node)
            self._event(task["id"], node["id"])
        self.open_gates(task)
        return {"node_ids": [node["id"] for node in nodes]}

    def _node_status(self, params: Object, _fresh: Object) -> Object:
        node = self._node(params)
        view = self.view(node)
        kinds = {cause["kind"] for cause in self.causes(node)}
        view["blocked_by"] += ["locked"] if "locked" in kinds else []
        return {"node": view, "attempts": list(node["history"]), "checkpoint": node["checkpoint"]}

    def _status(self, params: Object, _fresh: Object) -> Object:
        task = self._task(params)
        nodes = self.nodes_of(task)
        return {
            "task": task_view(task),
            "counts": counts(nodes),
            "nodes": [self.view(node) for node in nodes],
            "state": self.state(task),
            "usage": task["usage"],
            "budget": task["budget"],
            "next": None,
        }
