"""A small plain model of the contract: dictionaries, lists and loops over everything.

The rule this file keeps: it is written from the wire protocol alone and imports nothing of agentd,
so it cannot share a mistake. Where the contract is silent the model says ANY. What the daemon may
choose, new ids, it takes from the daemon's answer, and insists that they are new.

Times are Unix milliseconds inside and Unix seconds in what clients see.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

from tests.property.holding import Holding, Object, Refused

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
GRACE_MS = 10_000


class Model(Holding):
    """What a daemon with these settings has to answer. `now` is set from outside."""

    def __init__(self, now: int, lease_ms: int, event_limit: int) -> None:
        self.now = now
        self.lease_ms = lease_ms
        self.event_limit = event_limit
        self.back_at = 0
        self.tasks: dict[str, Object] = {}
        self.nodes: dict[str, Object] = {}
        self.event_count = 0
        self.ids: set[str] = set()

    def answer(self, method: str, params: Object, fresh: object) -> Any:
        """What the method answers; `fresh` is the daemon's answer, for its new ids."""
        steps = {
            "RegisterTask": self._register,
            "AcquireNextNode": self._acquire,
            "CommitEvent": self._commit,
            "HeartbeatNode": self._heartbeat,
            "CompleteNode": self._finish,
            "FailNode": self._finish,
            "TaskStatus": self._status,
            "roll_back_expired": self._sweep,
            "CancelTask": self._cancel,
            "PauseTask": self._pause,
            "ResumeTask": self._resume,
            "SetBudget": self._set_budget,
            "time_out_task": self._time_out,
        }
        fresh = fresh if isinstance(fresh, dict) else {}
        if method in ("CompleteNode", "FailNode"):
            params = {**params, "method": method}
        return steps[method](params, fresh)

    def come_back(self) -> None:
        """The daemon was away until now: what ran out meanwhile is honoured for a while."""
        self.back_at = self.now

    def is_honoured(self, ends: int) -> bool:
        """Whether a lease that ended at `ends` is honoured because the daemon was away."""
        return ends <= self.back_at and self.now < self.back_at + min(GRACE_MS, self.lease_ms)

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
        if (existing := self._bearer(params.get("dedupe_key"))) is not None:
            return {"task_id": existing["id"], "node_ids": existing["nodes"], "existing": True}
        if (parent := params.get("parent_task_id")) is not None:
            self._refuse_cancelled(self._task({"task_id": parent}))
        self._refuse_graph(specs)
        new_ids = fresh.get("node_ids") or [None] * len(specs)
        task_id = self._new(fresh.get("task_id"))
        order = []
        for spec, new_id in zip(specs, new_ids, strict=True):
            node_id = spec["id"] if "id" in spec else self._new(new_id)
            order.append(node_id)
            self.nodes[node_id] = {
                "id": node_id,
                "task_id": task_id,
                "status": "PENDING",
                "dependencies": list(dict.fromkeys(spec.get("dependencies", []))),
                "payload_schema": spec.get("payload_schema", {}),
                "result_payload": None,
                "acquired_at": None,
                "updated_at": self.now,
                "lease_id": None,
                "lease_owner": None,
                "ends": None,
                "ended_by": None,
                "ever_held": False,
                "usage": {},
            }
        self.tasks[task_id] = {
            "id": task_id,
            "goal": params["goal"],
            "context": params.get("context", {}),
            "created_at": _rfc3339(self.now),
            "nodes": order,
            "events": [],
            "seqs": [],
            "at": self.now,
            "parent": params.get("parent_task_id"),
            "labels": params.get("labels") or {},
            "budget": params.get("budget"),
            "paused": params.get("paused", False),
            "ends": self._end_of(params.get("timeout_secs")),
            "dedupe_key": params.get("dedupe_key"),
            "cancelled": False,
            "usage": {},
        }
        for node_id in (ANY, *order):  # the task's own event, then one for each node
            self._event(task_id, node_id)
        return {"task_id": task_id, "node_ids": order}

    def _acquire(self, params: Object, fresh: Object) -> Object | None:
        self._sweep(params, fresh)
        task = self.tasks[params["task_id"]]
        runnable = [node_id for node_id in task["nodes"] if self.is_ready(node_id)]
        if not runnable or not self.hands_out(task):
            return None
        node = self.nodes[runnable[0]]
        node["status"] = "RUNNING"
        node["lease_id"] = self._new(fresh.get("lease_id"))
        node["lease_owner"] = params.get("lease_owner", "anonymous")
        node["ends"] = self.now + self.lease_ms
        node["acquired_at"] = node["updated_at"] = self.now
        node["ever_held"] = True
        self._event(task["id"], node["id"])
        view = _node_view(node)
        lease = {name: view[name] for name in ("lease_id", "lease_owner", "lease_expires_at")}
        return {
            "task_id": task["id"],
            "node_id": node["id"],
            **lease,
            "context": {
                "task": _task_view(task),
                "node": view,
                "completed_dependencies": [
                    {"node_id": before, "result_payload": self.nodes[before]["result_payload"]}
                    for before in node["dependencies"]
                ],
                "event_journal_limit": self.event_limit,
                "event_journal": self._told(task),
            },
        }

    def _sweep(self, params: Object, _fresh: Object) -> None:
        task = self._task(params)
        for node in map(self.nodes.__getitem__, task["nodes"]):
            ends = node["ends"]
            if node["status"] == "RUNNING" and ends <= self.now and not self.is_honoured(ends):
                node.update(status="PENDING", lease_id=None, lease_owner=None, ends=None)
                node.update(acquired_at=ANY, updated_at=self.now)
                self._event(task["id"], ANY)

    def _commit(self, params: Object, fresh: Object) -> Object:
        node = self._node(params)
        lease_id = params.get("lease_id")
        if lease_id is None and node["status"] == "RUNNING":
            raise Refused("lease_required")
        if lease_id is not None:
            self._refuse_cancelled(self._task(params))
        if lease_id not in (None, node["lease_id"]):
            raise Refused("stale_lease")
        event_id = self._new(fresh.get("event_id"))
        self._use(node, params)
        action_type = params.get("action_type", "COMMIT_EVENT")
        self._event(node["task_id"], node["id"], event_id, action_type, params.get("payload"))
        return {"event_id": event_id}

    def _heartbeat(self, params: Object, _fresh: Object) -> Object:
        node = self._node(params)
        self._refuse_cancelled(self._task(params))
        if params["lease_id"] != node["lease_id"]:
            raise Refused("stale_lease")
        node["ends"] = self.now + self.lease_ms
        node["updated_at"] = self.now
        self.event_count += 1  # a heartbeat is recorded and not shown
        return {"ok": True, "lease_expires_at": node["ends"] // 1000}

    def _finish(self, params: Object, fresh: Object) -> Object:
        node = self._node(params)
        end = {
            "CompleteNode": ("COMPLETED", "COMPLETE_NODE", "result"),
            "FailNode": ("FAILED", "FAIL_NODE", "error"),
        }
        status, action_type, name = end[params["method"]]
        if node["ended_by"] is not None and node["ended_by"][:2] == (params["lease_id"], status):
            return {"event_id": node["ended_by"][2]}
        self._refuse_cancelled(self._task(params))
        if params["lease_id"] != node["lease_id"]:
            raise Refused(*self._why_not(node, params["lease_id"]))
        payload = params.get("payload")
        self._use(node, params)
        event_id = self._new(fresh.get("event_id"))
        node.update(status=status, lease_id=None, lease_owner=None, ends=None)
        node.update(acquired_at=ANY, updated_at=self.now, result_payload=payload)
        node["ended_by"] = (params["lease_id"], status, event_id)
        self._event(node["task_id"], node["id"], event_id, action_type, {name: payload})
        return {"event_id": event_id}

    def _status(self, params: Object, _fresh: Object) -> Object:
        task = self._task(params)
        nodes = [self.nodes[node_id] for node_id in task["nodes"]]
        return {
            "task": _task_view(task),
            "counts": counts(nodes),
            "nodes": [_node_view(node) for node in nodes],
            "state": self.state(task),
            "usage": task["usage"],
            "budget": task["budget"],
            "next": None,
        }

    # What they are made of

    def _told(self, task: Object) -> list[Object]:
        """What agents committed and how nodes ended: the newest, up to the limit."""
        told = [event for event in task["events"] if event["action_type"] is not ANY]
        return told[-self.event_limit :] if self.event_limit else []

    def _why_not(self, node: Object, lease_id: str) -> tuple[str, ...]:
        ended_by_it = node["ended_by"] is not None and node["ended_by"][0] == lease_id
        if ended_by_it or not node["ever_held"]:
            return ("illegal_transition",)
        return ("stale_lease",)

    def _task(self, params: Object) -> Object:
        if params["task_id"] not in self.tasks:
            raise Refused("task_not_found")
        return self.tasks[params["task_id"]]

    def _node(self, params: Object) -> Object:
        task = self._task(params)
        if params["node_id"] not in task["nodes"]:
            raise Refused("node_not_found")
        return self.nodes[params["node_id"]]

    def is_runnable(self, node_id: str) -> bool:
        """Whether the node could be acquired now."""
        task = self.tasks[self.nodes[node_id]["task_id"]]
        return self.is_ready(node_id) and self.hands_out(task)

    def is_ready(self, node_id: str) -> bool:
        """Whether the node waits for no other."""
        node = self.nodes[node_id]
        before = [self.nodes[dependency]["status"] for dependency in node["dependencies"]]
        return node["status"] == "PENDING" and all(status == "COMPLETED" for status in before)

    def _refuse_graph(self, specs: list[Object]) -> None:
        ids = [spec["id"] for spec in specs if "id" in spec]
        waits = {spec["id"]: set(spec.get("dependencies", [])) for spec in specs if "id" in spec}
        anonymous = [set(spec.get("dependencies", [])) for spec in specs if "id" not in spec]
        known = [dependencies <= set(ids) for dependencies in (*waits.values(), *anonymous)]
        taken = any(node_id in self.nodes for node_id in ids)
        if len(ids) != len(waits) or taken or not all(known) or _has_cycle(waits):
            raise Refused("invalid_graph")

    def _new(self, new_id: str | None) -> Any:
        assert new_id is None or new_id not in self.ids, f"{new_id} is not a new id"
        if new_id is not None:
            self.ids.add(new_id)
        return new_id

    def _event(
        self,
        task_id: str,
        node_id: Any,
        event_id: Any = ANY,
        action_type: Any = ANY,
        payload: Any = ANY,
    ) -> None:
        self.event_count += 1
        event = {
            "id": event_id,
            "task_id": task_id,
            "node_id": node_id,
            "action_type": action_type,
            "payload": payload,
            "timestamp": _rfc3339(self.now),
        }
        self.tasks[task_id]["events"].append(event)
        self.tasks[task_id]["seqs"].append(self.event_count)


def _has_cycle(waits: dict[str, set[str]]) -> bool:
    left = dict(waits)
    while free := [node_id for node_id, before in left.items() if not before & left.keys()]:
        for node_id in free:
            del left[node_id]
    return bool(left)


def counts(nodes: Any) -> dict[str, int]:
    """How many of the nodes are in which status, where any is."""
    statuses = [node["status"] for node in nodes]
    return {status: statuses.count(status) for status in STATUSES if status in statuses}


def _task_view(task: Object) -> Object:
    view = {name: task[name] for name in ("id", "goal", "context", "created_at")}
    return {**view, **found_by(task)}


def found_by(task: Object) -> Object:
    """What a task is shown with where it was given."""
    given = {"parent_task_id": task["parent"], "labels": task["labels"]}
    return {name: value for name, value in given.items() if value}


def _node_view(node: Object) -> Object:
    hidden = ("ends", "ended_by", "ever_held")
    view = {name: value for name, value in node.items() if name not in hidden}
    times = {"acquired_at": node["acquired_at"], "updated_at": node["updated_at"]}
    times["lease_expires_at"] = node["ends"]
    for name, at in times.items():
        view[name] = at // 1000 if isinstance(at, int) else at
    return view


def _rfc3339(at: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
