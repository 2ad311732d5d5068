"""What registering, acquiring, rolling back, committing and heartbeats decide."""

import pytest
from msgspec.structs import replace

from agentd.decide import NodeState, Registration, TaskState
from agentd.errors import InvalidGraph, LeaseRequired, NodeNotFound, StaleLease, TaskNotFound
from agentd.events import (
    EventCommitted,
    LeaseExpired,
    LeaseExtended,
    NodeAcquired,
    NodeAdded,
    TaskRegistered,
)
from agentd.journal import Draft
from agentd.projections import NodeRow
from tests.core import LEASE_MS, NOW, Ids, context, spec, uid
from tests.given import (
    COMPLETED,
    ENDS,
    FAILED,
    HELD_AGAIN,
    LEASE,
    NODE,
    OLD_LEASE,
    OTHER_LEASE,
    PENDING,
    ROLLED_BACK,
    RUNNING,
    TASK,
    given,
    held,
    node,
    task,
)

FIRST_NEW_ID = Ids()()
EXPIRED = replace(RUNNING, lease_expires_at=NOW - 1)
OTHER = uid(0x2)
EMPTY = b"{}"

NODE_COMMANDS = ["CommitEvent", "HeartbeatNode", "CompleteNode", "FailNode"]
TASK_COMMANDS = ["AcquireNextNode", "roll_back_expired"]


def acquired(node_id: str, owner: str = "anonymous") -> Draft:
    return Draft(NodeAcquired(FIRST_NEW_ID, owner, ENDS, "RUNNING"), node_id)


def rolled_back(row: NodeRow) -> Draft:
    return Draft(
        LeaseExpired(row.lease_id or "", "worker-1", row.lease_expires_at or 0, "PENDING"),
        row.node_id,
    )


# RegisterTask


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


# AcquireNextNode and the daemon's own roll_back_expired


def test_a_runnable_node_is_acquired() -> None:
    """The owner gets a new lease from now until now + timeout."""
    given(task(runnable=PENDING)).when("AcquireNextNode", task_id=TASK, lease_owner="w").then(
        acquired(NODE, "w")
    )


def test_the_length_of_the_lease_is_the_settings() -> None:
    """A lease of no length ends at once."""
    [draft] = (
        given(task(runnable=PENDING))
        .when("AcquireNextNode", context(lease_ms=0), task_id=TASK)
        .drafts()
    )
    assert draft.event == NodeAcquired(FIRST_NEW_ID, "anonymous", NOW, "RUNNING")


def test_nothing_runnable_is_no_event() -> None:
    """Asking for a node where none is runnable changes nothing."""
    given(task()).when("AcquireNextNode", task_id=TASK).then()


def test_an_expired_lease_is_rolled_back_and_the_node_handed_on() -> None:
    """Acquiring first rolls back what ran out, and then has that node to give."""
    given(task(expired=[EXPIRED])).when("AcquireNextNode", task_id=TASK).then(
        rolled_back(EXPIRED), acquired(NODE)
    )


@pytest.mark.parametrize(("expired_at", "runnable_at"), [(0, 1), (1, 0)])
def test_the_node_registered_first_is_acquired(expired_at: int, runnable_at: int) -> None:
    """Rolled back or never acquired: the runnable node that was registered first is handed out."""
    expired = replace(EXPIRED, position=expired_at)
    runnable = replace(PENDING, node_id=OTHER, position=runnable_at)
    given(task(expired=[expired], runnable=runnable)).when("AcquireNextNode", task_id=TASK).then(
        rolled_back(expired), acquired(NODE if expired_at == 0 else OTHER)
    )


def test_every_expired_lease_is_rolled_back() -> None:
    """The daemon's rollback ends each lease that ran out, and hands out nothing."""
    other = replace(EXPIRED, node_id=OTHER, lease_id=OTHER_LEASE)
    given(task(expired=[EXPIRED, other], runnable=PENDING)).when(
        "roll_back_expired", task_id=TASK
    ).then(rolled_back(EXPIRED), rolled_back(other))


def test_no_expired_lease_is_no_event() -> None:
    """A rollback where no lease ran out changes nothing."""
    given(task(runnable=PENDING)).when("roll_back_expired", task_id=TASK).then()


# CommitEvent


