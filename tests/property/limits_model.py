"""Limits, as the model of the contract says them: how many run, how often, and until when closed.

The rule this file keeps: like the model, it imports nothing of agentd. What runs and what waits is
counted one by one.
"""

from collections.abc import Iterator
from typing import Any
from unittest.mock import ANY

from tests.property.base_model import Base, Refused
from tests.property.node_model import Object


class Limits(Base):
    """The part of the model that is about limits."""

    def name_limits(self, node: Object) -> None:
        """A node names its limits: they are there from now on, and limit nothing."""
        for name in node.get("limits", ()):
            self.limits.setdefault(name, _new_limit(name))

    def _set_limit(self, params: Object, _fresh: Object) -> Object:
        limit = self.limits.setdefault(params["name"], _new_limit(params["name"]))
        said = {"max_running": params["max_running"], "rate": params.get("rate")}
        if not limit["known"] or any(limit[name] != value for name, value in said.items()):
            limit.update(said, known=True)
            self._limit_event("SET_LIMIT")
        if limit["rate"] is None:
            limit["starts"] = []
        return {"ok": True}

    def _close_limit(self, params: Object, _fresh: Object) -> Object:
        if params["name"] not in self.limits:
            raise Refused("limit_unknown")
        limit = self.limits[params["name"]]
        until = round(params["until"] * 1000) if "until" in params else None
        until = self.now + round(params["for_secs"] * 1000) if until is None else until
        if not limit["known"] or until > self.now or self._is_closed(limit):
            limit.update(known=True, closed_until=until, reason=params.get("reason"))
            self._limit_event("CLOSE_LIMIT")
        return {"ok": True}

    def _list_limits(self, params: Object, _fresh: Object) -> Object:
        """A page of those that were set or closed, by name."""
        names = sorted(name for name, limit in self.limits.items() if limit["known"])
        listed = [self._limit_view(name) for name in names if name > params.get("after", "")]
        page = listed[: params["limit"]]
        return {"limits": page, "next": page[-1]["name"] if len(page) < len(listed) else None}

    def _limit_view(self, name: str) -> Object:
        limit = self.limits[name]
        named = [node for node in self.nodes.values() if name in node.get("limits", ())]
        ready = [node for node in named if self.can_run(node["id"])]
        is_closed = self._is_closed(limit)
        return {
            **{field: limit[field] for field in ("name", "max_running", "rate", "usage")},
            "running": self._running(name),
            "waiting": sum(not self.tasks[node["task_id"]]["cancelled"] for node in ready),
            "closed_until": limit["closed_until"] / 1000 if is_closed else None,
            "reason": limit["reason"] if is_closed else None,
        }

    def causes_of_limits(self, node: Object) -> Iterator[Object]:
        """Which limits of the node have no slot now, and why."""
        limits = [self.limits[name] for name in sorted({*node.get("limits", ())})]
        for limit in filter(self._is_closed, limits):
            reason = {} if limit["reason"] is None else {"reason": limit["reason"]}
            until = limit["closed_until"] / 1000
            yield {"kind": "limit_closed", "limit": limit["name"], "until": until, **reason}
        for limit in limits:
            most = limit["max_running"]
            if most is not None and self._running(limit["name"]) >= most:
                yield {"kind": "limit_full", "limit": limit["name"]}
        for limit in limits:
            if (moment := self._has_room_at(limit)) > self.now:
                yield {"kind": "rate", "limit": limit["name"], "until": moment / 1000}

    def take_slots(self, node: Object) -> None:
        """Count the acquisition of a node for the rates that there are."""
        for name in {*node.get("limits", ())}:
            if self.limits[name]["rate"] is not None:
                self.limits[name]["starts"].append(self.now)

    def _has_room_at(self, limit: Object) -> Any:
        """The first moment at which fewer than `count` acquisitions are within the time."""
        if limit["rate"] is None:
            return 0
        newest = limit["starts"][-limit["rate"]["count"] :]
        is_full = len(newest) == limit["rate"]["count"]
        return newest[0] + limit["rate"]["per_secs"] * 1000 if is_full else 0

    def _running(self, name: str) -> int:
        running = [node for node in self.nodes.values() if node["status"] == "RUNNING"]
        return sum(name in node.get("limits", ()) for node in running)

    def _is_closed(self, limit: Object) -> bool:
        return limit["closed_until"] is not None and bool(limit["closed_until"] > self.now)

    def _limit_event(self, action_type: str) -> None:
        self.event_count += 1
        event = self._new_event(None, None, ANY, action_type, ANY)
        self.events_of_limits.append((self.event_count, event))


def _new_limit(name: str) -> Object:
    return {
        "name": name,
        "known": False,
        "max_running": None,
        "rate": None,
        "closed_until": None,
        "reason": None,
        "starts": [],
        "usage": {},
    }
