"""Attempts in the model of the contract: they begin, end one by one, and are tried again.

The rule this file keeps: like the model, it imports nothing of agentd.
"""

from typing import Any
from unittest.mock import ANY

from tests.property.model_state import ModelState, Refused, task_view
from tests.property.node_model import (
    Object,
    end_attempt,
    has_attempts_left,
    node_view,
    pause,
    place,
    told,
)


class Attempts(ModelState):
    """The methods that concern attempts."""

    def _acquire(self, params: Object, fresh: Object) -> Object | None:
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
                "task": task_view(task),
                "node": view,
                "completed_dependencies": list(map(self._left_behind, node["dependencies"])),
                "event_journal_limit": self.event_limit,
                "event_journal": self._told(task),
                **context,
            },
        }

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
        task = self._task(params)
        for node in map(self.nodes.__getitem__, task["nodes"]):
            if node["status"] == "RUNNING":
                self._sweep_lease(node)
            elif node["not_before"] is not None and node["not_before"] <= self.now:
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

    def _heartbeat(self, params: Object, _fresh: Object) -> Object:
        node = self._node(params)
        if params["lease_id"] != node["lease_id"]:
            raise Refused("stale_lease")
        node["ends"] = self._lease_end(node)
        node["updated_at"] = self.now
        self.event_count += 1  # a heartbeat is recorded and not shown
        return {"ok": True, "lease_expires_at": node["ends"] // 1000}

    def _finish(self, params: Object, fresh: Object) -> Object:
        node = self._node(params)
        said = (params["lease_id"], params["method"])
        if node["said"] is not None and node["said"][:2] == said:
            answer: Object = node["said"][2]
            return answer
        if params["lease_id"] != node["lease_id"]:
            raise Refused(*self._why_not(node, params["lease_id"]))
        finish = {
            "CompleteNode": self._complete,
            "FailNode": self._fail_by_hand,
            "ReleaseNode": self._release,
        }
        answer = {"event_id": self._new(fresh.get("event_id"))}
        answer |= finish[params["method"]](node, params, answer["event_id"])
        node["said"] = (*said, answer)
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

    def _why_not(self, node: Object, lease_id: str) -> tuple[str, ...]:
        has_ended = node["status"] in ("COMPLETED", "FAILED")
        if (has_ended and node["last_lease"] == lease_id) or not node["attempt"]:
            return ("illegal_transition",)
        return ("stale_lease",)
