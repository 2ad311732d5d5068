"""A small plain model of the contract: dictionaries, lists and loops over everything.

The rule this file keeps: it is written from the wire protocol alone and imports nothing of agentd,
so it cannot share a mistake. Where the contract is silent the model says ANY. What the daemon may
choose, new ids, it takes from the daemon's answer, and insists that they are new.

Times are Unix milliseconds inside and Unix seconds in what clients see.
"""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

from tests.property.holding import Holding, Refused
from tests.property.node_model import (
    Object,
    end_attempt,
    has_attempts_left,
    is_satisfied,
    new_node,
    node_view,
    pause,
    place,
    told,
)

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
GRACE_MS = 10_000


class OneOf:
    """Equal to an error of one of these kinds."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._kinds = kinds

    def __eq__(self, error: object) -> bool:
        return isinstance(error, dict) and error["data"]["kind"] in self._kinds

    def __hash__(self) -> int:
        return hash(self._kinds)


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
        self.by_clients: set[int] = set()  # the seqs of what CommitEvent wrote

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
            "time_out_task": self._time_out,
        }
        fresh = fresh if isinstance(fresh, dict) else {}
        if method in ("CompleteNode", "FailNode", "ReleaseNode"):
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

    def _acquire_nodes(self, params: Object, fresh: Object) -> Object:
        """One after the other, each the first that there is then.

        The first question settles what is due, whether it gets a node or not; those behind it are
        asked only while there is another.
        """
        told = [*fresh.get("leases", [])] + [{}] * params["count"]
        found = [self._acquire(params, told[0])]
        while found[-1] is not None and len(found) < params["count"]:
            if self._imagined().answer("AcquireNextNode", params, told[len(found)]) is None:
                break
            found.append(self._acquire(params, told[len(found)]))
        return {"leases": [lease for lease in found if lease is not None]}

    def _acquire(self, params: Object, fresh: Object) -> Object | None:
        if "task_id" not in params:
            return self._acquire_any(params, fresh)
        wanted = self._node(params) if "node_id" in params else None
        self._sweep(params, fresh)
        task = self.tasks[params["task_id"]]
        runnable = [self.nodes[each] for each in task["nodes"] if self.is_runnable(each)]
        if wanted is not None:
            runnable = [node for node in runnable if node is wanted]
        if not runnable:
            return None
        node = min(runnable, key=place)
        context = {"attempts": told(node), "checkpoint": None}
        self._lease(node, params, fresh)
        self._event(task["id"], node["id"])
        view = node_view(node, self.now)
        shown = ("lease_id", "lease_owner", "lease_expires_at", "attempt", "name")
        return {
            "task_id": task["id"],
            "node_id": node["id"],
            **{name: view[name] for name in shown},
            "deadline_at": None if node["deadline"] is None else node["deadline"] / 1000,
            "context": {
                "task": _task_view(task),
                "node": view,
                "completed_dependencies": list(map(self._left_behind, node["dependencies"])),
                "event_journal_limit": self.event_limit,
                "event_journal": self._told(task, node, params.get("context_scope", "task")),
                **context,
            },
        }

    def _imagined(self) -> "Model":
        """A copy in which something may happen that does not."""
        return copy.deepcopy(self, {id(ANY): ANY})  # what is not compared is told by being that

    def _acquire_any(self, params: Object, fresh: Object) -> Object | None:
        """The first of all those that there are, or would be if all that is due was settled."""
        settled = self._imagined()
        for task_id in settled.tasks:
            settled.answer("settle_due", {"task_id": task_id}, {})
        runnable = [node for node in settled.nodes.values() if settled.is_runnable(node["id"])]
        if not runnable:
            return None
        task_id = min(runnable, key=place)["task_id"]
        return self._acquire({**params, "task_id": task_id}, fresh)

    def _lease(self, node: Object, params: Object, fresh: Object) -> None:
        seconds = params.get("lease_secs", node.get("lease_secs"))
        node["lease_ms"] = self.lease_ms if seconds is None else seconds * 1000
        if "timeout_secs" in node:
            node["deadline"] = self.now + node["timeout_secs"] * 1000
        node["status"] = "RUNNING"
        node["attempt"] += 1
        node["lease_id"] = self._new(fresh.get("lease_id"))
        node["lease_owner"] = params.get("lease_owner", "anonymous")
        node["ends"] = self._lease_end(node)
        node["acquired_at"] = node["updated_at"] = self.now
        node["said"] = None

    def _lease_end(self, node: Object) -> int:
        end: int = self.now + node["lease_ms"]
        return end if node["deadline"] is None else min(end, node["deadline"])

    def _left_behind(self, node_id: str) -> Object:
        node = self.nodes[node_id]
        failed = {"status": "FAILED"} if node["status"] == "FAILED" else {}
        return {"node_id": node_id, "result_payload": node["result_payload"], **failed}

    def _sweep(self, params: Object, _fresh: Object) -> None:
        nodes = [self.nodes[node_id] for node_id in self._task(params)["nodes"]]
        running = [node for node in nodes if node["status"] == "RUNNING"]
        waiting = [node for node in nodes if node["not_before"] is not None]
        for node in sorted(running, key=lambda node: (node["ends"], node["id"])):  # soonest first
            self._sweep_lease(node)
        for node in waiting:
            if node["not_before"] <= self.now:
                node["not_before"] = None
                self.event_count += 1  # that a moment has come is recorded and not shown

    def _sweep_lease(self, node: Object) -> None:
        ends, deadline = node["ends"], node["deadline"]
        is_over = deadline is not None and deadline <= self.now
        if ends > self.now or (self.is_honoured(ends) and not is_over):
            return
        if is_over and (ends >= deadline or self.is_honoured(ends)):
            error = {"kind": "timeout", "timeout_secs": node["timeout_secs"]}
            self._fail(node, "timed_out", "timeout", error)
        elif "retry" in node and node["retry"].get("on_expiry", True):
            self._expire(node)
        else:
            end_attempt(node, "expired", "PENDING", self.now)
            self._event(node["task_id"], ANY)

    def _expire(self, node: Object) -> None:
        """An expiry that counts."""
        status = "PENDING" if has_attempts_left(node) else "FAILED"
        end_attempt(node, "expired", status, self.now)
        node["counted"] += 1
        if status == "PENDING":
            self._event(node["task_id"], ANY)
            return
        error = {"kind": "attempts_exhausted", "attempts": told(node)}
        node["result_payload"] = error
        self._event(node["task_id"], node["id"], ANY, "FAIL_NODE", {"error": error})

    def _fail(
        self, node: Object, how: str, kind: Any, error: Any, wait: int | None = None, **said: Any
    ) -> None:
        """An attempt failed or timed out; `wait` is in milliseconds."""
        goes_on = has_attempts_left(node) and said.get("retryable", True)
        end_attempt(node, how, "PENDING" if goes_on else "FAILED", self.now, kind, error)
        if goes_on:
            after = pause(node) if wait is None else wait
            node["not_before"] = self.now + after if after else None
        else:
            if how == "timed_out":
                error = {**error, "attempts": told(node)}
                node["history"][-1] = {**node["history"][-1], "error": error}
            node["result_payload"] = error
        event_id = said.get("event_id", ANY)
        self._event(node["task_id"], node["id"], event_id, "FAIL_NODE", {"error": error})

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
        self.by_clients.add(self.event_count)
        return {"event_id": event_id}

    def _heartbeat(self, params: Object, fresh: Object) -> Object:
        if "leases" in params:
            return {"leases": [self._heartbeat_one(lease, fresh) for lease in params["leases"]]}
        node = self._node(params)
        self._refuse_cancelled(self._task(params))
        if params["lease_id"] != node["lease_id"]:
            raise Refused("stale_lease")
        node["ends"] = self._lease_end(node)
        node["updated_at"] = self.now
        self.event_count += 1  # a heartbeat is recorded and not shown
        return {"ok": True, "lease_expires_at": node["ends"] // 1000}

    def _heartbeat_one(self, lease: Object, fresh: Object) -> Object:
        """One of several: a refusal is its answer, and spoils no other."""
        try:
            return self._heartbeat(lease, fresh)
        except Refused as refused:
            return {"error": OneOf(refused.kinds)}

    def _finish(self, params: Object, fresh: Object) -> Object:
        """The end of a node, and then the next one, where it is asked for: both or neither."""
        wanted = params.get("acquire_next")
        if wanted is None:
            return self._end(params, fresh)
        if self._has_said(self._node(params), params):
            return {**self._end(params, fresh), "next": None}
        self._end(params, fresh, only_judge=True)
        if "task_id" in wanted:
            self._task(wanted)
        if "node_id" in wanted:
            self._node(wanted)
        answer = self._end(params, fresh)
        return {**answer, "next": self._acquire(wanted, fresh.get("next") or {})}

    def _has_said(self, node: Object, params: Object) -> bool:
        """Whether this very lease has ended the node in this way."""
        said = node["said"]
        return said is not None and said[:2] == (params["lease_id"], params["method"])

    def _end(self, params: Object, fresh: Object, *, only_judge: bool = False) -> Object:
        node = self._node(params)
        if self._has_said(node, params):
            answer: Object = node["said"][2]
            return answer
        self._refuse_cancelled(self._task(params))
        if params["lease_id"] != node["lease_id"]:
            raise Refused(*self._why_not(node, params["lease_id"]))
        if only_judge:
            return {}
        finish = {
            "CompleteNode": self._complete,
            "FailNode": self._fail_by_hand,
            "ReleaseNode": self._release,
        }
        self._use(node, params)
        answer = {"event_id": self._new(fresh.get("event_id"))}
        answer |= finish[params["method"]](node, params, answer["event_id"])
        node["said"] = (params["lease_id"], params["method"], answer)
        return answer

    def _complete(self, node: Object, params: Object, event_id: Any) -> Object:
        payload = params.get("payload")
        end_attempt(node, "completed", "COMPLETED", self.now)
        node["result_payload"] = payload
        self._event(node["task_id"], node["id"], event_id, "COMPLETE_NODE", {"result": payload})
        return {}

    def _fail_by_hand(self, node: Object, params: Object, event_id: Any) -> Object:
        seconds = params.get("retry_after_secs")
        wait = None if seconds is None else round(seconds * 1000)
        said = {"retryable": params.get("retryable", True), "event_id": event_id}
        self._fail(node, "failed", params.get("kind"), params.get("payload"), wait, **said)
        return {**self._goes_on(node), "attempt": node["attempt"]}

    def _release(self, node: Object, params: Object, event_id: Any) -> Object:
        end_attempt(node, "released", "PENDING", self.now, None, params.get("reason"))
        after = round(params.get("after_secs", 0) * 1000)
        node["not_before"] = self.now + after if after else None
        self._event(node["task_id"], node["id"], event_id)
        return self._goes_on(node)

    def _goes_on(self, node: Object) -> Object:
        moment = node["not_before"]
        return {
            "status": node["status"],
            "not_before": None if moment is None else moment / 1000,
        }

    def _retry(self, params: Object, _fresh: Object) -> Object:
        self._refuse_cancelled(self._task(params))
        if params.get("failed"):
            nodes = [self.nodes[node_id] for node_id in self._task(params)["nodes"]]
            chosen = [node for node in nodes if node["status"] == "FAILED"]
            while kept_back := [n for n in chosen if self._in_the_way(n, chosen)]:
                chosen = [node for node in chosen if node not in kept_back]
        else:
            chosen = [self._node(params)]
            if chosen[0]["status"] != "FAILED" or self._in_the_way(chosen[0], []):
                raise Refused("not_retryable")
        for node in chosen:
            node.update(status="PENDING", acquired_at=ANY, updated_at=self.now)
            node.update(result_payload=None, said=None, last_lease=None, counted=0, strikes=0)
            self._event(node["task_id"], node["id"])
        return {"node_ids": [node["id"] for node in chosen]}

    def _in_the_way(self, node: Object, with_it: list[Object]) -> bool:
        others = [other for other in self.nodes.values() if node["id"] in other["dependencies"]]
        return any(other["status"] != "PENDING" and other not in with_it for other in others)

    def _node_status(self, params: Object, _fresh: Object) -> Object:
        node = self._node(params)
        view = node_view(node, self.now)
        return {"node": view, "attempts": list(node["history"]), "checkpoint": None}

    def _status(self, params: Object, _fresh: Object) -> Object:
        task = self._task(params)
        nodes = [self.nodes[node_id] for node_id in task["nodes"]]
        return {
            "task": _task_view(task),
            "counts": counts(nodes),
            "nodes": [node_view(node, self.now) for node in nodes],
            "state": self.state(task),
            "usage": task["usage"],
            "budget": task["budget"],
            "next": None,
        }

    # What they are made of

    def _told(self, task: Object, node: Object, scope: str) -> list[Object]:
        """What agents committed and how nodes ended: the newest, up to the limit."""
        told = [event for event in task["events"] if event["action_type"] is not ANY]
        if scope == "none":
            return []
        if scope == "node":
            about = {node["id"], *node["dependencies"]}
            told = [event for event in told if event["node_id"] in about]
        return told[-self.event_limit :] if self.event_limit else []

    def _why_not(self, node: Object, lease_id: str) -> tuple[str, ...]:
        has_ended = node["status"] in ("COMPLETED", "FAILED")
        if (has_ended and node["last_lease"] == lease_id) or not node["attempt"]:
            return ("illegal_transition",)
        return ("stale_lease",)

    def _task(self, params: Object) -> Object:
        if params["task_id"] not in self.tasks:
            raise Refused("task_not_found")
        return self.tasks[params["task_id"]]

    def _node(self, params: Object) -> Object:
        task = self._task(params)
        for node in map(self.nodes.__getitem__, task["nodes"]):
            if params["node_id"] in (node["id"], node["name"]):
                return node
        raise Refused("node_not_found")

    def is_runnable(self, node_id: str) -> bool:
        """Whether the node could be acquired now."""
        node = self.nodes[node_id]
        is_ready = self.can_run(node_id) and node["not_before"] is None
        return is_ready and self.hands_out(self.tasks[node["task_id"]])

    def can_run(self, node_id: str) -> bool:
        """Whether the node waits for no other, be it for a moment."""
        node = self.nodes[node_id]
        before = [self.nodes[dependency] for dependency in node["dependencies"]]
        return node["status"] == "PENDING" and all(map(is_satisfied, before))

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


def _has_cycle(waits: dict[Any, set[Any]]) -> bool:
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


def _rfc3339(at: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
