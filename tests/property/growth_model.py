"""Plans that grow, as the model of the contract says it.

The rule this file keeps: like the rest of the model it is written from the contract alone, and
imports nothing of agentd. The whole graph is judged, the old nodes with the new ones.
"""

from typing import Any

from tests.property.base_model import Refused
from tests.property.leases_model import Leases
from tests.property.node_model import Object, new_node


class Growing(Leases):
    """The part of the model that is about nodes that are added."""

    def _add_nodes(self, params: Object, fresh: Object) -> Object:
        task = self._task(params)
        self._refuse_cancelled(task)
        if "lease" in params:
            holder = self._node({"task_id": task["id"], **params["lease"]})
            if holder["lease_id"] != params["lease"]["lease_id"]:
                raise Refused("stale_lease")
        specs = params["nodes"]
        self._refuse_additions(task, specs)
        order = self._ids_of(specs, fresh)
        meant = {node["name"]: node["id"] for node in self.nodes_of(task)}
        meant |= {spec.get("name"): node_id for spec, node_id in zip(specs, order, strict=True)}
        for spec, node_id in zip(specs, order, strict=True):
            needed = [meant.get(each, each) for each in spec.get("dependencies", [])]
            known = {**spec, "dependencies": list(dict.fromkeys(needed))}
            node = new_node(node_id, task["id"], known, task["said"], self.now)
            if params.get("traceparent"):
                node["traceparent"] = params["traceparent"]
            self.add_node(node, spec)
        later = self._put_before(specs, order, meant)
        task["nodes"] = [*task["nodes"], *order]
        for node_id in (*order, *later):
            self._event(task["id"], node_id)
        self.note_events(task, params)
        self.open_gates(task)
        return {"node_ids": order}

    def add_node(self, node: Object, _spec: Object) -> None:
        """It is there from now on."""
        self.nodes[node["id"]] = node
        self.name_limits(node)

    def note_events(self, task: Object, params: Object) -> None:
        """What was noted elsewhere, where the task was imported."""
        raise NotImplementedError

    def _ids_of(self, specs: list[Object], fresh: Object) -> list[Any]:
        """Those that were chosen, and new ones."""
        new_ids = fresh.get("node_ids") or [None] * len(specs)
        return [
            spec["id"] if "id" in spec else self._new(new_id)
            for spec, new_id in zip(specs, new_ids, strict=True)
        ]

    def _put_before(self, specs: list[Object], order: list[str], meant: Object) -> list[str]:
        """The nodes that were there and wait for new ones now, each once."""
        later: list[str] = []
        for spec, node_id in zip(specs, order, strict=True):
            for each in spec.get("before", []):
                follower = self.nodes[meant.get(each, each)]
                if node_id not in follower["dependencies"]:
                    follower["dependencies"] = [*follower["dependencies"], node_id]
                if follower["id"] not in order:
                    follower["updated_at"] = self.now
                    later.append(follower["id"])
        return list(dict.fromkeys(later))

    def _refuse_additions(self, task: Object, specs: list[Object]) -> None:
        old = self.nodes_of(task)
        waits: dict[Any, set[Any]] = {node["id"]: {*node["dependencies"]} for node in old}
        key = {node["name"]: node["id"] for node in old if node["name"] is not None}
        names = [spec["name"] for spec in specs if "name" in spec]
        ids = [spec["id"] for spec in specs if "id" in spec]
        alike = len({*ids}) != len(ids) or len({*names}) != len(names)
        if alike or {*names} & key.keys() or {*ids} & self.nodes.keys():
            raise Refused("invalid_graph")
        key |= {spec.get("name"): spec.get("id", spec.get("name")) for spec in specs}
        own = [spec.get("id", spec.get("name", at)) for at, spec in enumerate(specs)]
        waits |= {each: set() for each in own}
        for each, spec in zip(own, specs, strict=True):
            waits[each] |= {key.get(ref, ref) for ref in spec.get("dependencies", [])}
            for ref in (key.get(ref, ref) for ref in spec.get("before", [])):
                status = self.nodes[ref]["status"] if ref in self.nodes else "PENDING"
                if ref not in waits or status != "PENDING":
                    raise Refused("invalid_graph")
                waits[ref] = {*waits[ref], each}
        if not set().union(*waits.values()) <= waits.keys() or has_cycle(waits):
            raise Refused("invalid_graph")


def has_cycle(waits: dict[Any, set[Any]]) -> bool:
    """Whether there are nodes of which none could be the first."""
    left = dict(waits)
    while free := [node_id for node_id, before in left.items() if not before & left.keys()]:
        for node_id in free:
            del left[node_id]
    return bool(left)
