"""The rule that adds nodes to tasks that are there, in all states, with and without a flaw.

The rule this file keeps: like `asker` it looks things up and judges nothing.
"""

from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.property.asker import UNKNOWN, Asker, Call
from tests.property.node_model import Object
from tests.property.strategies import ALL_LABELS, Ask, asks, many_settings


class Addition(NamedTuple):
    """A new node: which of the others it depends on, and which it comes before.

    They are picked by number, among the new ones and those of the task; `strict` picks only such as
    are PENDING to come behind it.
    """

    depends_on: list[int]
    before: list[int]
    strict: bool
    settings: dict[str, object]


_picks = st.lists(st.integers(0, 11), max_size=2)
_few_picks: st.SearchStrategy[list[int]] = st.just([]) | st.just([]) | _picks
additions = st.lists(
    st.builds(
        Addition,
        _picks,
        _few_picks,
        st.sampled_from([True] * 9 + [False]),
        many_settings.map(lambda drawn: drawn[0]),
    ),
    min_size=1,
    max_size=3,
)


class Growing(Asker):
    """Asks for nodes to be added."""

    def send(self, *calls: Call, crash: int = 99) -> None:
        """Run the calls as one batch, and compare the answers."""
        raise NotImplementedError

    @precondition(lambda self: len(self.model.nodes) < 60)
    @rule(ask=asks, nodes=additions, flaw=st.sampled_from([*[""] * 9, "taken", "name", "unknown"]))
    def grow(self, ask: Ask, nodes: list[Addition], flaw: str) -> None:
        """A planner adds nodes, and may hold a lease meanwhile."""
        self.send(("AddNodes", self.growth(ask, nodes, flaw)))

    @precondition(lambda self: len(self.model.nodes) < 60)
    @rule(ask=asks, steps=st.lists(additions, min_size=2, max_size=4))
    def plan(self, ask: Ask, steps: list[list[Addition]]) -> None:
        """One that works a task off, and adds to it before each node ends."""
        wanted: Object = {"labels": ALL_LABELS}
        for nodes in steps:
            self.send(("AcquireNextNode", wanted))
            for held in self.held_nodes()[-1:]:
                wanted = {"labels": ALL_LABELS, "task_id": held["task_id"]}
                self.send(("AddNodes", self.growth(ask, nodes, "")))
                lease = {name: held[name] for name in ("task_id", "lease_id")}
                self.send(("CompleteNode", {**lease, "node_id": held["id"], "payload": 1}))

    def growth(self, ask: Ask, nodes: list[Addition], flaw: str) -> Object:
        """The params that add these nodes."""
        held = self.held_nodes()
        holder = held[ask.which % len(held)] if held and ask.which % 2 else None
        task_id = self.task_id(ask) if holder is None else holder["task_id"]
        old = [node for node in self.model.nodes.values() if node["task_id"] == task_id]
        pending = [node for node in old if node["status"] == "PENDING"]
        begun = [node for node in old if node["status"] != "PENDING"]
        specs: list[Object] = [
            {**self.moments(each.settings), "id": self.node_id()} for each in nodes
        ]
        for at, (spec, node) in enumerate(zip(specs, nodes, strict=True)):
            if at % 2 == 0:
                spec["name"] = f"added {self.added}"
            spec["dependencies"] = _picked(node.depends_on, [*begun, *old, *specs[:at]])
            spec["before"] = _picked(
                node.before, [*(pending if node.strict else old), *specs[at + 1 :]]
            )
        if flaw == "unknown" and specs:
            specs[-1]["before"].append(UNKNOWN)
        elif flaw == "taken" and specs and old:
            specs[-1]["id"] = old[0]["id"]
        elif flaw == "name" and specs and old and old[-1]["name"] is not None:
            specs[-1]["name"] = old[-1]["name"]
        params: Object = {"task_id": task_id, "nodes": specs, **ask.trace}
        if holder is not None:
            lease = {"node_id": holder["id"], "lease_id": self.lease(ask, holder)}
            params["lease"] = self.by_name(holder, lease)
        return params


def _picked(numbers: list[int], among: list[Object]) -> list[str]:
    """Ids or names of those, by turns."""
    return [
        node["name"] if number % 2 and node.get("name") is not None else node["id"]
        for number in numbers
        if among
        for node in [among[number % len(among)]]
    ]
