"""What holds a task, as the model of the contract says it: its state, cancelled, paused, used up.

The rule this file keeps: like the rest of the model it is written from the contract alone, and
imports nothing of agentd.
"""

from typing import Any
from unittest.mock import ANY

from tests.property.node_model import Object, end_attempt


class Refused(Exception):
    """The state does not allow it; `kinds` are the `data.kind`s that may say so."""

    def __init__(self, *kinds: str) -> None:
        super().__init__(*kinds)
        self.kinds = kinds


class Holding:
    """The part of the model that is about tasks as a whole."""

    now: int
    tasks: dict[str, Object]
    nodes: dict[str, Object]

    def _task(self, params: Object) -> Object:
        raise NotImplementedError

    def _event(self, task_id: str, node_id: Any) -> None:
        raise NotImplementedError

    def can_run(self, node_id: str) -> bool:
        raise NotImplementedError

    def _cancel(self, params: Object, _fresh: Object) -> Object:
        task = self._task(params)
        if task["cancelled"]:
            return {"ok": True, "cancelled": []}
        self._refuse_ended(task)
        return {"ok": True, "cancelled": self._cancel_all(task)}

    def _time_out(self, params: Object, _fresh: Object) -> None:
        task = self.tasks.get(params["task_id"])
        if task is None or task["ends"] is None or task["ends"] > self.now:
            return
        if self.state(task) in ("ACTIVE", "PAUSED"):
            self._cancel_all(task)

    def _pause(self, params: Object, _fresh: Object) -> Object:
        return self._set_paused(params, paused=True)

    def _resume(self, params: Object, _fresh: Object) -> Object:
        return self._set_paused(params, paused=False)

    def _set_paused(self, params: Object, *, paused: bool) -> Object:
        task = self._task(params)
        self._refuse_cancelled(task)
        self._refuse_ended(task)
        if task["paused"] != paused:
            task["paused"] = paused
            self._event(task["id"], ANY)
        return {"ok": True}

    def _set_budget(self, params: Object, _fresh: Object) -> Object:
        task = self._task(params)
        self._refuse_cancelled(task)
        task["budget"] = params["budget"]
        self._event(task["id"], ANY)
        return {"ok": True}

    def _cancel_all(self, task: Object) -> list[str]:
        """Cancel the task and all below it that goes on; its own event is the last one."""
        ids = {each["id"] for each in self._below(task) if self.state(each) in ("ACTIVE", "PAUSED")}
        below = [each for each in self.tasks.values() if each["id"] in ids]
        for each in [*below, task]:
            each["cancelled"] = True
            for node in map(self.nodes.__getitem__, each["nodes"]):
                if node["status"] == "RUNNING":
                    end_attempt(node, "revoked", "PENDING", self.now)
                    self._event(each["id"], ANY)
            self._event(each["id"], ANY)
        return [task["id"], *(each["id"] for each in below)]

    def _below(self, task: Object) -> list[Object]:
        children = [other for other in self.tasks.values() if other["parent"] == task["id"]]
        return [each for child in children for each in (child, *self._below(child))]

    def _bearer(self, key: str | None) -> Object | None:
        bearers = [t for t in self.tasks.values() if key is not None and t["dedupe_key"] == key]
        going_on = [t for t in bearers if self.state(t) in ("ACTIVE", "PAUSED")]
        return going_on[-1] if going_on else None

    def _end_of(self, seconds: float | None) -> int | None:
        return None if seconds is None else self.now + int(seconds * 1000)

    def _refuse_cancelled(self, task: Object) -> None:
        if task["cancelled"]:
            raise Refused("task_cancelled")

    def _refuse_ended(self, task: Object) -> None:
        if self.state(task) in ("COMPLETED", "FAILED"):
            raise Refused("task_ended")

    def _use(self, node: Object, params: Object) -> None:
        """Add what was used, in tenths: the model's own way to keep decimal numbers exact."""
        for unit, amount in (params.get("usage") or {}).items():
            for user in (node, self.tasks[node["task_id"]]):
                used = user["usage"] = dict(user["usage"])
                used[unit] = (round(used.get(unit, 0) * 10) + round(amount * 10)) / 10

    def hands_out(self, task: Object) -> bool:
        """Whether anything of the task is handed out now."""
        budget = (task["budget"] or {}).items()
        spent = any(task["usage"].get(unit, 0) >= most for unit, most in budget)
        return not (task["cancelled"] or task["paused"] or spent)

    def state(self, task: Object) -> str:
        """The task's state: the first that fits."""
        statuses = [self.nodes[node_id]["status"] for node_id in task["nodes"]]
        if task["cancelled"]:
            return "CANCELLED"
        if statuses and set(statuses) == {"COMPLETED"}:
            return "COMPLETED"
        is_stuck = "RUNNING" not in statuses and not any(map(self.can_run, task["nodes"]))
        if "FAILED" in statuses and is_stuck:
            return "FAILED"
        return "PAUSED" if task["paused"] else "ACTIVE"
