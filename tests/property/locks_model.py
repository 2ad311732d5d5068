"""Resource locks, as the model of the contract says them: a list of what is held, looked through.

The rule this file keeps: like the model, it imports nothing of agentd. What two keys have in common
is looked up in the paths that they name.
"""

from collections.abc import Iterator
from typing import Any
from unittest.mock import ANY

from tests.property.base_model import Base, Refused
from tests.property.node_model import Object

REPO = {"/r", "/r/a", "/r/b", "/r/c", "/r/s", "/r/s/c"}
NAMED: dict[str, set[str]] = {
    "dir:/r": REPO,
    "dir:/r/s": {"/r/s", "/r/s/c"},
    "file:/r/a": {"/r/a"},
    "file:/r/?": {"/r/a", "/r/b", "/r/c", "/r/s"},
    "file:/r/**/c": {"/r/c", "/r/s/c"},
    "dir:r": {"r", "r/a"},
    "file:r/a": {"r/a"},
    "branch main": {"branch main"},
}
"""What each key names, as far as any other of these does."""


class Locks(Base):
    """The part of the model that is about locks."""

    def in_way_of(self, key: str, mode: str) -> list[Object]:
        """The locks beside which none of this key can be held, as they began."""
        return [
            lock
            for lock in self.locks
            if NAMED[lock["key"]] & NAMED[key] and not lock["mode"] == mode == "shared"
        ]

    def causes_of_locks(self, node: Object) -> Iterator[Object]:
        """What is in the way of a node's own, each lock once."""
        told: list[Object] = []
        for key, mode in sorted(wishes(node)):
            told += [lock for lock in self.in_way_of(key, mode) if lock not in told]
        for lock in told:
            until = self._end_of_lock(lock) / 1000
            yield {"kind": "locked", "key": lock["key"], "lease_owner": lock["owner"]} | {
                "until": until
            }

    def lock_for(self, node: Object) -> None:
        """All of a node's own, bound to the lease that it has got."""
        for key, mode in wishes(node):
            self._begin(
                key=key,
                mode=mode,
                owner=node["lease_owner"],
                task_id=node["task_id"],
                node=node,
                node_id=node["id"],
                lease_id=ANY,
                metadata={},
            )

    def end_locks(self, nodes: list[Object]) -> None:
        """What was bound to the leases that these nodes had, one node after the other."""
        for node in nodes:
            for lock in [lock for lock in self.locks if lock["node"] is node]:
                self._end_lock(lock)

    def expire_locks(self) -> None:
        """What has lived as long as it might, the soonest first, one stream after the other."""
        over = [lock for lock in self.locks if lock["node"] is None and lock["ends"] <= self.now]
        over.sort(key=lambda lock: (lock["ends"], lock["lease_id"]))
        for lock in sorted(over, key=lambda lock: lock["task_id"] or "locks"):
            self._end_lock(lock)
            self.expired_locks[lock["key"]] = lock

    def _expire_locks(self, _params: Object, _fresh: Object) -> None:
        self.expire_locks()

    def _acquire_lock(self, params: Object, fresh: Object) -> Object | None:
        node = self._who_is_bound(params)
        self.expire_locks()
        self.settle_bound(node)
        key, mode = params["resource_key"], params.get("mode", "exclusive")
        if self.in_way_of(key, mode):
            return None
        lock = self._begin(
            key=key,
            mode=mode,
            owner=params.get("owner", "anonymous"),
            task_id=params.get("task_id"),
            node=node,
            node_id=params.get("node_id") if node is None else node["id"],
            lease_id=self._new(fresh.get("lease_id")),
            ttl=params.get("ttl_secs"),
            metadata=params.get("metadata", {}),
        )
        return {name: value for name, value in self._lock_view(lock).items() if name in TAKEN}

    def settle_bound(self, mine: Object | None) -> None:
        """What has run out and holds locks is settled for who wants one, but for `mine`."""
        raise NotImplementedError

    def _who_is_bound(self, params: Object) -> Object | None:
        if "task_id" in params:
            task = self._task(params)
        if "node_lease_id" not in params:
            return None
        node = self._node(params)
        if task["cancelled"]:
            raise Refused("task_cancelled")
        if node["lease_id"] != params["node_lease_id"]:
            raise Refused("stale_lease")
        return node

    def _begin(self, *, metadata: Any, ttl: int | None = None, **said: Any) -> Object:
        ends = self.now + (self.lease_ms if ttl is None else ttl * 1000)
        lock = {**said, "ends": ends, "metadata": metadata, "at": self.now, "seen": self.now}
        self.locks.append(lock)
        self.expired_locks.pop(lock["key"], None)
        self._lock_event(lock, "ACQUIRE_LOCK")
        return lock

    def _heartbeat_lock(self, params: Object, _fresh: Object) -> Object:
        lock = self._held_lock(params)
        if lock["node"] is None:
            if lock["ends"] <= self.now:
                raise Refused("lock_not_held")
            ttl = params.get("ttl_secs")
            lock["ends"] = self.now + (self.lease_ms if ttl is None else ttl * 1000)
        lock["seen"] = self.now
        self.event_count += 1  # recorded, and not shown
        return {"ok": True, "lease_expires_at": self._end_of_lock(lock) // 1000}

    def _release_lock(self, params: Object, _fresh: Object) -> Object:
        expired = self.expired_locks.get(params["resource_key"])
        is_taken = bool(self.in_way_of(params["resource_key"], "shared"))
        if expired is not None and not is_taken and expired["lease_id"] == params["lease_id"]:
            del self.expired_locks[params["resource_key"]]
            self._lock_event(expired, "RELEASE_LOCK")
        else:
            self._end_lock(self._held_lock(params), "RELEASE_LOCK")
        return {"ok": True}

    def _held_lock(self, params: Object) -> Object:
        for lock in self.locks:
            is_meant = lock["lease_id"] is not ANY and lock["lease_id"] == params["lease_id"]
            if is_meant and lock["key"] == params["resource_key"]:
                return lock
        raise Refused("lock_not_held")

    def _list_locks(self, params: Object, _fresh: Object) -> Object:
        """All that has not expired, by key; of one key as they began."""
        held = [lock for lock in self.locks if lock["node"] is not None or lock["ends"] > self.now]
        held = [lock for lock in held if params.get("owner") in (None, lock["owner"])]
        held = [lock for lock in held if params.get("task_id") in (None, lock["task_id"])]
        held = [lock for lock in held if lock["key"].startswith(params.get("prefix", ""))]
        held = [lock for lock in held if lock["key"] > params.get("after", "")]
        held.sort(key=lambda lock: lock["key"])
        page = held[: params["limit"]]
        page += [lock for lock in held[len(page) :] if lock["key"] == page[-1]["key"]]
        more = len(page) < len(held)
        return {
            "locks": [self._lock_view(lock) for lock in page],
            "next": page[-1]["key"] if more else None,
        }

    def _end_lock(self, lock: Object, action_type: str = "EXPIRE_LOCK") -> None:
        self.locks.remove(lock)
        self._lock_event(lock, action_type)

    def _lock_event(self, lock: Object, action_type: str) -> None:
        if lock["task_id"] is not None:
            node = lock["node"]
            self._event(lock["task_id"], None if node is None else node["id"])
            return
        self.event_count += 1
        event = self._new_event(None, None, ANY, action_type, ANY)
        self.events_of_limits.append((self.event_count, event))

    def _end_of_lock(self, lock: Object) -> int:
        ends: int = lock["ends"] if lock["node"] is None else lock["node"]["ends"]
        return ends

    def _lock_view(self, lock: Object) -> Object:
        return {
            "resource_key": lock["key"],
            **{name: lock[name] for name in ("lease_id", "owner", "task_id", "node_id")},
            **{name: lock[name] for name in ("metadata", "mode")},
            "provider": None,
            "acquired_at": lock["at"] // 1000,
            "updated_at": lock["seen"] // 1000,
            "lease_expires_at": self._end_of_lock(lock) // 1000,
        }

    def number_of_locks(self) -> tuple[int, int]:
        """How many have not expired, and how many have."""
        over = sum(lock["node"] is None and lock["ends"] <= self.now for lock in self.locks)
        return len(self.locks) - over, over


TAKEN = (
    *("resource_key", "lease_id", "owner", "provider", "task_id", "node_id", "metadata"),
    *("acquired_at", "lease_expires_at"),
)
"""What is told of a lock when it is taken."""


def wishes(node: Object) -> list[tuple[str, str]]:
    """A node's own locks, each key once, with the stricter mode where it has two."""
    found: dict[str, str] = {}
    for each in node.get("locks", ()):
        key, mode = (each, "exclusive") if isinstance(each, str) else (each["key"], each["mode"])
        if key not in found or mode == "exclusive":
            found[key] = mode
    return [*found.items()]
