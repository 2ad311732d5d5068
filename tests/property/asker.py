"""Turns what was drawn into requests about the state as it is when they are sent.

The rule this file keeps: it looks things up and judges nothing. An ask about "the third running
node" becomes a request about that node, a graph by places one by ids, its flaw included.
"""

from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

from tests.core import uid
from tests.property.model import Model
from tests.property.node_model import Object
from tests.property.strategies import (
    CLOSINGS,
    LIMIT_CHANGES,
    LOCK_KEYS,
    LOCK_MODES,
    OF_LIMITS,
    OF_LOCKS,
    OF_TASKS,
    UPDATES,
    Ask,
    Dag,
    Lease,
)

UNKNOWN = uid(0xDEAD)
LAST_PICK = 19
SCOPES = ("task", "task", "task", "node", "none")
OTHER_TASK_PICK = 18
Call = tuple[str, Object]
WITHOUT_LEASE = ("UpdateNode", "DecideGate", "expire_locks", *OF_LOCKS)
ENDINGS = ("CompleteNode", "FailNode", "ReleaseNode")
SAYS = {
    "FailNode": ("retryable", "retry_after_secs", "kind"),
    "ReleaseNode": ("reason", "after_secs"),
}
"""What each method takes besides."""


class Asker:
    """Knows the state by the model, and by `leases` every lease that a node ever had."""

    model: Model

    def __init__(self) -> None:
        super().__init__()
        self.added = 0
        self.asked = 0
        self.leases: dict[str, list[str]] = {}

    def call(self, ask: Ask) -> Call:
        """The request that the ask is about at this moment; where nothing is held, acquire."""
        held = self.held_nodes()
        needs_lease = ask.lease == "current" and ask.method not in (*OF_LIMITS, *WITHOUT_LEASE)
        if ask.method == "AcquireNodes":
            return ask.method, {**self.wanted(ask), "count": 1 + ask.which % 4}
        if ask.method == "AcquireNextNode" or (needs_lease and not held):
            return "AcquireNextNode", self.wanted(ask)
        if ask.method in ABOUT:
            return ask.method, ABOUT[ask.method](self, ask)
        if ask.method == "heartbeats":
            return "HeartbeatNode", {"leases": self.held(ask)}
        return ask.method, self.of_node(ask, held)

    def held_nodes(self) -> list[Object]:
        """Those that somebody holds."""
        return [node for node in self.model.nodes.values() if node["lease_id"] is not None]

    def of_task(self, ask: Ask) -> Object:
        """The params of what is about a task as a whole."""
        params: Object = {"task_id": self.task_id(ask)}
        if ask.method in ("settle_due", "time_out_task", "time_out_gates"):
            return params
        if ask.method == "SetBudget":
            return {**params, "budget": ask.usage or None}
        return {**params, "reason": "why", "by": ask.owner}

    def of_node(self, ask: Ask, held: list[Object]) -> Object:
        """The params of what is about a node, mostly one that is held."""
        believes_in_one = ask.lease in ("current", "none") and held
        chosen = held if believes_in_one else [*self.model.nodes.values()]
        some_task = next(iter(self.model.tasks), UNKNOWN)
        node = self.pick(ask, chosen) or {"id": UNKNOWN, "task_id": some_task}
        params: Object = {"task_id": node["task_id"], "node_id": node["id"]}
        if ask.which == OTHER_TASK_PICK:
            params["task_id"] = some_task
        if ask.lease != "none" or ask.method != "CommitEvent":
            params["lease_id"] = self.lease(ask, node)
        if ask.method not in ("HeartbeatNode", "ReleaseNode"):
            params |= {"payload": ask.payload, "usage": ask.usage}
        if ask.method == "CommitEvent" and not ask.which % 3:
            params["checkpoint"] = True
        if ask.method in ENDINGS and ask.which % 2:
            params["acquire_next"] = self.wanted(ask)
        params |= {name: ask.more[name] for name in SAYS.get(ask.method, ()) if name in ask.more}
        return self.by_name(node, params)

    def retry(self, ask: Ask) -> Object:
        """The params of RetryNode: for a node, mostly one that failed, or for all."""
        if "failed" in ask.more:
            return {"task_id": self.task_id(ask), "failed": True}
        failed = [node for node in self.model.nodes.values() if node["status"] == "FAILED"]
        some_task = next(iter(self.model.tasks), UNKNOWN)
        node = self.pick(ask, failed or [*self.model.nodes.values()])
        node = node or {"id": UNKNOWN, "task_id": some_task}
        return self.by_name(node, {"task_id": node["task_id"], "node_id": node["id"]})

    def of_limit(self, ask: Ask) -> Object:
        """The params of what is about a limit, now and then one that nobody has named."""
        self.asked += 1
        params: Object = {"name": ("l1", "l2", "l1", "l2", "l3")[self.asked % 5]}
        if ask.method == "SetLimit":
            return {**params, **LIMIT_CHANGES[ask.which % len(LIMIT_CHANGES)]}
        return {**params, "by": ask.owner, **self.moments(CLOSINGS[ask.which % len(CLOSINGS)])}

    def update(self, ask: Ask) -> Object:
        """The params of UpdateNode: for a node, mostly one that is PENDING, or for all."""
        changes = self.moments(UPDATES[ask.which % len(UPDATES)])
        if "failed" in ask.more or "kind" in ask.more:
            return {"task_id": self.task_id(ask), **changes}
        nodes = [*self.model.nodes.values()]
        pending = [node for node in nodes if node["status"] == "PENDING"]
        unlucky = [node for node in pending if node["strikes"] > 2]
        others = [node for node in nodes if node["status"] != "PENDING"]
        meant = others if ask.lease == "over" else unlucky or pending
        node = self.pick(ask._replace(which=self.asked % 20), meant)
        node = node or {"id": UNKNOWN, "task_id": self.task_id(ask)}
        return self.by_name(node, {"task_id": node["task_id"], "node_id": node["id"], **changes})

    def forking(self, ask: Ask) -> Object:
        """The params of ForkTask: as it is, or with some to run again, now and then of nowhere."""
        params: Object = {"task_id": self.task_id(ask)}
        nodes = [n for n in self.model.nodes.values() if n["task_id"] == params["task_id"]]
        if ask.which % 3 == 0:
            return {**params, "failed": True, "goal": "again"}
        if ask.which % 3 == 1 and nodes:
            node = nodes[ask.which % len(nodes)]
            named = self.by_name(node, {"node_id": node["id"]})["node_id"]
            return {**params, "rerun": [named, UNKNOWN][: 1 + (ask.lease == "unknown")]}
        return params

    def decision(self, ask: Ask) -> Object:
        """The params of DecideGate: for a gate, mostly one that is open."""
        gates = [node for node in self.model.nodes.values() if "gate" in node]
        is_open = [node for node in gates if node["is_open"]]
        some_task = next(iter(self.model.tasks), UNKNOWN)
        node = self.pick(ask, is_open or gates or [*self.model.nodes.values()])
        node = node or {"id": UNKNOWN, "task_id": some_task}
        params: Object = {"task_id": node["task_id"], "node_id": node["id"]}
        params["decision"] = "reject" if ask.which % 3 == 0 else "approve"
        said = {"by": ask.owner, "note": "why"} if ask.which % 2 else {}
        return self.by_name(node, {**params, **said})

    def lock(self, ask: Ask) -> Object:
        """The params of AcquireResourceLock: for a task, for a node's lease, or for neither."""
        self.asked += 1
        key, mode = LOCK_KEYS[self.asked % len(LOCK_KEYS)], LOCK_MODES[ask.which % 3]
        params: Object = {"resource_key": key, "mode": mode, "owner": ask.owner}
        params |= {"ttl_secs": ask.more["lease_secs"]} if "lease_secs" in ask.more else {}
        if ask.which % 5 < 2:
            return {**params, "metadata": ask.payload}
        if ask.which % 5 == 2 or not self.held_nodes():
            return {**params, "task_id": self.task_id(ask), "node_id": UNKNOWN}
        node = self.pick(ask, self.held_nodes()) or {"id": UNKNOWN, "task_id": UNKNOWN}
        bound = {"task_id": node["task_id"], "node_id": node["id"]}
        return self.by_name(node, {**params, **bound, "node_lease_id": self.lease(ask, node)})

    def held_lock(self, ask: Ask) -> Object:
        """The params of what is about a lock, mostly one that is held."""
        known = [lock for lock in self.model.locks if lock["lease_id"] is not ANY]
        lock = self.pick(ask, known) or {"key": "branch main", "lease_id": UNKNOWN}
        params: Object = {"resource_key": lock["key"], "lease_id": lock["lease_id"]}
        if ask.lease == "unknown":
            params["lease_id"] = UNKNOWN
        if ask.method == "HeartbeatResourceLock" and "lease_secs" in ask.more:
            params["ttl_secs"] = ask.more["lease_secs"]
        return params

    def by_name(self, node: Object, params: Object) -> Object:
        """The same params, the node meant by its name where it has one and its number is odd."""
        self.asked += 1
        if node.get("name") is not None and self.asked % 2:
            return {**params, "node_id": node["name"]}
        return params

    def wanted(self, ask: Ask) -> Object:
        """Which node is asked for: one of a task, or of any; now and then one and no other."""
        params: Object = {"lease_owner": ask.owner, "context_scope": SCOPES[ask.which % 5]}
        if ask.offers:
            params["labels"] = ask.offers
        if "lease_secs" in ask.more:
            params["lease_secs"] = ask.more["lease_secs"]
        if ask.which % 3 or "node_id" in ask.more:
            params["task_id"] = self.task_id(ask)
        if "node_id" in ask.more:
            nodes = [n for n in self.model.nodes.values() if n["task_id"] == params["task_id"]]
            node = self.pick(ask, nodes) or {"id": "no such name"}
            return self.by_name(node, {**params, "node_id": node["id"]})
        return params

    def held(self, ask: Ask) -> list[Object]:
        """Leases of some nodes, as their holder believes them to be."""
        beliefs: tuple[Lease, ...] = ("current", "over", "current", "unknown")
        return [
            self.by_name(
                node,
                {
                    "task_id": node["task_id"],
                    "node_id": node["id"],
                    "lease_id": self.lease(ask._replace(lease=believed), node),
                },
            )
            for node, believed in zip(self.model.nodes.values(), beliefs, strict=False)
        ]

    def pick(self, ask: Ask, among: list[Any]) -> Any:
        """The one that the ask is about, now and then None."""
        return None if ask.which == LAST_PICK or not among else among[ask.which % len(among)]

    def task_id(self, ask: Ask) -> str:
        """A task's id, now and then one that is not there."""
        return str(self.pick(ask, [*self.model.tasks]) or UNKNOWN)

    def lease(self, ask: Ask, node: Object) -> str:
        """The lease that the sender believes in."""
        current = node.get("lease_id")
        over = [lease for lease in self.leases.get(node["id"], []) if lease != current]
        if ask.lease == "over" and over:
            return over[-1]
        return UNKNOWN if ask.lease == "unknown" else str(current or UNKNOWN)

    def registration(self, dag: Dag) -> Object:
        """The params that register this graph, its flaw included."""
        ids = [self.node_id() for _place in dag.shape]
        called = [f"n{at}" if dag.named and at % 2 else ids[at] for at in range(len(ids))]
        specs: list[Object] = [
            {"id": ids[at], "dependencies": [called[before] for before in places]}
            for at, places in enumerate(dag.shape)
        ]
        for at, spec in enumerate(specs):
            spec.update(self.moments(dag.settings[at % len(dag.settings)]))
            if called[at] != ids[at]:
                spec["name"] = called[at]
        if specs:
            self.spoil(dag, specs)
            specs[0]["payload_schema"] = dag.schema
        if dag.backwards:
            specs.reverse()
        if dag.anonymous:
            specs.append({"dependencies": ids[-1:]})
        holds = dag.holds._asdict()
        parent = holds.pop("parent")
        if parent is not None and (tasks := [*self.model.tasks]):
            holds["parent_task_id"] = tasks[parent] if parent < len(tasks) else UNKNOWN
        return {
            "goal": f"goal {len(self.model.tasks)}",
            "context": dag.schema,
            "initial_nodes": specs,
            **dag.of_task,
            **(
                {"node_defaults": self.moments(dag.of_task["node_defaults"])}
                if "node_defaults" in dag.of_task
                else {}
            ),
            **holds,
        }

    def moments(self, settings: Any) -> Object:
        """The settings, what lies so many seconds ahead as a moment."""
        now = self.model.now / 1000
        ahead = {name: now + settings[name] for name in ("not_before", "until") if name in settings}
        return {**settings, **ahead}

    def spoil(self, dag: Dag, specs: list[Object]) -> None:
        """Put the graph's flaw into its nodes."""
        first, last = specs[0], specs[-1]
        if dag.flaw == "cycle":
            last["dependencies"] = [*last["dependencies"], first["id"]]
            first["dependencies"] = [last["id"]]
        elif dag.flaw == "itself":
            last["dependencies"] = [last["id"]]
        elif dag.flaw == "unknown":
            last["dependencies"] = [*last["dependencies"], UNKNOWN]
        elif dag.flaw == "duplicate":
            specs.append({"id": first["id"], "dependencies": []})
        elif dag.flaw == "taken" and self.model.nodes:
            specs.append({"id": next(iter(self.model.nodes)), "dependencies": []})

    def node_id(self) -> str:
        """An id that no node has, its order unlike that of the registration."""
        self.added += 1
        return uid(self.added * 7919 % 65_521)


ABOUT: dict[str, Callable[[Asker, Ask], Object]] = {
    **dict.fromkeys(("settle_due", *OF_TASKS), Asker.of_task),
    **dict.fromkeys(OF_LIMITS, Asker.of_limit),
    "RetryNode": Asker.retry,
    "UpdateNode": Asker.update,
    "DecideGate": Asker.decision,
    "AcquireResourceLock": Asker.lock,
    "HeartbeatResourceLock": Asker.held_lock,
    "ReleaseResourceLock": Asker.held_lock,
    "expire_locks": lambda _asker, _ask: {},
}
"""What is about no lease."""