def test_the_holder_commits_an_event() -> None:
    """The holder of the lease notes what it wants, under the name it wants."""
    given(node(RUNNING)).when("CommitEvent", **held(), action_type="NOTE", payload={"a": 1}).then(
        Draft(EventCommitted("NOTE"), NODE, b'{"a":1}')
    )


def test_an_event_has_a_name_and_a_payload_by_default() -> None:
    """`action_type` defaults to COMMIT_EVENT and the payload to null."""
    given(node(RUNNING)).when("CommitEvent", **held()).then(
        Draft(EventCommitted("COMMIT_EVENT"), NODE, b"null")
    )


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, COMPLETED, FAILED])
def test_nobody_needs_a_lease_where_nobody_holds_one(row: NodeRow) -> None:
    """Anybody may commit an event about a node that is not RUNNING, without a lease."""
    given(node(row)).when("CommitEvent", task_id=TASK, node_id=NODE, event_payload=0).then(
        Draft(EventCommitted("COMMIT_EVENT"), NODE, b"0")
    )


def test_a_running_node_needs_its_lease() -> None:
    """While the node is RUNNING, an event without a lease is refused."""
    given(node(RUNNING)).when("CommitEvent", task_id=TASK, node_id=NODE).refused(
        LeaseRequired, NODE, "send the lease_id"
    )


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, RUNNING, HELD_AGAIN, COMPLETED, FAILED])
def test_a_lease_that_is_given_has_to_be_current(row: NodeRow) -> None:
    """Wherever a lease is given, it must be the current one."""
    given(node(row)).when("CommitEvent", **held(OTHER_LEASE)).refused(
        StaleLease, OTHER_LEASE, "acquire again"
    )


# HeartbeatNode


def test_a_heartbeat_extends_the_lease() -> None:
    """The lease ends at now + timeout, counted from the heartbeat."""
    given(node(RUNNING)).when("HeartbeatNode", context(now=NOW + 7), **held()).then(
        Draft(LeaseExtended(LEASE, ENDS + 7), NODE)
    )


def test_a_heartbeat_before_the_rollback_still_counts() -> None:
    """A lease that ran out and was not rolled back yet is extended: nobody else has the node."""
    given(node(EXPIRED)).when("HeartbeatNode", **held()).then(
        Draft(LeaseExtended(LEASE, NOW + LEASE_MS), NODE)
    )


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, HELD_AGAIN, COMPLETED, FAILED])
def test_a_heartbeat_without_the_current_lease_is_refused(row: NodeRow) -> None:
    """Only the current holder extends a lease."""
    given(node(row)).when("HeartbeatNode", **held(OLD_LEASE)).refused(
        StaleLease, OLD_LEASE, "acquire again"
    )


def test_the_holder_of_a_rolled_back_lease_learns_when() -> None:
    """The refusal of a lease that was rolled back says so, and when it was."""
    given(node(ROLLED_BACK)).when("HeartbeatNode", **held(OLD_LEASE)).refused(
        StaleLease, OLD_LEASE, "rolled back at 2026-01-31T12:00:00.123Z", "acquire again"
    )


def test_the_loser_of_a_lease_learns_who_has_it() -> None:
    """The refusal of a lease that somebody else has now names the owner."""
    given(node(HELD_AGAIN)).when("HeartbeatNode", **held(OLD_LEASE)).refused(
        StaleLease, OLD_LEASE, NODE, "worker-1", "acquire again"
    )


# What is not there


@pytest.mark.parametrize("method", TASK_COMMANDS)
def test_an_unknown_task_is_refused(method: str) -> None:
    """A command on a task that is not there is refused with its id and a way on."""
    given(TaskState(TASK, 0, None)).when(method, task_id=TASK).refused(
        TaskNotFound, TASK, "register it"
    )


@pytest.mark.parametrize("method", NODE_COMMANDS)
def test_a_node_of_an_unknown_task_is_refused(method: str) -> None:
    """Of a task that is not there, the task is what is missing."""
    given(NodeState(TASK, 0, None, None)).when(method, **held()).refused(
        TaskNotFound, TASK, "register it"
    )


@pytest.mark.parametrize("method", NODE_COMMANDS)
def test_an_unknown_node_is_refused(method: str) -> None:
    """A node that the task does not have is refused with both ids and a way on."""
    given(node(None)).when(method, **held()).refused(NodeNotFound, TASK, NODE, "TaskStatus")
