"""What the model of the contract knows, and what its methods are made of.

The rule this file keeps: like the model, it imports nothing of agentd.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

from tests.property.node_model import Object, is_satisfied

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
GRACE_MS = 10_000


class Refused(Exception):
    """The state does not allow it; `kinds` are the `data.kind`s that may say so."""

    def __init__(self, *kinds: str) -> None:
        super().__init__(*kinds)
        self.kinds = kinds


class ModelState:
    """A daemon's tasks, nodes and events. `now` is set from outside."""

    def __init__(self, now: int, lease_ms: int, event_limit: int) -> None:
        self.now = now
        self.lease_ms = lease_ms
        self.event_limit = event_limit
        self.back_at = 0
        self.tasks: dict[str, Object] = {}
        self.nodes: dict[str, Object] = {}
        self.event_count = 0
        self.ids: set[str] = set()

    def come_back(self) -> None:
        """The daemon was away until now: what ran out meanwhile is honoured for a while."""
        self.back_at = self.now

    def is_honoured(self, ends: int) -> bool:
        """Whether a lease that ended at `ends` is honoured because the daemon was away."""
        return ends <= self.back_at and self.now < self.back_at + min(GRACE_MS, self.lease_ms)

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
        before = [self.nodes[dependency] for dependency in node["dependencies"]]
        waits = node["not_before"] is not None or not all(map(is_satisfied, before))
        return node["status"] == "PENDING" and not waits

    def _told(self, task: Object) -> list[Object]:
        """What agents committed and how nodes ended: the newest, up to the limit."""
        told = [event for event in task["events"] if event["action_type"] is not ANY]
        return told[-self.event_limit :] if self.event_limit else []

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
            "timestamp": rfc3339(self.now),
        }
        self.tasks[task_id]["events"].append(event)
        self.tasks[task_id]["seqs"].append(self.event_count)


def counts(nodes: Any) -> dict[str, int]:
    """How many of the nodes are in which status, where any is."""
    statuses = [node["status"] for node in nodes]
    return {status: statuses.count(status) for status in STATUSES if status in statuses}


def task_view(task: Object) -> Object:
    return {name: task[name] for name in ("id", "goal", "context", "created_at")}


def rfc3339(at: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
