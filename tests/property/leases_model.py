"""Leases in the model of the contract: how they begin, and last longer.

The rule this file keeps: like the model, it imports nothing of agentd.
"""

from unittest.mock import ANY

from tests.property.base_model import Refused
from tests.property.endings_model import Endings
from tests.property.holding import task_view
from tests.property.node_model import Object, place, told


class OneOf:
    """Equal to an error of one of these kinds."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._kinds = kinds

    def __eq__(self, error: object) -> bool:
        return isinstance(error, dict) and error["data"]["kind"] in self._kinds

    def __hash__(self) -> int:
        return hash(self._kinds)


class Leases(Endings):
    """The part of the model that is about acquiring nodes and holding them."""

    def _acquire(self, params: Object, fresh: Object) -> Object | None:
        self._settle(params)
        return self._hand_out(params, fresh)

    def _acquire_nodes(self, params: Object, fresh: Object) -> Object:
        """One after the other, each the first that there is then; what is due is settled once."""
        self._settle(params)
        told = [*fresh.get("leases", [])] + [{}] * params["count"]
        found = [self._hand_out(params, told[at]) for at in range(params["count"])]
        return {"leases": [lease for lease in found if lease is not None]}

    def _settle(self, wanted: Object) -> None:
        """What is due in the task that is named, or in all of them, the soonest first."""
        if "task_id" in wanted:
            self._task(wanted)
            if "node_id" in wanted:
                self._node(wanted)
            self.expire_locks()
            self._sweep(wanted, {})
            return
        self.expire_locks()
        leases = [
            (node["ends"], node["id"], node)
            for node in self.nodes.values()
            if node["ends"] and self._is_over(node)
        ]
        moments = [
            (node["not_before"], at, node)
            for at, node in enumerate(self.nodes.values())
            if node["not_before"] is not None and node["not_before"] <= self.now
        ]
        due = [node["task_id"] for _, _, node in (*sorted(leases), *sorted(moments))]
        for task_id in dict.fromkeys(due):
            self._sweep({"task_id": task_id}, {})

    def _hand_out(self, wanted: Object, fresh: Object) -> Object | None:
        """The first node that fits what is wanted, if there is one."""
        fitting = [node for node in self.nodes.values() if self._fits(node, wanted)]
        if not fitting:
            return None
        node = min(fitting, key=place)
        task = self.tasks[node["task_id"]]
        context = {"attempts": told(node), "checkpoint": node["checkpoint"]}
        self._lease(node, wanted, fresh)
        self.lock_for(node)
        self._event(task["id"], node["id"])
        view = self.view(node)
        shown = ("lease_id", "lease_owner", "lease_expires_at", "attempt", "name")
        return {
            "task_id": task["id"],
            "node_id": node["id"],
            **{name: view[name] for name in shown},
            "deadline_at": None if node["deadline"] is None else node["deadline"] / 1000,
            "context": {
                "task": task_view(task),
                "node": view,
                "completed_dependencies": list(map(self._left_behind, node["dependencies"])),
                "event_journal_limit": self.event_limit,
                "event_journal": self._told(task, node, wanted.get("context_scope", "task")),
                **context,
            },
        }

    def _fits(self, node: Object, wanted: Object) -> bool:
        of_task = wanted.get("task_id") in (None, node["task_id"])
        is_meant = wanted.get("node_id") in (None, node["id"], node["name"])
        is_named = "node_id" in wanted  # "this node, when it is runnable": by hand, without labels
        is_able = is_named or {*node.get("requires", ())} <= {*wanted.get("labels", ())}
        return of_task and is_meant and is_able and self.is_runnable(node["id"])

    def _lease(self, node: Object, params: Object, fresh: Object) -> None:
        seconds = params.get("lease_secs", node.get("lease_secs"))
        node["lease_ms"] = self.lease_ms if seconds is None else seconds * 1000
        if "timeout_secs" in node:
            node["deadline"] = self.now + node["timeout_secs"] * 1000
        self.take_slots(node)
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

    def _told(self, task: Object, node: Object, scope: str) -> list[Object]:
        """What agents committed and how nodes ended: the newest, up to the limit."""
        told = [event for event in task["events"] if event["action_type"] is not ANY]
        if scope == "none":
            return []
        if scope == "node":
            about = {node["id"], *node["dependencies"]}
            told = [event for event in told if event["node_id"] in about]
        return told[-self.event_limit :] if self.event_limit else []

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
