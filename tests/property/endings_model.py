"""How attempts end in the model of the contract: by their holder, by their time, and tried again.

The rule this file keeps: like the model, it imports nothing of agentd.
"""

from typing import Any
from unittest.mock import ANY

from tests.property.base_model import Refused
from tests.property.causes_model import Causes
from tests.property.node_model import Object, end_attempt, has_attempts_left, pause, told


class Endings(Causes):
    """The part of the model that is about the ends of attempts."""

    def _use(self, node: Object, params: Object) -> None:
        """Add what was used, in tenths: the model's own way to keep decimal numbers exact."""
        limits = [self.limits[name] for name in {*node.get("limits", ())}]
        for unit, amount in (params.get("usage") or {}).items():
            for user in (node, self.tasks[node["task_id"]], *limits):
                used = user["usage"] = dict(user["usage"])
                used[unit] = (round(used.get(unit, 0) * 10) + round(amount * 10)) / 10

    def _sweep(self, params: Object, _fresh: Object) -> None:
        nodes = self.nodes_of(self._task(params))
        over = [node for node in nodes if node["status"] == "RUNNING" and self._is_over(node)]
        waiting = [node for node in nodes if node["not_before"] is not None]
        sorted_over = sorted(over, key=lambda node: (node["ends"], node["id"]))  # soonest first
        for node in sorted_over:
            self._sweep_lease(node)
        for node in waiting:
            if node["not_before"] <= self.now:
                node["not_before"] = None
                self.event_count += 1  # that a moment has come is recorded and not shown
        self.open_gates(self._task(params))
        self.end_locks(sorted_over)

    def settle_bound(self, mine: Object | None) -> None:
        """See `Locks`: the tasks of such leases, the soonest first."""
        bound = [lock["node"] for lock in self.locks if lock["node"] is not None]
        over = [node for node in bound if self._is_over(node)]
        over.sort(key=lambda node: (node["ends"], node["id"]))
        kept = mine["task_id"] if mine is not None and mine in over else None
        for task_id in dict.fromkeys(node["task_id"] for node in over):
            if task_id != kept:
                self._sweep({"task_id": task_id}, {})

    def _is_over(self, node: Object) -> bool:
        """Whether the lease has run out, or its attempt took too long."""
        ends = node["ends"]
        return ends <= self.now and (not self.is_honoured(ends) or self._is_too_late(node))

    def _is_too_late(self, node: Object) -> bool:
        return node["deadline"] is not None and bool(node["deadline"] <= self.now)

    def _sweep_lease(self, node: Object) -> None:
        ends = node["ends"]
        if self._is_too_late(node) and (ends >= node["deadline"] or self.is_honoured(ends)):
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
        self.open_gates(self._task(params))
        self.end_locks([node])
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

    def _why_not(self, node: Object, lease_id: str) -> tuple[str, ...]:
        has_ended = node["status"] in ("COMPLETED", "FAILED")
        if (has_ended and node["last_lease"] == lease_id) or not node["attempt"]:
            return ("illegal_transition",)
        return ("stale_lease",)

    def _retry(self, params: Object, _fresh: Object) -> Object:
        self._refuse_cancelled(self._task(params))
        if params.get("failed"):
            nodes = self.nodes_of(self._task(params))
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
            if "gate" in node:
                node["decided"] = None
            self._event(node["task_id"], node["id"])
        self.open_gates(self._task(params))
        return {"node_ids": [node["id"] for node in chosen]}

    def _in_the_way(self, node: Object, with_it: list[Object]) -> bool:
        others = [other for other in self.nodes.values() if node["id"] in other["dependencies"]]
        return any(other["status"] != "PENDING" and other not in with_it for other in others)
