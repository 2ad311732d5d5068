"""What RegisterTask decides."""

from typing import Any

from agentd.decide import Registration
from agentd.errors import InvalidGraph, TaskIsCancelled, TaskNotFound
from agentd.events import NodeAdded, TaskCancelled, TaskRegistered
from agentd.journal import Draft
from tests.core import NOW, spec, uid
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


def test_what_holds_a_task_from_its_beginning() -> None:
    """The moment of its time-out is recorded, and whether its budget is reached already."""
    more: dict[str, Any] = {
        "labels": {"a": "b"},
        "budget": {"usd": 0},
        "paused": True,
        "timeout_secs": 1.5,
    }
    [draft] = (
        given(Registration(TASK, [], [], has_parent=True))
        .when("RegisterTask", goal="g", parent_task_id=OTHER, dedupe_key="k", **more)
        .drafts()
    )
    assert draft.event == TaskRegistered(
        "g",
        0,
        parent_task_id=OTHER,
        labels={"a": "b"},
        budget={"usd": 0},
        spent=True,
        paused=True,
        timeout_at=NOW + 1_500,
        dedupe_key="k",
    )


def test_a_task_that_goes_on_is_not_registered_again() -> None:
    """Whatever else is wrong with the request: nothing of it is looked at."""
    given(Registration(TASK, [NODE], [NODE], result_seq=7)).when(
        "RegisterTask", goal="g", initial_nodes=[spec(1, 1)], parent_task_id=OTHER
    ).then()


def test_a_parent_that_is_not_there() -> None:
    """The refusal names it."""
    given(Registration(TASK, [], [])).when("RegisterTask", goal="g", parent_task_id=OTHER).refused(
        TaskNotFound, OTHER
    )


def test_a_parent_that_is_cancelled() -> None:
    """The refusal names it and the reason."""
    cancelled = TaskCancelled("over", "me")
    given(Registration(TASK, [], [], has_parent=True, parent_cancelled=cancelled)).when(
        "RegisterTask", goal="g", parent_task_id=OTHER
    ).refused(TaskIsCancelled, OTHER, "over")
