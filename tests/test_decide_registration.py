"""What RegisterTask decides."""

from agentd.decide import Registration
from agentd.errors import InvalidGraph
from agentd.events import NodeAdded, TaskRegistered
from agentd.journal import Draft
from tests.core import spec, uid
from tests.given import NODE, TASK, given

OTHER = uid(0x2)
EMPTY = b"{}"


def test_a_task_without_nodes_is_registered() -> None:
    """A task needs no nodes; its context is {} by default."""
    given(Registration(TASK, [], [])).when("RegisterTask", goal="g").then(
        Draft(TaskRegistered("g", 0), payload=EMPTY)
    )


def test_a_task_is_registered_with_its_nodes() -> None:
    """Each node is added at its position, PENDING, waiting for its dependencies."""
    nodes = [spec(2, 1), spec(1, payload_schema=[1])]
    given(Registration(TASK, [OTHER, NODE], [])).when(
        "RegisterTask", goal="g", context=[0], initial_nodes=nodes
    ).then(
        Draft(TaskRegistered("g", 2), payload=b"[0]"),
        Draft(NodeAdded(0, (NODE,), 1, "PENDING"), OTHER, EMPTY),
        Draft(NodeAdded(1, (), 0, "PENDING"), NODE, b"[1]"),
    )


def test_a_duplicated_dependency_counts_once() -> None:
    """A dependency named twice is one dependency, waited for once."""
    nodes = [spec(1), spec(2, 1, 1)]
    drafts = (
        given(Registration(TASK, [NODE, OTHER], []))
        .when("RegisterTask", goal="g", initial_nodes=nodes)
        .drafts()
    )
    assert drafts[2].event == NodeAdded(1, (NODE,), 1, "PENDING")


def test_a_graph_that_is_not_a_dag_is_refused() -> None:
    """A cycle refuses the registration and is named."""
    given(Registration(TASK, [NODE, OTHER], [])).when(
        "RegisterTask", goal="g", initial_nodes=[spec(1, 2), spec(2, 1)]
    ).refused(InvalidGraph, NODE, OTHER, "cycle")


def test_a_node_id_that_is_taken_is_refused() -> None:
    """A node id that the database has already refuses the registration; choose another."""
    given(Registration(TASK, [NODE], [NODE])).when(
        "RegisterTask", goal="g", initial_nodes=[spec(1)]
    ).refused(InvalidGraph, NODE, "choose another id")
