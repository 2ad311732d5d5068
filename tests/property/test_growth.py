"""What may be added to a graph: exactly what leaves it without a cycle."""

from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from agentd.errors import InvalidGraph
from agentd.store.memory import MemoryStore
from tests.core import Core, spec, uid
from tests.property.node_model import Object

MOST = 12


class Plan(NamedTuple):
    """A graph by places, how much of it is done, and what is added: needed places, and followers.

    Of an added node both are places too; those behind the old ones are of the new ones.
    """

    shape: list[list[int]]
    done: int
    added: list[tuple[list[int], list[int]]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any graph without a cycle, mostly a deep one, and any nodes to be added to it."""
    size = draw(st.integers(2, MOST))
    needed = [st.lists(st.integers(max(at - 3, 0), at - 1), min_size=1) for at in range(1, size)]
    shape = [[], *(sorted({*draw(places)}) for places in needed)]
    new = draw(st.integers(1, 3))
    places = st.lists(st.integers(0, size + new - 1), max_size=2, unique=True)
    added = draw(st.lists(st.tuples(places, places), min_size=new, max_size=new))
    return Plan(shape, draw(st.sampled_from([0, 0, 0, 1, size // 2])), added)


def is_dag(waits: dict[int, set[int]]) -> bool:
    """Whether all of it can be put in an order."""
    try:
        TopologicalSorter(waits).prepare()
    except CycleError:
        return False
    return True


@given(plans())
def test_what_is_added_leaves_a_graph(plan: Plan) -> None:
    """Nodes are added if, and only if, old and new edges together have no cycle."""
    core = Core(MemoryStore())
    task_id = core.register(*(spec(at, *needed) for at, needed in enumerate(plan.shape)))
    for _ in range(plan.done):
        core.do("CompleteNode", **core.hold(task_id).params)
    size = len(plan.shape)
    waits = {at: {*needed} for at, needed in enumerate(plan.shape)}
    waits |= {size + at: {*needed} for at, (needed, _) in enumerate(plan.added)}
    for at, (_, followers) in enumerate(plan.added):
        for follower in followers:
            waits[follower].add(size + at)
    nodes: list[Object] = [
        {**spec(size + at, *needed), "before": [uid(each) for each in followers]}
        for at, (needed, followers) in enumerate(plan.added)
    ]
    followed = {uid(each) for _, followers in plan.added for each in followers}
    status = {
        node["id"]: node["status"] for node in core.do("TaskStatus", task_id=task_id)["nodes"]
    }
    pending = all(status.get(each, "PENDING") == "PENDING" for each in followed)
    try:
        core.do("AddNodes", task_id=task_id, nodes=nodes)
        was_added = True
    except InvalidGraph:
        was_added = False
    assert was_added is (pending and is_dag(waits))
    if was_added:  # then all of it can be done
        for _ in range(size + len(nodes) - plan.done):
            core.do("CompleteNode", **core.hold(task_id).params)
