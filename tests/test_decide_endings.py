"""What CompleteNode and FailNode decide: an end, once, by the holder of the lease."""

import pytest
from msgspec.structs import replace

from agentd.decide import LeaseState, Ledger, NamedNode
from agentd.errors import (
    IllegalTransition,
    NodeNotFound,
    StaleLease,
    TaskIsCancelled,
    TaskNotFound,
)
from agentd.events import Event, NodeCompleted, NodeFailed, TaskCancelled
from agentd.journal import Draft
from agentd.projections import NodeRow
from tests.core import LEASE_MS, NOW, context, uid
from tests.given import (
    COMPLETED,
    FAILED,
    HELD_AGAIN,
    LEASE,
    NODE,
    OLD_LEASE,
    OTHER_LEASE,
    PENDING,
    ROLLED_BACK,
    RUNNING,
    STATE_ROW,
    TASK,
    given,
    held,
    node,
)

METHODS = ["CompleteNode", "FailNode"]
OWNER = "worker-1"


def test_the_holder_completes_the_node() -> None:
    """The result is kept as it came in."""
    given(node(RUNNING)).when("CompleteNode", **held(), result_payload=[1]).then(
        Draft(NodeCompleted(LEASE, "COMPLETED", lease_owner=OWNER), NODE, b"[1]")
    )


def test_the_holder_fails_the_node() -> None:
    """The error is kept as it came in."""
    given(node(RUNNING)).when("FailNode", **held(), error_payload={"why": "x"}).then(
        Draft(NodeFailed(LEASE, "FAILED", lease_owner=OWNER), NODE, b'{"why":"x"}')
    )


@pytest.mark.parametrize(
    ("method", "event"),
    [
        ("CompleteNode", NodeCompleted(LEASE, "COMPLETED", lease_owner=OWNER)),
        ("FailNode", NodeFailed(LEASE, "FAILED", lease_owner=OWNER)),
    ],
)
def test_an_end_without_a_payload(method: str, event: NodeCompleted | NodeFailed) -> None:
    """A payload that is left out is null, and `payload` is another name for it."""
    given(node(RUNNING)).when(method, **held()).then(Draft(event, NODE, b"null"))
    given(node(RUNNING)).when(method, **held(), payload=1).then(Draft(event, NODE, b"1"))


@pytest.mark.parametrize("method", METHODS)
def test_an_end_after_the_lease_ran_out_still_counts(method: str) -> None:
    """Until the rollback is recorded nobody else can hold the node, so its end counts."""
    late = context(now=NOW + 2 * LEASE_MS)
    assert len(given(node(RUNNING)).when(method, late, **held()).drafts()) == 1


ENDS = [
    ("CompleteNode", COMPLETED, NodeCompleted(LEASE, "COMPLETED")),
    ("FailNode", FAILED, NodeFailed(LEASE, "FAILED")),
]


@pytest.mark.parametrize(("method", "row", "end"), ENDS)
def test_a_repeat_yields_no_events(method: str, row: NodeRow, end: Event) -> None:
    """The lease that ended the node may say so again, and nothing happens."""
    given(node(row, last_end=end)).when(method, **held(), payload="another").then()


@pytest.mark.parametrize(("method", "row", "end"), ENDS)
def test_the_other_end_is_no_repeat(method: str, row: NodeRow, end: Event) -> None:
    """A node that has one end cannot get the other, not even from the lease that ended it."""
    for other in {*METHODS, "ReleaseNode"} - {method}:
        given(node(row, last_end=end)).when(other, **held()).refused(IllegalTransition, row.status)


@pytest.mark.parametrize("method", METHODS)
def test_a_node_that_nobody_acquired_has_no_end(method: str) -> None:
    """There is no edge from PENDING to an end."""
    given(node(PENDING)).when(method, **held()).refused(IllegalTransition, "PENDING")


@pytest.mark.parametrize(("method", "row"), [("CompleteNode", PENDING), ("FailNode", COMPLETED)])
def test_an_illegal_transition_names_the_node(method: str, row: NodeRow) -> None:
    """The refusal of the machine says which node it was about."""
    given(node(row)).when(method, **held()).refused(IllegalTransition, NODE)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("row", [RUNNING, COMPLETED, FAILED])
def test_another_lease_ends_nothing(method: str, row: NodeRow) -> None:
    """A lease that is not the node's is stale, whether the node runs or has ended."""
    given(node(row)).when(method, **held(OTHER_LEASE)).refused(
        StaleLease, OTHER_LEASE, "acquire again"
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("row", [ROLLED_BACK, HELD_AGAIN])
def test_a_rolled_back_lease_ends_nothing(method: str, row: NodeRow) -> None:
    """After the rollback every write with the old lease is refused."""
    given(node(row)).when(method, **held(OLD_LEASE)).refused(StaleLease, OLD_LEASE, "acquire again")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK])
def test_nothing_ends_in_a_cancelled_task(method: str, row: NodeRow) -> None:
    """Whatever lease is sent, the refusal says that the task was cancelled, and why."""
    cancelled = replace(node(row), cancelled=TaskCancelled("no need", ancestor=OTHER_LEASE))
    given(cancelled).when(method, **held()).refused(
        TaskIsCancelled, TASK, "no need", f"with task {OTHER_LEASE}"
    )


@pytest.mark.parametrize(("method", "row", "end"), ENDS)
def test_a_repeat_in_a_cancelled_task(method: str, row: NodeRow, end: Event) -> None:
    """An end that counted counts, whatever became of the task."""
    given(node(row, last_end=end, cancelled=TaskCancelled())).when(method, **held()).then()


@pytest.mark.parametrize(("amount", "spent"), [(0.5, False), (0.6, True), (9, True)])
def test_an_end_that_tells_its_usage(amount: float, spent: bool) -> None:  # noqa: FBT001
    """It says whether the task has reached its budget with that."""
    charged = replace(node(RUNNING), ledger=Ledger({"usd": 0.4}, {"usd": 1}))
    given(charged).when("CompleteNode", **held(), usage={"usd": amount}).then(
        Draft(
            NodeCompleted(
                LEASE, "COMPLETED", lease_owner=OWNER, usage={"usd": amount}, spent=spent
            ),
            NODE,
            b"null",
        )
    )


@pytest.mark.parametrize(("method", "row", "end"), ENDS)
def test_the_next_node_of_an_unknown_task(method: str, row: NodeRow, end: Event) -> None:
    """Both or neither: the node does not end either. A repeat asks for nothing more."""
    gone = LeaseState(uid(9), 0)
    wanted = {"task_id": uid(9)}
    given(replace(node(RUNNING), wanted_next=gone)).when(
        method, **held(), acquire_next=wanted
    ).refused(TaskNotFound, uid(9))
    ended = node(row, last_end=end, wanted_next=gone)
    given(ended).when(method, **held(), acquire_next=wanted).then()


@pytest.mark.parametrize("method", METHODS)
def test_the_next_node_that_is_unknown(method: str) -> None:
    """The node does not end either."""
    wanted = LeaseState(TASK, 3, STATE_ROW, wanted=NamedNode("no such name", None))
    given(replace(node(RUNNING), wanted_next=wanted)).when(
        method, **held(), acquire_next={"task_id": TASK, "node_id": "no such name"}
    ).refused(NodeNotFound, "no such name")
