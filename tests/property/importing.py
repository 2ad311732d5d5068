"""The rules about imports: plans from elsewhere, of which some is done, whole or in two pieces.

The rule this file keeps: like `asker` it looks things up and judges nothing.
"""

from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.core import NOW, uid
from tests.property.asker import UNKNOWN, Asker, Call
from tests.property.node_model import Object
from tests.property.strategies import JSON, Ask, Dag, asks, dags

NOT_OF_IMPORTS = ("initial_nodes", "parent_task_id", "timeout_secs", "dedupe_key")
LONG_AGO = 981_173_106.789
MOMENTS = (None, LONG_AGO, 0, -1.5, NOW / 1000 + 60)


class End(NamedTuple):
    """How a node came: with which status, result and time, each None where it says nothing."""

    status: str | None
    result: object
    ended_at: float | None


class Note(NamedTuple):
    """What was noted about some node; `has_id` picks an id: none, a new one, or one that is known.

    `which` picks the node, the last one being one that is not there.
    """

    which: int
    by_name: bool
    has_id: int
    action_type: str
    payload: object
    timestamp: float | None


ends = st.lists(
    st.builds(
        End,
        st.sampled_from([None, "PENDING", "COMPLETED", "COMPLETED", "FAILED"]),
        JSON,
        st.sampled_from(MOMENTS),
    ),
    min_size=1,
    max_size=4,
)
notes = st.lists(
    st.builds(
        Note,
        st.integers(0, 19),
        st.booleans(),
        st.sampled_from([*[0] * 5, *[1] * 5, 2]),
        st.sampled_from(["COMMIT_EVENT", "COMPLETE_NODE", "FAIL_NODE", ""]),
        JSON,
        st.sampled_from(MOMENTS),
    ),
    max_size=3,
)
sources = st.integers(0, 5)


class Importing(Asker):
    """Asks for what was done elsewhere to be taken over."""

    def send(self, *calls: Call, crash: int = 99) -> None:
        """Run the calls as one batch, and compare the answers."""
        raise NotImplementedError

    @precondition(lambda self: len(self.model.tasks) < 5)
    @rule(dag=dags(), ends=ends, notes=notes, source=sources, began=st.sampled_from(MOMENTS))
    def take_over(
        self, dag: Dag, ends: list[End], notes: list[Note], source: int, began: float | None
    ) -> None:
        """A plan of another tool, of which something may be done; some have been taken over."""
        told = self.registration(dag)
        nodes = [
            {**node, **_ended(ends[at % len(ends)])}
            for at, node in enumerate(told["initial_nodes"])
        ]
        params = {name: told[name] for name in told if name not in NOT_OF_IMPORTS}
        params |= {"source": f"s{source}", "nodes": nodes, "created_at": began}
        params["events"] = _each_id_once([self._note(each, nodes, with_id=True) for each in notes])
        self.send(("ImportTask", params))

    @precondition(lambda self: len(self.model.nodes) < 60)
    @rule(ask=asks, ends=ends, notes=notes, shape=st.lists(st.integers(0, 9), max_size=3))
    def go_on_taking_over(
        self, ask: Ask, ends: list[End], notes: list[Note], shape: list[int]
    ) -> None:
        """One more piece, mostly of a task that was imported."""
        tasks = [*self.model.tasks.values()]
        begun = [task for task in tasks if "imported_from" in task]
        task = self.pick(ask, begun or tasks)
        if task is None:
            return
        old = self.model.nodes_of(task)
        pending = [node for node in old if node["status"] == "PENDING"]
        nodes: list[Object] = []
        for at, number in enumerate(shape):
            before = [*old, *nodes]
            needed = [before[number % len(before)]["id"]] if before and number < 8 else []
            later = [pending[number % len(pending)]["id"]] if pending and number % 3 == 0 else []
            ended = _ended(ends[at % len(ends)])
            nodes.append({"id": self.node_id(), "dependencies": needed, "before": later, **ended})
        events = [self._note(each, [*nodes, *old], with_id=False) for each in notes]
        self.send(("AddNodes", {"task_id": task["id"], "nodes": nodes, "events": events}))

    def _note(self, note: Note, nodes: list[Object], *, with_id: bool) -> Object:
        among = [node for node in nodes if "id" in node]
        node = among[note.which % len(among)] if among and note.which < 19 else {"id": UNKNOWN}
        named = node.get("name") if note.by_name else None
        told: Object = {
            "node_id": node["id"] if named is None else named,
            "action_type": note.action_type,
            "payload": note.payload,
            "timestamp": note.timestamp,
        }
        if with_id and note.has_id:
            self.asked += 1
            known = sorted(self.model.event_ids)
            is_new = note.has_id == 1 or not known
            told["id"] = (
                uid(0x2_0000_0000 + self.asked) if is_new else known[note.which % len(known)]
            )
        return told


def _each_id_once(told: list[Object]) -> list[Object]:
    """Where an id is given again, without it: such a request is not even decoded."""
    seen: set[object] = set()
    for note in told:
        if note.get("id") in seen:
            del note["id"]
        elif "id" in note:
            seen.add(note["id"])
    return told


def _ended(end: End) -> Object:
    """Its fields; of a node that has not ended neither a result nor a time."""
    if end.status in ("COMPLETED", "FAILED"):
        told = {"status": end.status, "result_payload": end.result, "ended_at": end.ended_at}
        return {name: value for name, value in told.items() if value is not None}
    return {} if end.status is None else {"status": end.status}
