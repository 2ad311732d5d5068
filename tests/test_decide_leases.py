"""What acquiring, rolling back and heartbeats decide."""

import pytest
from msgspec.structs import replace

from agentd.api import HeldLease
from agentd.decide import TaskState, refused_heartbeat
from agentd.errors import StaleLease, TaskIsCancelled
from agentd.events import LeaseExpired, LeaseExtended, NodeAcquired, TaskCancelled
from agentd.journal import Draft
from agentd.projections import NodeRow
from tests.core import LEASE_MS, NOW, Ids, context, uid
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
    nodes,
    task,
)

FIRST_NEW_ID = Ids()()
EXPIRED = replace(RUNNING, lease_expires_at=NOW - 1)
OTHER = uid(0x2)


def acquired(node_id: str, owner: str = "anonymous") -> Draft:
    return Draft(NodeAcquired(FIRST_NEW_ID, owner, ENDS, "RUNNING"), node_id)


def rolled_back(row: NodeRow) -> Draft:
    return Draft(
        LeaseExpired(row.lease_id or "", "worker-1", row.lease_expires_at or 0, "PENDING"),
        row.node_id,
    )


def acquired_again(node_id: str) -> Draft:
    return Draft(NodeAcquired(FIRST_NEW_ID, "anonymous", ENDS, "RUNNING", 2), node_id)


# AcquireNextNode and the daemon's own settle_due


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
        rolled_back(EXPIRED), acquired_again(NODE)
    )


@pytest.mark.parametrize(("expired_at", "runnable_at"), [(0, 1), (1, 0)])
def test_the_node_registered_first_is_acquired(expired_at: int, runnable_at: int) -> None:
    """Rolled back or never acquired: the runnable node that was registered first is handed out."""
    expired = replace(EXPIRED, added_seq=expired_at)
    runnable = replace(PENDING, node_id=OTHER, added_seq=runnable_at)
    given(task(expired=[expired], runnable=runnable)).when("AcquireNextNode", task_id=TASK).then(
        rolled_back(expired), acquired_again(NODE) if expired_at == 0 else acquired(OTHER)
    )


def test_every_expired_lease_is_rolled_back() -> None:
    """The daemon's rollback ends each lease that ran out, and hands out nothing."""
    other = replace(EXPIRED, node_id=OTHER, lease_id=OTHER_LEASE)
    given(task(expired=[EXPIRED, other], runnable=PENDING)).when("settle_due", task_id=TASK).then(
        rolled_back(EXPIRED), rolled_back(other)
    )


def test_no_expired_lease_is_no_event() -> None:
    """A rollback where no lease ran out changes nothing."""
    given(task(runnable=PENDING)).when("settle_due", task_id=TASK).then()


@pytest.mark.parametrize("expired", [[], [EXPIRED]])
def test_a_task_that_is_held_hands_out_nothing(expired: list[NodeRow]) -> None:
    """What ran out is rolled back, and not handed out again."""
    rollbacks = [rolled_back(row) for row in expired]
    given(task(expired=expired, hands_out=False)).when("AcquireNextNode", task_id=TASK).then(
        *rollbacks
    )


def test_what_a_node_has_used_is_recorded_with_its_lease() -> None:
    """As it is at that moment; that of other nodes is not."""
    usage = {NODE: {"usd": 1}, OTHER: {"usd": 2}}
    [draft] = (
        given(task(runnable=PENDING, usage=usage)).when("AcquireNextNode", task_id=TASK).drafts()
    )
    assert isinstance(draft.event, NodeAcquired)
    assert draft.event.usage == {"usd": 1}


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


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, RUNNING, COMPLETED])
def test_no_heartbeat_in_a_cancelled_task(row: NodeRow) -> None:
    """The refusal says that the task was cancelled, whatever the lease is."""
    cancelled = replace(node(row), cancelled=TaskCancelled("no need", "me"))
    given(cancelled).when("HeartbeatNode", **held()).refused(
        TaskIsCancelled, TASK, "by me", "no need"
    )
    refusal = refused_heartbeat(cancelled, HeldLease(TASK, NODE, LEASE), context())
    assert isinstance(refusal, TaskIsCancelled)


def test_nothing_in_any_task() -> None:
    """Where any task would do and none has a node, nothing happens, and nothing is refused."""
    given(TaskState("", 0, None)).when("AcquireNextNode").then()


# Several heartbeats


def test_all_that_are_current_are_extended() -> None:
    """Each lease that is still its node's lasts until now + timeout; the others do nothing."""
    state = nodes((RUNNING, LEASE), (RUNNING, OTHER_LEASE), (None, LEASE), (COMPLETED, LEASE))
    given(state).when("HeartbeatNode", leases=[]).then(Draft(LeaseExtended(LEASE, ENDS), NODE))


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, HELD_AGAIN, COMPLETED, FAILED, None])
def test_stale_leases_are_told_one_by_one(row: NodeRow | None) -> None:
    """Why each is not extended is what a heartbeat of its own would be refused with."""
    refusal = refused_heartbeat(node(row), HeldLease(TASK, NODE, OLD_LEASE), context())
    assert refusal is not None
    given(node(row)).when("HeartbeatNode", **held(OLD_LEASE)).refused(type(refusal), str(refusal))
