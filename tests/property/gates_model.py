"""Gates, as the model of the contract says them: which are open, since when, and how one ends.

The rule this file keeps: like the model, it imports nothing of agentd. Whether a gate is open is
looked up anew behind every command.
"""

from typing import Any
from unittest.mock import ANY

from tests.property.base_model import Refused
from tests.property.holding import Holding
from tests.property.node_model import Object, end_attempt

OF_GATES = {"priority", "not_before", "timeout_secs"}


class Gates(Holding):
    """The part of the model that is about gates."""

    def open_gates(self, task: Object) -> None:
        """What became ready is opened, and what is so no more is open no longer."""
        for node in self.nodes_of(task):
            if "gate" not in node:
                continue
            may_open = self.can_run(node["id"]) and node["not_before"] is None
            if may_open and not node["is_open"] and not task["cancelled"]:
                timeout = node["gate"].get("timeout_secs")
                node["until"] = None if timeout is None else self.now + round(timeout * 1000)
                node["opened"] = self.now, self.event_count + 1
                self._event(task["id"], node["id"])
            node["is_open"] = may_open and not task["cancelled"]

    def causes_of_gate(self, node: Object) -> list[Object]:
        """That it waits for a decision, once nothing else is missing."""
        moment = node["not_before"]
        is_due = moment is None or moment <= self.now
        if self.tasks[node["task_id"]]["cancelled"] or not self.can_run(node["id"]) or not is_due:
            return []
        until = node["until"] / 1000 if node["is_open"] and node["until"] is not None else None
        return [{"kind": "gate", "ask": node["gate"]["ask"], "until": until}]

    def change_gate(self, node: Object, said: Object) -> Object:
        """Its time is another, counted from now where it is open; the rest is as for all nodes."""
        if not {*said} & {*OF_SETTINGS} <= OF_GATES:
            raise Refused("invalid_params")
        if "timeout_secs" in said:
            node["gate"] = {**node["gate"], "timeout_secs": said["timeout_secs"]}
            node["until"] = self.now + said["timeout_secs"] * 1000
        return {name: value for name, value in said.items() if name != "timeout_secs"}

    def _decide_gate(self, params: Object, fresh: Object) -> Object:
        node = self._node(params)
        task = self._task(params)
        self._refuse_cancelled(task)
        if not node.get("is_open"):
            raise Refused("gate_not_open")
        event_id = self._new(fresh.get("event_id"))
        self._end_gate(node, params["decision"], params.get("by"), params.get("note"), event_id)
        self.open_gates(task)
        return {"event_id": event_id, "status": node["status"]}

    def _time_out_gates(self, params: Object, _fresh: Object) -> None:
        task = self.tasks.get(params["task_id"])
        for node in [] if task is None or task["cancelled"] else self.nodes_of(task):
            over = node.get("is_open") and node["until"] is not None and node["until"] <= self.now
            if over:
                self._end_gate(node, node["gate"]["on_timeout"], "timeout", None, ANY)
        if task is not None:
            self.open_gates(task)

    def _end_gate(self, node: Object, decision: str, by: Any, note: Any, event_id: Any) -> None:
        """Decided, acquired by whoever decided, and ended."""
        task_id, node_id = node["task_id"], node["id"]
        result = {"decision": decision, "by": by, "note": note}
        node.update(is_open=False, decided=result, result_payload=result, said=None)
        node.update(attempt=node["attempt"] + 1, lease_owner=by or "anonymous", lease_id=object())
        self._event(task_id, node_id, event_id)
        self._event(task_id, node_id)
        if decision == "approve":
            end_attempt(node, "completed", "COMPLETED", self.now)
            self._event(task_id, node_id, ANY, "COMPLETE_NODE", {"result": result})
        else:
            end_attempt(node, "failed", "FAILED", self.now, None, result)
            self._event(task_id, node_id, ANY, "FAIL_NODE", {"error": result})

    def _list_gates(self, params: Object, _fresh: Object) -> Object:
        """A page of those that are open, or were decided, in the order of their opening."""
        if "task_id" in params:
            self._task(params)
        listed = [node for node in self.nodes.values() if self._is_listed(node, params)]
        listed.sort(key=lambda node: node["opened"])
        if params.get("after") is not None:
            place = self.nodes[params["after"]]["opened"]
            listed = [node for node in listed if node["opened"] > place]
        page = listed[: params["limit"]]
        more = len(page) < len(listed)
        return {
            "gates": [_gate_view(node) for node in page],
            "next": page[-1]["id"] if more else None,
        }

    def _is_listed(self, node: Object, params: Object) -> bool:
        if "gate" not in node or params.get("task_id") not in (None, node["task_id"]):
            return False
        if params.get("open", True):
            return bool(node["is_open"] and not self.tasks[node["task_id"]]["cancelled"])
        return node["decided"] is not None


OF_SETTINGS = (*OF_GATES, "retry", "lease_secs", "requires", "limits")


def _gate_view(node: Object) -> Object:
    nothing = dict.fromkeys(("decision", "by", "note"))
    return {
        "task_id": node["task_id"],
        "node_id": node["id"],
        "name": node["name"],
        "ask": node["gate"]["ask"],
        "since": node["opened"][0] / 1000,
        "timeout_at": None if node["until"] is None else node["until"] / 1000,
        **(node["decided"] or nothing),
    }
