"""What holds a task, as the model of the contract says it: its state, cancelled, paused, used up.

The rule this file keeps: like the rest of the model it is written from the contract alone, and
imports nothing of agentd.
"""

from unittest.mock import ANY

from tests.property.base_model import Refused
from tests.property.locks_model import Locks
from tests.property.node_model import Object, end_attempt


class Holding(Locks):
    """The part of the model that is about tasks as a whole."""

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
        revoked: list[Object] = []
        for each in [*below, task]:
            each["cancelled"] = True
            for node in self.nodes_of(each):
                if node["status"] == "RUNNING":
                    revoked.append(node)
                    end_attempt(node, "revoked", "PENDING", self.now)
                    self._event(each["id"], ANY)
            self._event(each["id"], ANY)
        self.end_locks(revoked)
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

    def state(self, task: Object) -> str:
        """The task's state: the first that fits."""
        statuses = [node["status"] for node in self.nodes_of(task)]
        if task["cancelled"]:
            return "CANCELLED"
        if statuses and set(statuses) == {"COMPLETED"}:
            return "COMPLETED"
        is_stuck = "RUNNING" not in statuses and not any(map(self.can_run, task["nodes"]))
        if "FAILED" in statuses and is_stuck:
            return "FAILED"
        return "PAUSED" if task["paused"] else "ACTIVE"


def task_view(task: Object) -> Object:
    """What clients see of the task itself."""
    view = {name: task[name] for name in ("id", "goal", "context", "created_at")}
    origin: Object = {name: task[name] for name in ("forked_from", "imported_from") if name in task}
    traced = {"traceparent": task["traceparent"]} if task["traceparent"] else {}
    return {**view, **found_by(task), **origin, **traced}


def found_by(task: Object) -> Object:
    """What a task is shown with where it was given."""
    given = {"parent_task_id": task["parent"], "labels": task["labels"]}
    return {name: value for name, value in given.items() if value}
