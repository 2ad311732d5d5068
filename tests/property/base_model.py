"""What every part of the model of the contract stands on: the state, the clock, ids and events.

The rule this file keeps: like the rest of the model it is written from the contract alone, and
imports nothing of agentd.

Times are Unix milliseconds inside and Unix seconds in what clients see.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

from tests.property.node_model import Object, is_satisfied

GRACE_MS = 10_000


class Refused(Exception):
    """The state does not allow it; `kinds` are the `data.kind`s that may say so."""

    def __init__(self, *kinds: str) -> None:
        super().__init__(*kinds)
        self.kinds = kinds


class Base:
    """What there is, at a moment that is set from outside."""

    def __init__(self, now: int, lease_ms: int, event_limit: int) -> None:
        self.now = now
        self.lease_ms = lease_ms
        self.event_limit = event_limit
        self.back_at = 0
        self.tasks: dict[str, Object] = {}
        self.nodes: dict[str, Object] = {}
        self.offered: list[set[str]] = []  # sets of labels that workers offer
        self.limits: dict[str, Object] = {}
        self.events_of_limits: list[tuple[int, Object]] = []  # and free locks, with their seqs
        self.locks: list[Object] = []  # as they began
        self.expired_locks: dict[str, Object] = {}  # by key, while nobody has taken it since
        self.event_count = 0
        self.ids: set[str] = set()
        self.by_clients: set[int] = set()  # the seqs of what CommitEvent wrote, or was imported
        self.event_ids: set[str] = set()  # those that came with events, and some of the daemon's

    def come_back(self) -> None:
        """The daemon was away until now: what ran out meanwhile is honoured for a while."""
        self.back_at = self.now

    def is_honoured(self, ends: int) -> bool:
        """Whether a lease that ended at `ends` is honoured because the daemon was away."""
        return ends <= self.back_at and self.now < self.back_at + min(GRACE_MS, self.lease_ms)

    def can_run(self, node_id: str) -> bool:
        """Whether the node waits for no other, be it for a moment."""
        node = self.nodes[node_id]
        before = [self.nodes[dependency] for dependency in node["dependencies"]]
        return node["status"] == "PENDING" and all(map(is_satisfied, before))

    def nodes_of(self, task: Object) -> list[Object]:
        """The task's nodes, in the order of their registration."""
        return [self.nodes[node_id] for node_id in task["nodes"]]

    def _task(self, params: Object) -> Object:
        if params["task_id"] not in self.tasks:
            raise Refused("task_not_found")
        return self.tasks[params["task_id"]]

    def _node(self, params: Object) -> Object:
        task = self._task(params)
        for node in self.nodes_of(task):
            if params["node_id"] in (node["id"], node["name"]):
                return node
        raise Refused("node_not_found")

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
        event = self._new_event(task_id, node_id, event_id, action_type, payload)
        self.tasks[task_id]["events"].append(event)
        self.tasks[task_id]["seqs"].append(self.event_count)

    def _new_event(
        self, task_id: str | None, node_id: Any, event_id: Any, action_type: Any, payload: Any
    ) -> Object:
        return {
            "id": event_id,
            "task_id": task_id,
            "node_id": node_id,
            "action_type": action_type,
            "payload": payload,
            "timestamp": rfc3339(self.now),
        }


def rfc3339(at: int) -> str:
    """A moment as clients see it."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
